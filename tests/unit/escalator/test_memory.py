"""Cases that need not be read again."""

from services.escalator.core.decide import new_case
from services.escalator.memory import Memory
from shared.runtime.clock import new_id


def test_the_cases_longest_unused_are_let_go() -> None:
    memory = Memory(2)
    for key in ("a", "b"):
        memory.keep({key: (new_id(), new_case(key))})
    newer = new_id()
    memory.keep({"a": (newer, new_case("a"))})
    memory.keep({"c": (new_id(), new_case("c"))})
    assert memory.of("b") is None
    assert memory.of("c") is not None
    kept = memory.of("a")
    assert kept is not None
    assert kept[0] == newer

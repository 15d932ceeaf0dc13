"""Which procedure stands beside a case, and that the handbook has it."""

import re
from pathlib import Path

import pytest

from services.tracker.core.procedures import (
    DOWN,
    ENDED,
    MAJOR,
    MERGED,
    TAKE,
    TRIAGE,
    Call,
    Procedure,
    procedures_of,
)

HANDBOOK = Path(__file__).resolve().parents[3] / "docs" / "handbook"
ASKED = Call("functional", "t2", unanswered=True)
TAKEN = Call("functional", "t2", unanswered=False)


@pytest.mark.parametrize(
    ("status", "tier", "priority", "calls", "titles"),
    [
        ("new", None, None, [], [TRIAGE.title]),
        ("open", 1, "P3", [], ["Raise tier 1 to 2"]),
        ("open", 2, "P2", [ASKED], [TAKE.title, "Raise 2 to 3"]),
        ("open", 2, "P2", [TAKEN], ["Raise 2 to 3"]),
        ("open", 3, "P1", [ASKED, ASKED], [MAJOR.title, TAKE.title, DOWN.title]),
        ("resolved", 2, "P2", [], [ENDED.title]),
        ("merged", 2, "P2", [ASKED], [MERGED.title]),
    ],
)
def test_the_step_decides_which_procedures_come_first(
    status: str, tier: int | None, priority: str | None, calls: list[Call], titles: list[str]
) -> None:
    is_open = status not in {"resolved", "merged"}
    found = procedures_of(status, tier, priority, calls, is_open=is_open)
    assert [one.title for one in found] == titles


def test_a_department_has_its_place_on_the_page_of_departments() -> None:
    call = Call("external", "engineering", unanswered=False)
    found = procedures_of("open", 3, "P2", [call], is_open=True)
    assert (found[0].page, found[0].place) == ("external-procedures", "engineering")


@pytest.mark.parametrize(
    "one",
    [
        TRIAGE,
        TAKE,
        MAJOR,
        MERGED,
        ENDED,
        DOWN,
        *procedures_of("open", 1, "P3", (), is_open=True),
        *procedures_of("open", 2, "P3", (), is_open=True),
    ],
    ids=lambda one: one.title,
)
def test_the_handbook_has_every_procedure_under_its_heading(one: Procedure) -> None:
    page = (HANDBOOK / f"{one.page}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    assert one.title in headings
    if one.place:
        assert re.sub(r"\W+", "-", one.title.lower()) == one.place

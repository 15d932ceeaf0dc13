"""A transaction that reaches several cases: in whose order, and who gives way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from services.escalator.core.decide import Case, new_case
from services.escalator.core.engine import Outcome
from services.escalator.desk import Desk, UndecidableError
from services.escalator.memory import Memory
from services.escalator.store import ContendedError, StartOverError, begin_turn
from services.escalator.tables import ANYWHERE
from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.migrations import migrate
from tests.support.escalator_service import TIMELINE, ask


@pytest.fixture
async def schema(database: str) -> AsyncIterator[Database]:
    """The escalator's schema."""
    await migrate(database, ["escalator"])
    async with open_database(database, schema="escalator", clock=Clock()) as opened:
        yield opened


def counting(desk: Desk, *keys: str) -> Callable[[], Outcome]:
    """A step that raises the version of each of *keys* by one."""

    def step() -> Outcome:
        cases: dict[str, Case] = {}
        for key in keys:
            cases[key] = (desk.case(key) or new_case(key)).copy()
            cases[key].version += 1
        return Outcome(cases, (), ())

    return step


@asynccontextmanager
async def working(
    schema: Database, memory: Memory | None = None, *, take: tuple[str, ...] = ()
) -> AsyncIterator[Desk]:
    """Give a desk, and save what is on it at the end."""
    memory = memory or Memory(100)
    async with schema.transaction() as conn:
        desk = Desk(conn, memory)
        await desk.take(take)
        yield desk
        written = await desk.save(TIMELINE, await begin_turn(conn))
    memory.keep(written)


async def stored(schema: Database) -> Mapping[str, list[int]]:
    found = await ask(
        schema, "SELECT json_object_agg(key, ARRAY[version, topic_partition]) FROM ticket_state"
    )
    return dict(found or {})


async def test_a_step_gets_what_it_needs_and_was_not_taken(schema: Database) -> None:
    async with working(schema) as desk:
        await desk.do(counting(desk, "desk:A", "desk:B"), partition=0)
    async with working(schema, take=("desk:B",)) as desk:
        await desk.do(counting(desk, "desk:B", "desk:A"), partition=0)
    assert await stored(schema) == {"desk:A": [2, 0], "desk:B": [2, 0]}


async def test_a_case_out_of_order_is_only_tried_so_nobody_waits_in_a_circle(
    schema: Database,
) -> None:
    async with working(schema) as desk:
        await desk.do(counting(desk, "desk:A", "desk:B"), partition=0)

    async def reach_out() -> None:
        async with working(schema, take=("desk:B",)) as other:
            await other.do(counting(other, "desk:B", "desk:A"), partition=1)

    async with working(schema, take=("desk:A",)) as one:
        with pytest.raises(ContendedError) as told:
            await reach_out()
        await one.do(counting(one, "desk:A", "desk:B"), partition=0)
    assert told.value.keys == {"desk:A"}
    assert await stored(schema) == {"desk:A": [2, 0], "desk:B": [2, 0]}


async def test_who_makes_a_case_that_somebody_has_made_meanwhile_starts_over(
    schema: Database,
) -> None:
    async def overtaken() -> None:
        async with working(schema, take=("group:x",)) as late:
            await late.do(counting(late, "group:x"), partition=1)
            async with working(schema, take=("group:x",)) as early:
                await early.do(counting(early, "group:x"), partition=0)

    with pytest.raises(StartOverError):
        await overtaken()
    assert await stored(schema) == {"group:x": [1, 0]}


async def test_a_case_reached_from_two_partitions_waits_for_all_of_them(schema: Database) -> None:
    async with working(schema, take=("desk:A",)) as desk:
        await desk.do(counting(desk, "desk:A"), partition=4)
    async with working(schema, take=("desk:B",)) as desk:
        await desk.do(counting(desk, "desk:B", "desk:A"), partition=5)
    assert await stored(schema) == {"desk:A": [2, ANYWHERE], "desk:B": [1, 5]}


async def test_what_is_remembered_is_not_used_once_somebody_else_has_written(
    schema: Database,
) -> None:
    mine, theirs = Memory(100), Memory(100)
    for memory in (mine, theirs, mine, mine, theirs):
        async with working(schema, memory, take=("desk:A",)) as desk:
            await desk.do(counting(desk, "desk:A"), partition=0)
    assert await stored(schema) == {"desk:A": [5, 0]}


async def test_two_at_once_on_the_same_cases_follow_each_other(schema: Database) -> None:
    async with working(schema) as desk:
        await desk.do(counting(desk, "desk:A", "desk:B"), partition=0)

    async def once(*keys: str) -> None:
        async with working(schema, take=keys) as desk:
            await desk.do(counting(desk, *keys), partition=0)

    await asyncio.gather(*(once("desk:A", "desk:B") for _ in range(4)))
    assert await stored(schema) == {"desk:A": [5, 0], "desk:B": [5, 0]}


async def test_a_step_that_fails_leaves_nothing_on_the_desk(schema: Database) -> None:
    async with working(schema, take=("desk:A",)) as desk:

        def fail() -> Outcome:
            counting(desk, "desk:A")()
            msg = "no rule for this one"
            raise KeyError(msg)

        with pytest.raises(UndecidableError, match="no rule"):
            await desk.do(fail, partition=0)
        await desk.do(counting(desk, "desk:B"), partition=0)
    assert await stored(schema) == {"desk:B": [1, 0]}

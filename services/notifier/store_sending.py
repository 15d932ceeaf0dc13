"""The ledger's back half in Postgres: claims, results, leases, gates.

A claim is committed before anything is sent, and a result counts only for the attempt that it
belongs to; a process may die between the two, and another finds the row when its lease is over.
Every function works inside the caller's transaction; none commits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.flow import Gate, Rate, refilled, room, taken
from services.notifier.core.known import Decided, Known
from services.notifier.core.plan import Purpose
from services.notifier.core.report import Step
from services.notifier.core.roster import TicketFacts
from services.notifier.core.stale import stale
from services.notifier.core.wording import Remarks
from services.notifier.store import (
    UNFINISHED,
    WAITING,
    Now,
    decided_from,
    known_from,
    reported,
    say,
    suppress,
    waiting_from,
)
from services.notifier.tables import attempt, decision, delivery, gate, ticket

GATES_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process alone may send until its lease is over."""

    row: Mapping[str, Any]
    decision: Decided
    facts: TicketFacts
    remarks: Remarks
    gone: bool

    @property
    def id(self) -> UUID:
        """The delivery's id."""
        return self.row["id"]  # type: ignore[no-any-return]  # a row's columns are untyped

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self.row["attempt"]  # type: ignore[no-any-return]  # a row's columns are untyped


@dataclass(frozen=True, slots=True)
class Terms:
    """What a claim may take: rates by kind of gate, how many at once, and for how long."""

    rates: Mapping[str, Rate]
    at_once: int
    lease: timedelta

    def rate(self, name: str) -> Rate:
        """Return the rate of the gate called *name*: its kind stands before the colon."""
        return self.rates[name.partition(":")[0]]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at the ledger gave: deliveries to send, and how many were out of date."""

    taken: tuple[Claimed, ...]
    suppressed: int

    @property
    def found(self) -> bool:
        """Whether another look at once may find more."""
        return bool(self.taken) or self.suppressed > 0


def _due(row: Any) -> ColumnElement[bool]:
    return and_(
        row.c.state.in_(WAITING),
        row.c.next_at <= func.clock_timestamp(),
        or_(row.c.hold_until.is_(None), row.c.hold_until <= func.notifier.clock()),
    )


def _first_in_line(row: Any) -> ColumnElement[bool]:
    """Say that nothing older about the same ticket is still on its way to the same target.

    What is held until later does not stand in line yet.
    """
    older = delivery.alias("older")
    return ~exists().where(
        older.c.ticket == row.c.ticket,
        older.c.target == row.c.target,
        older.c.version < row.c.version,
        older.c.state.in_(UNFINISHED),
        or_(older.c.hold_until.is_(None), older.c.hold_until <= func.notifier.clock()),
    )


async def claim(conn: AsyncConnection, limit: int, terms: Terms, moment: Now) -> Claim:
    """Take up to *limit* due deliveries, each through a gate that has room for it.

    A gate is served by one instance at a time; the one that waited longest comes first.
    """
    gates = await _ready_gates(conn)
    if not gates:
        return Claim((), 0)
    rooms = await _rooms(conn, gates, limit, terms, moment)
    rows = [row for name, free in rooms.items() for row in await _take(conn, name, free)]
    known = await _known(conn, {row["ticket"] for row in rows})
    told = await _told(conn, [row for row in rows if row["purpose"] == Purpose.STAND_DOWN])
    fresh, overtaken = [], []
    for row in rows:
        why = stale(waiting_from(row, told=row["id"] in told), known[row["ticket"]])
        if why is None:
            fresh.append(row)
        else:
            overtaken.append((row, why))
    await suppress(conn, overtaken, moment)
    claimed = await _claimed(conn, fresh, gates, terms, moment)
    for name, one in gates.items():
        count = sum(1 for each in claimed if each.row["gate"] == name)
        await save_gate(conn, taken(one, count), served_at=moment)
    return Claim(claimed, len(overtaken))


async def _ready_gates(conn: AsyncConnection) -> dict[str, Gate]:
    row = delivery.alias("d")
    found = await conn.execute(
        select(gate)
        .where(
            or_(gate.c.open_until.is_(None), gate.c.open_until <= func.clock_timestamp()),
            exists().where(row.c.gate == gate.c.gate, _due(row)),
        )
        .order_by(gate.c.served_at)
        .limit(GATES_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return {row["gate"]: gate_from(row) for row in found.mappings()}


def gate_from(row: Mapping[Any, Any]) -> Gate:
    """Return a row of ``gate`` as the core knows it."""
    return Gate(
        name=row["gate"],
        tokens=row["tokens"],
        refilled_at=row["refilled_at"],
        failures=row["failures"],
        open_until=row["open_until"],
        pause=row["pause"],
        gone=row["gone"],
    )


async def _rooms(
    conn: AsyncConnection, gates: dict[str, Gate], limit: int, terms: Terms, moment: Now
) -> dict[str, int]:
    found = await conn.execute(
        select(delivery.c.gate, func.count())
        .where(delivery.c.state == "claimed", delivery.c.gate.in_(gates))
        .group_by(delivery.c.gate)
    )
    in_flight = {row[0]: row[1] for row in found}
    rooms: dict[str, int] = {}
    for name, one in gates.items():
        full = refilled(one, terms.rate(name), now=moment.real)
        gates[name] = full
        free = room(full, in_flight=in_flight.get(name, 0), at_once=terms.at_once, now=moment.real)
        rooms[name] = min(free, limit)
        limit -= rooms[name]
    return {name: free for name, free in rooms.items() if free > 0}


async def _take(conn: AsyncConnection, name: str, free: int) -> Sequence[Mapping[Any, Any]]:
    row = delivery.alias("d")
    found = await conn.execute(
        select(row, decision.c.type)
        .join(decision, decision.c.id == row.c.decision_id)
        .where(row.c.gate == name, _due(row), _first_in_line(row))
        .order_by(row.c.next_at, row.c.version)
        .limit(free)
        .with_for_update(of=row, skip_locked=True)
    )
    return found.mappings().all()


async def _known(conn: AsyncConnection, tickets: set[str]) -> dict[str, Known]:
    found = await conn.execute(select(ticket).where(ticket.c.ticket.in_(tickets)))
    return {row["ticket"]: known_from(row) for row in found.mappings()}


async def _told(conn: AsyncConnection, rows: Sequence[Mapping[Any, Any]]) -> set[UUID]:
    """Return which stand-downs go to a role that an earlier notice reached, or may have.

    It may have when an attempt was accepted, or when nobody knows how one ended.
    """
    if not rows:
        return set()
    closing, notice = delivery.alias("closing"), delivery.alias("notice")
    found = await conn.execute(
        select(closing.c.id)
        .where(closing.c.id.in_([row["id"] for row in rows]))
        .where(
            exists().where(
                notice.c.escalation == closing.c.escalation,
                notice.c.role == closing.c.role,
                notice.c.purpose == Purpose.NOTICE,
                attempt.c.delivery_id == notice.c.id,
                or_(attempt.c.outcome.is_(None), attempt.c.outcome == "accepted"),
            )
        )
    )
    return set(found.scalars())


async def _claimed(
    conn: AsyncConnection,
    rows: Sequence[Mapping[Any, Any]],
    gates: Mapping[str, Gate],
    terms: Terms,
    moment: Now,
) -> tuple[Claimed, ...]:
    if not rows:
        return ()
    ids = [row["id"] for row in rows]
    remarks = await _remarks(conn, ids)
    found = await conn.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids))
        .values(
            state="claimed",
            attempt=delivery.c.attempt + 1,
            way_attempt=delivery.c.way_attempt + 1,
            lease_until=func.clock_timestamp() + terms.lease,
            first_attempt_at=func.coalesce(delivery.c.first_attempt_at, func.clock_timestamp()),
        )
        .returning(delivery)
    )
    claimed = found.mappings().all()
    started = [
        {
            "delivery_id": row["id"],
            "attempt": row["attempt"],
            "channel": row["channel"],
            "started_at": moment.real,
        }
        for row in claimed
    ]
    await conn.execute(insert(attempt), started)
    causes = await conn.execute(
        select(decision).where(decision.c.id.in_([row["decision_id"] for row in claimed]))
    )
    by_id = {row["id"]: row for row in causes.mappings()}
    return tuple(
        Claimed(
            row=dict(row),
            decision=decided_from(by_id[row["decision_id"]]),
            facts=TicketFacts(**by_id[row["decision_id"]]["facts"]),
            remarks=remarks[row["id"]],
            gone=gates[row["gate"]].gone,
        )
        for row in claimed
    )


async def _remarks(conn: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Remarks]:
    """Return what these attempts must add: a possible repeat, and messages given up before."""
    row, dead, sent = delivery.alias("d"), delivery.alias("dead"), delivery.alias("sent")
    unclear = exists().where(attempt.c.delivery_id == row.c.id, attempt.c.ended_at.is_(None))
    same = [dead.c.ticket == row.c.ticket, dead.c.target == row.c.target]
    since = (
        select(func.max(sent.c.version))
        .where(
            sent.c.ticket == row.c.ticket,
            sent.c.target == row.c.target,
            sent.c.state.in_(("sent", "delivered")),
        )
        .scalar_subquery()
    )
    missed = (
        select(func.count())
        .where(
            *same,
            dead.c.state == "dead",
            dead.c.version < row.c.version,
            dead.c.version > func.coalesce(since, 0),
        )
        .scalar_subquery()
    )
    found = await conn.execute(select(row.c.id, unclear, missed).where(row.c.id.in_(ids)))
    return {one[0]: Remarks(repeat=one[1], missed=one[2]) for one in found}


async def save_gate(conn: AsyncConnection, one: Gate, *, served_at: Now | None = None) -> None:
    """Keep *one* as it is now; *served_at* moves it to the end of the line."""
    values: dict[str, Any] = {
        "tokens": one.tokens,
        "refilled_at": one.refilled_at,
        "failures": one.failures,
        "open_until": one.open_until,
        "pause": one.pause,
        "gone": one.gone,
    }
    if served_at is not None:
        values["served_at"] = served_at.real
    await conn.execute(update(gate).where(gate.c.gate == one.name).values(**values))


async def lock_gate(conn: AsyncConnection, name: str) -> Gate:
    """Return the gate called *name*, locked."""
    found = await conn.execute(select(gate).where(gate.c.gate == name).with_for_update())
    return gate_from(found.mappings().one())


async def end_attempt(
    conn: AsyncConnection, of: Claimed, *, outcome: str, detail: str | None, moment: Now
) -> Mapping[Any, Any] | None:
    """Write down how an attempt ended, and return its delivery, locked, if the result counts.

    It counts while the row still stands at this attempt; None means that another took over.
    """
    await conn.execute(
        update(attempt)
        .where(attempt.c.delivery_id == of.id, attempt.c.attempt == of.attempt)
        .values(ended_at=moment.real, outcome=outcome, detail=detail)
    )
    found = await conn.execute(
        select(delivery)
        .where(
            delivery.c.id == of.id,
            delivery.c.attempt == of.attempt,
            delivery.c.state.in_(("claimed", "uncertain")),
        )
        .with_for_update()
    )
    return found.mappings().one_or_none()


async def save_result(conn: AsyncConnection, row_id: UUID, values: Mapping[str, Any]) -> None:
    """Set what an attempt's result makes of its delivery."""
    await conn.execute(update(delivery).where(delivery.c.id == row_id).values(**values))


async def expire_leases(conn: AsyncConnection, hold: Sequence[str], moment: Now) -> int:
    """Let go of deliveries whose sender has not come back in time.

    Nobody knows whether they went out: they are sent again under the same key, except on the
    channels of *hold*, where they become dead letters.

    Returns:
        How many there were.
    """
    held = delivery.c.channel.in_(hold)
    found = await conn.execute(
        update(delivery)
        .where(delivery.c.state == "claimed", delivery.c.lease_until < func.clock_timestamp())
        .values(
            state=case((held, "dead"), else_="uncertain"),
            reason=case((held, "uncertain"), else_=delivery.c.reason),
            finished_at=case((held, moment.virtual), else_=None),
            lease_until=None,
            next_at=func.clock_timestamp(),
            last_error="the sender did not come back",
        )
        .returning(delivery)
    )
    rows = found.mappings().all()
    dead = [row for row in rows if row["state"] == "dead" and row["purpose"] != Purpose.ALERT]
    await say(conn, [(Step.FAILED, reported(row)) for row in dead], moment)
    return len(rows)

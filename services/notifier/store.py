"""The ledger's front half in Postgres: what was heard, and what was planned of it.

Every function works inside the caller's transaction; none commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.desk import FanOut
from services.notifier.core.known import Called, Decided, Known
from services.notifier.core.plan import INTAKE, Earlier, Planned, Purpose
from services.notifier.core.report import Reported, Step, report
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.core.stale import Waiting, stale
from services.notifier.tables import (
    dead_letter,
    decision,
    delivery,
    early,
    gate,
    outbox,
    ticket,
)
from shared.contract.envelope import encode

WAITING: Final = ("planned", "retry", "uncertain")
"""The states in which a delivery still wants sending."""

UNFINISHED: Final = (*WAITING, "claimed")


@dataclass(frozen=True, slots=True)
class Now:
    """One moment by both clocks: *virtual* for policy and people, *real* for everything else."""

    virtual: datetime
    real: datetime


async def now(conn: AsyncConnection) -> Now:
    """Read both clocks of the database."""
    row = (await conn.execute(text("SELECT notifier.clock(), clock_timestamp()"))).one()
    return Now(virtual=row[0], real=row[1])


async def load_known(conn: AsyncConnection, tickets: Iterable[str]) -> dict[str, Known]:
    """Return the *tickets* that were heard of, locked in the order of their keys."""
    found = await conn.execute(
        select(ticket)
        .where(ticket.c.ticket.in_(sorted(set(tickets))))
        .order_by(ticket.c.ticket)
        .with_for_update()
    )
    return {row["ticket"]: known_from(row) for row in found.mappings()}


def known_from(row: Mapping[Any, Any]) -> Known:
    """Return a row of ``ticket`` as the core knows it."""
    return Known(
        ticket=row["ticket"],
        version=row["version"],
        last_id=row["last_id"],
        status=row["status"],
        status_version=row["status_version"],
        facts=TicketFacts(**row["facts"]),
        calls={key: Called(**call) for key, call in row["calls"].items()},
    )


async def load_early(
    conn: AsyncConnection, tickets: Iterable[str]
) -> dict[str, dict[int, Decided]]:
    """Return the decisions of *tickets* that wait for an earlier version."""
    found = await conn.execute(select(early).where(early.c.ticket.in_(set(tickets))))
    kept: dict[str, dict[int, Decided]] = {}
    for row in found.mappings():
        kept.setdefault(row["ticket"], {})[row["version"]] = decided_from(row)
    return kept


def decided_from(row: Mapping[Any, Any]) -> Decided:
    """Return a row of ``decision`` or ``early`` as the core knows it."""
    return Decided(
        id=row["id"],
        type=row["type"],
        ticket=row["ticket"],
        version=row["version"],
        at=row["at"],
        data=row["data"],
    )


async def load_earlier(
    conn: AsyncConnection, roles_by_escalation: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str], Earlier]:
    """Return how the roles to be stood down were called before, the latest call of each."""
    pairs = [(key, role) for key, roles in roles_by_escalation.items() for role in roles]
    if not pairs:
        return {}
    found = await conn.execute(
        select(delivery.c.escalation, delivery.c.role, delivery.c.person, delivery.c.mode)
        .where(
            tuple_(delivery.c.escalation, delivery.c.role).in_(pairs),
            delivery.c.purpose == Purpose.NOTICE,
            delivery.c.person.is_not(None),
        )
        .order_by(delivery.c.version)
    )
    return {(row.escalation, row.role): Earlier(row.person, row.mode) for row in found}


async def save_known(conn: AsyncConnection, tickets: Iterable[Known]) -> None:
    """Keep *tickets* as they are known now."""
    rows = [
        {
            "ticket": one.ticket,
            "version": one.version,
            "last_id": one.last_id,
            "status": one.status,
            "status_version": one.status_version,
            "facts": asdict(one.facts),
            "calls": {key: asdict(call) for key, call in one.calls.items()},
        }
        for one in sorted(tickets, key=lambda known: known.ticket)
    ]
    if not rows:
        return
    given = insert(ticket)
    changed = {
        column.name: given.excluded[column.name] for column in ticket.c if not column.primary_key
    }
    await conn.execute(
        given.on_conflict_do_update(index_elements=[ticket.c.ticket], set_=changed), rows
    )


async def save_early(
    conn: AsyncConnection, parked: Sequence[Decided], released: Sequence[Decided], moment: Now
) -> None:
    """Keep the decisions that came too early, and drop those whose turn has come."""
    if parked:
        rows = [{**_decided(one), "heard_at": moment.real} for one in parked]
        await conn.execute(insert(early).on_conflict_do_nothing(), rows)
    if released:
        keys = [(one.ticket, one.version) for one in released]
        await conn.execute(early.delete().where(tuple_(early.c.ticket, early.c.version).in_(keys)))


def _decided(one: Decided) -> dict[str, Any]:
    return {
        "ticket": one.ticket,
        "version": one.version,
        "id": one.id,
        "type": one.type,
        "at": one.at,
        "data": dict(one.data),
    }


async def save_fan_outs(
    conn: AsyncConnection,
    fan_outs: Sequence[tuple[FanOut, Mapping[UUID, str | None]]],
    roster: Roster,
    moment: Now,
) -> None:
    """Write decisions and their deliveries to the ledger, and say so in the outbox.

    Args:
        conn: The transaction of the batch.
        fan_outs: Each with the reasons, by delivery, for which it is suppressed at once.
        roster: For the masked addresses.
        moment: When the batch is heard.
    """
    if not fan_outs:
        return
    kept = [
        {
            **_decided(one.decision),
            "facts": asdict(one.facts),
            "rows": len(one.rows),
            "planned_at": moment.virtual,
        }
        for one, _ in fan_outs
    ]
    await conn.execute(insert(decision).on_conflict_do_nothing(), kept)
    rows = [
        planned_row(row, one.decision, roster, moment, suppressed=stale_now.get(row.id))
        for one, stale_now in fan_outs
        for row in one.rows
    ]
    await save_rows(conn, rows, moment)


async def save_rows(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]], moment: Now) -> None:
    """Insert delivery *rows* that are not there yet, and open the gates they go through."""
    await open_gates(conn, {row["gate"] for row in rows if row["gate"] is not None}, moment)
    if not rows:
        return
    written = await conn.execute(
        insert(delivery).on_conflict_do_nothing().returning(delivery.c.id), list(rows)
    )
    new = set(written.scalars())
    told: list[tuple[Step, Reported]] = []
    for row in rows:
        if row["id"] in new and row["purpose"] != Purpose.ALERT:
            told.append((Step.PLANNED, reported(row)))
            if row["state"] == "suppressed":
                told.append((Step.SUPPRESSED, reported(row)))
    await say(conn, told, moment)


async def open_gates(conn: AsyncConnection, names: Iterable[str], moment: Now) -> None:
    """Make sure that every gate of *names* has its row; a new one is full and open.

    Tokens start at "infinity": filling cuts them down to the burst of the gate's kind.
    """
    rows = [
        {
            "gate": name,
            "tokens": float("inf"),
            "refilled_at": moment.real,
            "failures": 0,
            "gone": False,
            "served_at": moment.real,
        }
        for name in sorted(names)
    ]
    if rows:
        await conn.execute(insert(gate).on_conflict_do_nothing(), rows)


def planned_row(
    row: Planned,
    of: Decided,
    roster: Roster,
    moment: Now,
    *,
    suppressed: str | None = None,
) -> dict[str, Any]:
    """Return *row* as the ledger first holds it."""
    reason = suppressed or row.suppressed
    return {
        "id": row.id,
        "decision_id": row.decision_id,
        "ticket": row.ticket,
        "version": row.version,
        "escalation": row.escalation,
        "role": row.role,
        "person": row.person,
        "purpose": str(row.purpose),
        "mode": row.mode,
        "fyi": row.fyi,
        "ladder": row.ladder,
        "code": row.code,
        "priority": of.data.get("priority"),
        "ways": list(row.ways),
        "way": 0,
        "way_attempt": 0,
        **way(row.channel, row.person, roster),
        "state": "planned" if reason is None else "suppressed",
        "reason": reason,
        "attempt": 0,
        "planned_at": moment.virtual,
        "hold_until": row.hold_until,
        "finished_at": None if reason is None else moment.virtual,
        "next_at": moment.real,
    }


def way(channel: str | None, person: str | None, roster: Roster) -> dict[str, str | None]:
    """Return the columns that follow from going to *person* by *channel*.

    The target orders messages; the gate is whose trouble stops them: all mail goes through one
    relay, every webhook is a far side of its own, named by its address so that a changed one
    starts afresh.
    """
    if channel is None:
        return {"channel": None, "address": None, "target": None, "gate": None}
    contact = roster.contacts.get(person or "")
    through = channel
    if channel == "webhook" and contact is not None and contact.webhook is not None:
        through = f"webhook:{person}:{contact.webhook.fingerprint}"
    return {
        "channel": channel,
        "address": INTAKE if contact is None else contact.shown(channel),
        "target": f"{channel}:{person or INTAKE}",
        "gate": through,
    }


def reported(row: Mapping[Any, Any]) -> Reported:
    """Return a row of ``delivery`` as others may see it."""
    return Reported(
        id=row["id"],
        ticket=row["ticket"],
        decision_id=row["decision_id"],
        version=row["version"],
        role=row["role"],
        purpose=row["purpose"],
        mode=row["mode"],
        attempt=row["attempt"],
        escalation=row["escalation"],
        person=row["person"],
        channel=row["channel"],
        address=row["address"],
        reason=row["reason"],
    )


async def say(conn: AsyncConnection, told: Sequence[tuple[Step, Reported]], moment: Now) -> None:
    """Put what is *told* of deliveries into the outbox, in that order."""
    events = [(report(step, one, at=moment.virtual), one) for step, one in told]
    rows = [
        {
            "ticket": one.ticket,
            "id": UUID(event.id),
            "payload": encode(event),
            "created_at": moment.real,
        }
        for event, one in events
    ]
    if rows:
        await conn.execute(insert(outbox).on_conflict_do_nothing(), rows)


async def suppress_settled(conn: AsyncConnection, settled: Mapping[str, Known], moment: Now) -> int:
    """Suppress waiting notices that the newest decisions of their tickets have overtaken.

    Rows that a sender is taking just now are left to it: it looks again itself.

    Returns:
        How many were suppressed.
    """
    if not settled:
        return 0
    found = await conn.execute(
        select(delivery, decision.c.type)
        .join(decision, decision.c.id == delivery.c.decision_id)
        .where(
            delivery.c.ticket.in_(settled),
            delivery.c.state.in_(WAITING),
            delivery.c.purpose == Purpose.NOTICE,
        )
        .with_for_update(of=delivery, skip_locked=True)
    )
    overtaken = [
        (row, why)
        for row in found.mappings()
        if (why := stale(waiting_from(row), settled[row["ticket"]])) is not None
    ]
    await suppress(conn, overtaken, moment)
    return len(overtaken)


def waiting_from(row: Mapping[Any, Any], *, told: bool = False) -> Waiting:
    """Return a delivery joined with its decision's type as staleness looks at it."""
    return Waiting(
        purpose=Purpose(row["purpose"]),
        version=row["version"],
        fyi=row["fyi"],
        ladder=row["ladder"],
        escalation=row["escalation"],
        type=row["type"],
        told=told,
    )


async def suppress(
    conn: AsyncConnection, rows: Sequence[tuple[Mapping[Any, Any], str]], moment: Now
) -> None:
    """Mark *rows* suppressed, each for its reason, and say so."""
    by_reason: dict[str, list[UUID]] = {}
    for row, why in rows:
        by_reason.setdefault(why, []).append(row["id"])
    for why, ids in by_reason.items():
        await conn.execute(
            update(delivery)
            .where(delivery.c.id.in_(ids))
            .values(state="suppressed", reason=why, finished_at=moment.virtual, lease_until=None)
        )
    told = [(Step.SUPPRESSED, reported({**row, "reason": why})) for row, why in rows]
    await say(conn, told, moment)


async def save_dead_letters(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep records that could not be read or planned; the same one twice is kept once."""
    if rows:
        await conn.execute(insert(dead_letter).on_conflict_do_nothing(), list(rows))


async def tickets_with_gaps(conn: AsyncConnection) -> list[tuple[str, int]]:
    """Return the tickets that wait for a missing version, with the lowest version they have."""
    found = await conn.execute(
        select(early.c.ticket, func.min(early.c.version))
        .group_by(early.c.ticket)
        .order_by(early.c.ticket)
    )
    return [(row[0], row[1]) for row in found]

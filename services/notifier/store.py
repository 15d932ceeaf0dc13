"""What was heard, in Postgres: tickets, decisions that came early, records nobody could read.

Every function works inside the caller's transaction; none commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import (
    ARRAY,
    CollectionAggregate,
    Text,
    any_,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.desk import TOLD_AGAIN_AFTER, fault
from services.notifier.core.known import ALERT, Called, Decided, Known
from services.notifier.core.plan import Earlier, Purpose
from services.notifier.core.roster import TicketFacts
from services.notifier.tables import dead_letter, decision, delivery, digest_slot, early, ticket

# A batch is one parameter, whatever its length; values named one by one cost more than the rows.
_KEEP: Final = text(
    """
    INSERT INTO ticket
    SELECT * FROM json_populate_recordset(CAST(NULL AS ticket), CAST(CAST(:rows AS text) AS json))
    ON CONFLICT (ticket) DO UPDATE SET version = excluded.version, last_id = excluded.last_id,
        status = excluded.status, status_version = excluded.status_version, tier = excluded.tier,
        priority = excluded.priority, restricted = excluded.restricted, facts = excluded.facts,
        calls = excluded.calls
    """
)
_HOLD: Final = text("SELECT pg_advisory_xact_lock(hashtext(:name))")


@dataclass(frozen=True, slots=True)
class Now:
    """One moment by both clocks: *virtual* for policy and people, *real* for everything else."""

    virtual: datetime
    real: datetime


async def now(conn: AsyncConnection) -> Now:
    """Read both clocks of the database."""
    row = (await conn.execute(text("SELECT clock(), clock_timestamp()"))).one()
    return Now(virtual=row[0], real=row[1])


def among(keys: Sequence[str]) -> CollectionAggregate[bool]:
    """Return what a column is compared with to be one of *keys*: one parameter, whatever their number."""
    return any_(literal(keys, ARRAY(Text)))


async def load_known(conn: AsyncConnection, tickets: Iterable[str]) -> dict[str, Known]:
    """Return the *tickets* that were heard of, locked in the order of their keys."""
    found = await conn.execute(
        select(ticket)
        .where(ticket.c.ticket == among(sorted(set(tickets))))
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
        tier=row["tier"],
        priority=row["priority"],
        restricted=row["restricted"],
        facts=TicketFacts(**row["facts"]),
        calls={key: Called(**call) for key, call in row["calls"].items()},
    )


async def load_early(
    conn: AsyncConnection, tickets: Iterable[str]
) -> dict[str, dict[int, Decided]]:
    """Return the decisions of *tickets* that wait for an earlier version."""
    found = await conn.execute(select(early).where(early.c.ticket == among(sorted(set(tickets)))))
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
        traceparent=row["traceparent"],
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


async def load_alerted(conn: AsyncConnection, moment: Now) -> set[str]:
    """Return the faults of the set-up that somebody was told of lately.

    Whoever asks holds the answer for the rest of the transaction: two instances that meet the same
    fault on two tickets tell of it once.
    """
    await conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('notifier.alerted'))"))
    told = (
        select(delivery.c.id)
        .where(delivery.c.decision_id == decision.c.id, delivery.c.state != "suppressed")
        .exists()
    )
    found = await conn.execute(
        select(decision.c.data["code"].astext, decision.c.data["detail"]).where(
            decision.c.type == ALERT,
            decision.c.planned_at > moment.virtual - TOLD_AGAIN_AFTER,
            told,
        )
    )
    return {fault(code, detail) for code, detail in found}


async def load_slots(
    conn: AsyncConnection, abouts: Iterable[str]
) -> dict[tuple[str, str], datetime]:
    """Return when the newest digests about each of *abouts* go, by that and by person.

    Whoever asks holds the answer for the rest of the transaction: two instances that hear of one
    group on two of its members give a person one time.
    """
    asked = sorted(set(abouts))
    if not asked:
        return {}
    for about in asked:
        await conn.execute(_HOLD, {"name": f"notifier.digest|{about}"})
    found = await conn.execute(select(digest_slot).where(digest_slot.c.about.in_(asked)))
    return {(row.about, row.person): row.goes_at for row in found}


async def save_slots(conn: AsyncConnection, slots: Mapping[tuple[str, str], datetime]) -> None:
    """Keep when the newest digests go."""
    rows = [
        {"about": about, "person": person, "goes_at": goes_at}
        for (about, person), goes_at in sorted(slots.items())
    ]
    if rows:
        given = insert(digest_slot)
        changed = {"goes_at": given.excluded.goes_at}
        await conn.execute(
            given.on_conflict_do_update(index_elements=["about", "person"], set_=changed), rows
        )


async def save_known(conn: AsyncConnection, tickets: Iterable[Known]) -> None:
    """Keep *tickets* as they are known now."""
    rows = sorted(tickets, key=lambda known: known.ticket)
    if rows:
        await conn.execute(_KEEP, {"rows": as_rows(rows)})


def as_rows(rows: Sequence[object]) -> str:
    """Return *rows*, dataclasses or mappings by column, as `json_populate_recordset` reads them.

    Raises:
        ValueError: There is text in them that no encoding carries.
    """
    return to_json(rows, fallback=dict).decode()


async def save_early(
    conn: AsyncConnection, parked: Sequence[Decided], released: Sequence[Decided], moment: Now
) -> None:
    """Keep the decisions that came too early, and drop those whose turn has come."""
    if parked:
        rows = [{**decision_row(one), "heard_at": moment.real} for one in parked]
        await conn.execute(insert(early).on_conflict_do_nothing(), rows)
    if released:
        keys = [(one.ticket, one.version) for one in released]
        await conn.execute(early.delete().where(tuple_(early.c.ticket, early.c.version).in_(keys)))


def decision_row(one: Decided) -> dict[str, Any]:
    """Return *one* as ``decision`` and ``early`` hold it."""
    return {
        "ticket": one.ticket,
        "version": one.version,
        "id": one.id,
        "type": one.type,
        "at": one.at,
        "data": dict(one.data),
        "traceparent": one.traceparent,
    }


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

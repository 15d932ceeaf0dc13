"""Claims in Postgres: who sends what now, and what becomes of claims whose holder is gone.

A claim is committed before anything is sent, and a result counts only for the attempt that it
belongs to; a process may die between the two, and another finds the row when its lease is over.
Every function works inside the caller's transaction; none commits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.allot import Limits, Share, Waiting, allot, gates_of
from services.notifier.core.flow import Breaker, Gate
from services.notifier.core.known import Called, Decided, Known
from services.notifier.core.message import Remarks
from services.notifier.core.plan import Purpose, copied_by_mail, digest_id, without_mail
from services.notifier.core.receipts import why_none
from services.notifier.core.report import Step
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.core.stale import stale
from services.notifier.rosters import Rosters
from services.notifier.store import Now
from services.notifier.store_gates import SAVE_GATES, gate_from, gates_given
from services.notifier.store_ledger import (
    goes_by_mail_besides,
    open_gates,
    planned_from,
    planned_row,
    reported,
    save_rows,
    say,
    suppress,
    waiting_from,
    way,
)

_DUE: Final = """
    d.state IN ('planned', 'retry', 'uncertain') AND d.next_at <= {real}
    AND (d.hold_until IS NULL OR d.hold_until <= {virtual})
"""
_URGENT: Final = "(d.priority = 'P1' AND d.ladder AND NOT d.fyi)"
_LOOK: Final = text(
    f"""
    SELECT moment.virtual, moment.real, due.* FROM (
        SELECT clock() AS virtual, clock_timestamp() AS real
    ) AS moment LEFT JOIN LATERAL (
        SELECT d.gate, d.target, count(*), min(d.next_at), coalesce({_URGENT}, false) AS urgent,
            d.mode = 'digest' AS bundle FROM delivery d
        WHERE {_DUE.format(real="moment.real", virtual="moment.virtual")}
        GROUP BY d.gate, d.target, 5, 6
    ) AS due ON true
    """  # noqa: S608  only our own words are put in
)
_GATES: Final = text(
    """
    SELECT g.*, (
        SELECT count(DISTINCT coalesce(d.digest, d.id)) FROM delivery d
        WHERE d.state = 'claimed' AND d.gate = g.gate
    ) AS in_flight
    FROM gate g WHERE g.gate = ANY(CAST(:gates AS text[])) ORDER BY g.gate
    FOR UPDATE OF g SKIP LOCKED
    """
)
# Nothing older about the same ticket may still be on its way to the same recipient; but a call
# that asks for an answer does not wait for something that failed before, nor does a digest, which
# keeps the order inside. "Not distinct" is no index's business: looked up by target, as PostgreSQL
# would before it has statistics, thousands that wait are compared with each other.
_IN_LINE: Final = """
    NOT EXISTS (
        SELECT FROM delivery older
        WHERE older.ticket = d.ticket AND older.version < d.version
        AND older.target IS NOT DISTINCT FROM d.target
        AND (older.hold_until IS NULL OR older.hold_until <= :virtual)
        AND (older.state = 'claimed' OR NOT share.together AND (
            older.state IN ('planned', 'uncertain')
            OR older.state = 'retry' AND (d.fyi OR NOT d.ladder)
        ))
    )
"""
_TAKE: Final = text(
    f"""
    SELECT d.*, share.together, share.urgent, share.bundle, c.type, c.at, c.traceparent, CAST(c.data AS text) AS data,
        CAST(c.facts AS text) AS facts, t.status, t.status_version, CAST(t.calls AS text) AS calls,
        EXISTS (
            SELECT FROM attempt a WHERE a.delivery_id = d.id
            AND (a.ended_at IS NULL OR a.outcome = 'unclear')
        ) AS unclear,
        d.purpose = 'stand_down' AND EXISTS (
            SELECT FROM delivery n JOIN attempt a ON a.delivery_id = n.id
            WHERE n.ticket = d.ticket AND n.escalation = d.escalation AND n.person = d.person
            AND n.purpose IN ('notice', 'copy')
            AND (a.ended_at IS NULL OR a.outcome IN ('accepted', 'unclear'))
        ) AS told,
        d.ladder AND EXISTS (
            SELECT FROM delivery n
            WHERE n.ticket = d.ticket AND n.escalation = d.escalation AND n.role = d.role
            AND n.version > d.version
            AND n.ladder AND NOT n.fyi AND n.purpose = 'notice'
            AND n.state NOT IN ('suppressed', 'dead', 'discarded')
            AND (n.hold_until IS NULL OR n.hold_until <= :virtual)
        ) AS overtaken,
        (
            SELECT count(*) FROM delivery m
            WHERE m.ticket = d.ticket AND m.target = d.target AND m.state = 'dead'
            AND m.version < d.version AND m.version > coalesce((
                SELECT max(s.version) FROM delivery s WHERE s.ticket = d.ticket
                AND s.target = d.target AND s.state IN ('sent', 'delivered')
            ), 0)
        ) AS missed
    FROM unnest(
        CAST(:targets AS text[]), CAST(:gates AS text[]), CAST(:mosts AS int[]),
        CAST(:together AS boolean[]), CAST(:urgent AS boolean[]), CAST(:bundle AS boolean[])
    ) AS share (target, gate, most, together, urgent, bundle)
    CROSS JOIN LATERAL (
        SELECT * FROM delivery d
        WHERE d.target = share.target AND d.gate = share.gate
        AND coalesce({_URGENT}, false) = share.urgent AND (d.mode = 'digest') = share.bundle
        AND {_DUE.format(real=":real", virtual=":virtual")} AND {_IN_LINE}
        ORDER BY d.next_at, d.version LIMIT share.most
        FOR UPDATE SKIP LOCKED
    ) d
    JOIN decision c ON c.id = d.decision_id
    JOIN ticket t ON t.ticket = d.ticket
    """  # noqa: S608  only our own words are put in
)
_PLAN_ANEW: Final = text("SET LOCAL plan_cache_mode = force_custom_plan")
_BEGIN: Final = text(
    f"""
    WITH saved AS ({SAVE_GATES}), claimed AS (
        UPDATE delivery d
        SET state = 'claimed', attempt = d.attempt + 1, digest = given.digest,
            lease_until = :until, first_attempt_at = coalesce(d.first_attempt_at, :real)
        FROM unnest(CAST(:ids AS uuid[]), CAST(:digests AS uuid[])) AS given (id, digest)
        WHERE d.id = given.id RETURNING d.id, d.attempt, d.channel
    )
    INSERT INTO attempt (delivery_id, attempt, channel, started_at)
    SELECT id, attempt, channel, :real FROM claimed
    """  # noqa: S608  only our own words are put in
)
_STUCK: Final = text(
    f"""
    SELECT d.* FROM delivery d WHERE d.gate = ANY(CAST(:shut AS text[]))
    AND {_DUE.format(real=":real", virtual=":virtual")}
    AND cardinality(d.ways) > 1 ORDER BY d.next_at LIMIT 500 FOR UPDATE SKIP LOCKED
    """  # noqa: S608  only our own words are put in
)
_MOVE: Final = text(
    """
    UPDATE delivery SET ways = :ways, way = :way, channel = :channel, address = :address,
        target = :target, gate = :gate WHERE id = :id
    """
)
_EXPIRE: Final = text(
    """
    UPDATE delivery d
    SET state = CASE WHEN lost.held THEN 'dead' ELSE 'uncertain' END,
        reason = CASE WHEN lost.held THEN 'unclear' ELSE d.reason END,
        finished_at = CASE WHEN lost.held THEN CAST(:virtual AS timestamptz) END,
        lease_until = NULL, next_at = :real, last_error = 'the sender did not come back'
    FROM (
        SELECT id, channel = ANY(CAST(:hold AS text[])) AS held FROM delivery
        WHERE state = 'claimed' AND lease_until < :real FOR UPDATE SKIP LOCKED
    ) AS lost
    WHERE d.id = lost.id RETURNING d.*
    """
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process alone may send until its lease is over."""

    id: UUID
    attempt: int
    row: Mapping[str, Any]
    decision: Decided
    facts: TicketFacts
    remarks: Remarks


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes out as one message: one delivery, or a digest of several to one recipient.

    *gone* tells that its far side has closed for good.
    """

    id: UUID
    gate: str
    channel: str
    parts: tuple[Claimed, ...]
    gone: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at the ledger gave: parcels to send; *more* if a next look may find others."""

    parcels: tuple[Parcel, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """How a sender takes: its *limits*, for how long, and by which *rosters* it finds other ways."""

    limits: Limits
    lease: timedelta
    rosters: Rosters

    @property
    def roster(self) -> Roster:
        """The roster as the file has it now."""
        return self.rosters.current


async def look(conn: AsyncConnection) -> tuple[Now, list[Waiting]]:
    """Return this moment, and what waits and may go now."""
    rows = (await conn.execute(_LOOK)).all()
    moment = Now(virtual=rows[0][0], real=rows[0][1])
    return moment, [Waiting(*row[2:]) for row in rows if row[2] is not None]


async def claim(
    conn: AsyncConnection, waiting: Sequence[Waiting], free: int, terms: Terms, moment: Now
) -> Claim:
    """Take up to *free* messages of what is *waiting* and whose gates have room for them.

    A gate is served by one instance at a time; whoever finds it held looks again later.
    """
    if not waiting or free <= 0:
        return Claim()
    found = (await conn.execute(_GATES, {"gates": sorted(gates_of(waiting))})).mappings().all()
    gates = {row["gate"]: gate_from(row) for row in found}
    in_flight = {row["gate"]: row["in_flight"] for row in found}
    moved = await _sidestep(conn, gates, terms.roster, moment)
    shares, after = allot(waiting, gates, in_flight, terms.limits, free=free, now=moment.real)
    if not shares:
        return Claim(more=moved)
    rows = await _take(conn, shares, moment)
    fresh, outdated = [], []
    for row in rows:
        why = stale(waiting_from(row), _known(row))
        if why is None and row["purpose"] == Purpose.RECEIPT:
            why = why_none(_decision(row), terms.roster.receipts, now=moment.virtual)
        if why is None:
            fresh.append(row)
        else:
            outdated.append((row, why))
    await suppress(conn, outdated, moment)
    parcels = tuple(_parcels(fresh, gates, moment))
    changed = [one for name, one in after.items() if one != gates[name]]
    await _begin(conn, parcels, changed, moment, terms.lease)
    return Claim(parcels, more=moved or bool(rows))


async def _take(
    conn: AsyncConnection, shares: Sequence[Share], moment: Now
) -> list[dict[str, Any]]:
    given = {
        "real": moment.real,
        "virtual": moment.virtual,
        "targets": [one.target for one in shares],
        "gates": [one.gate for one in shares],
        "mosts": [one.most for one in shares],
        "together": [one.together for one in shares],
        "urgent": [one.urgent for one in shares],
        "bundle": [one.bundle for one in shares],
    }
    if any(one.together for one in shares):
        # A plan that was made while little waited would take minutes over thousands.
        await conn.execute(_PLAN_ANEW)
    found = await conn.execute(_TAKE, given)
    columns = tuple(found.keys())
    return [dict(zip(columns, row, strict=True)) for row in found]


def _known(row: Mapping[str, Any]) -> Known:
    return Known(
        ticket=row["ticket"],
        status=row["status"],
        status_version=row["status_version"],
        calls={key: Called(**call) for key, call in from_json(row["calls"]).items()},
    )


def _parcels(
    rows: Sequence[Mapping[str, Any]], gates: Mapping[str, Gate], moment: Now
) -> Iterator[Parcel]:
    def whole(row: Mapping[str, Any]) -> tuple[str, str]:
        whole_of = "now" if row["urgent"] else "digest" if row["bundle"] else "later"
        return row["target"], whole_of if row["together"] else str(row["id"])

    for _, group in groupby(sorted(rows, key=whole), key=whole):
        members = sorted(group, key=lambda row: (row["ticket"], row["version"]))
        first = members[0]
        ids = [row["id"] for row in members]
        yield Parcel(
            id=ids[0] if len(ids) == 1 else digest_id(ids),
            gate=first["gate"],
            channel=first["channel"],
            parts=tuple(_claimed(row, moment) for row in members),
            gone=gates[first["gate"]].gone,
        )


def _decision(row: Mapping[str, Any]) -> Decided:
    return Decided(
        id=row["decision_id"],
        type=row["type"],
        ticket=row["ticket"],
        version=row["version"],
        at=row["at"],
        data=from_json(row["data"]),
        traceparent=row["traceparent"],
    )


def _claimed(row: Mapping[str, Any], moment: Now) -> Claimed:
    return Claimed(
        id=row["id"],
        attempt=row["attempt"] + 1,
        row={**row, "first_attempt_at": row["first_attempt_at"] or moment.real},
        decision=_decision(row),
        facts=TicketFacts(**from_json(row["facts"])),
        remarks=Remarks(
            repeat=row["unclear"],
            missed=row["missed"],
            held_since=None if row["hold_until"] is None else row["planned_at"],
        ),
    )


async def _begin(
    conn: AsyncConnection,
    parcels: Sequence[Parcel],
    changed: Sequence[Gate],
    moment: Now,
    lease: timedelta,
) -> None:
    """Claim *parcels*, and keep what their gates have *changed* to, in one statement."""
    claims = [
        (part.id, parcel.id if len(parcel.parts) > 1 else None)
        for parcel in parcels
        for part in parcel.parts
    ]
    given = {
        **gates_given(changed),
        "ids": [one[0] for one in claims],
        "digests": [one[1] for one in claims],
        "real": moment.real,
        "until": moment.real + lease,
    }
    await conn.execute(_BEGIN, given)


async def _sidestep(
    conn: AsyncConnection, gates: Mapping[str, Gate], roster: Roster, moment: Now
) -> bool:
    """Move what waits at a shut gate to its recipient's next way that is open; say if any moved."""
    shut = [name for name, one in gates.items() if one.breaker(moment.real) is Breaker.OPEN]
    if not shut:
        return False
    times = {"real": moment.real, "virtual": moment.virtual}
    found = await conn.execute(_STUCK, {"shut": shut, **times})
    moves, besides = [], []
    for row in found.mappings():
        ways = row["ways"]
        for number in range(1, len(ways)):
            index = (row["way"] + number) % len(ways)
            columns = way(ways[index], row["person"], roster)
            if columns["gate"] not in shut:
                left = _without_mail(row, index)
                if left is not None:
                    copy = copied_by_mail(planned_from(row))
                    besides.append(planned_row(copy, row["priority"], roster, moment))
                moves.append({"id": row["id"], "ways": list(left or ways), "way": index, **columns})
                break
    await save_rows(conn, besides, moment)
    if moves:
        await open_gates(conn, moves, moment)
        await conn.execute(_MOVE, moves)
    return bool(moves)


def _without_mail(row: Mapping[Any, Any], follows: int) -> tuple[str, ...] | None:
    if row["rounds"] or not goes_by_mail_besides(row):
        return None
    return without_mail(row["ways"], row["way"], follows)


async def expire_leases(conn: AsyncConnection, hold: Sequence[str], moment: Now) -> int:
    """Let go of deliveries whose sender has not come back in time.

    Nobody knows whether they went out: they are sent again under the same key, except on the
    channels of *hold*, where they become dead letters.

    Returns:
        How many there were.
    """
    given = {"hold": list(hold), "real": moment.real, "virtual": moment.virtual}
    rows = (await conn.execute(_EXPIRE, given)).mappings().all()
    dead = [row for row in rows if row["state"] == "dead" and row["purpose"] != "alert"]
    await say(conn, [(Step.FAILED, reported(row)) for row in dead], moment)
    return len(rows)

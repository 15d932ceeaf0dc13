"""Results into the ledger: states, gates, the outbox, and the alert of a role that was not reached.

Many at a time in one transaction, the caller's; what is not recorded because a process dies is
sent again, marked as a possible repeat.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.flow import Breaker
from services.notifier.core.plan import ALL_FAILED, Planned, Purpose, alert_for
from services.notifier.core.report import Reported, Step
from services.notifier.core.retry import Accepted, Failed, Outcome
from services.notifier.core.roster import Roster
from services.notifier.core.settle import Attempted, Settled, gate_after, settle
from services.notifier.store import Now
from services.notifier.store_claims import Claimed, Parcel
from services.notifier.store_gates import lock_gates, save_gates
from services.notifier.store_ledger import (
    open_gates,
    planned_row,
    reported,
    save_rows,
    say,
    way,
)

_END: Final = text(
    """
    UPDATE attempt SET ended_at = :real, outcome = given.outcome, detail = given.detail
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:attempts AS int[]), CAST(:outcomes AS text[]),
        CAST(:details AS text[])
    ) AS given (id, attempt, outcome, detail)
    WHERE attempt.delivery_id = given.id AND attempt.attempt = given.attempt
    """
)
# A result counts while the row still stands at its attempt; else another process took over.
_COUNTS: Final = text(
    """
    SELECT d.id FROM delivery d
    JOIN unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[])) AS given (id, attempt)
    ON d.id = given.id AND d.attempt = given.attempt
    WHERE d.state IN ('claimed', 'uncertain') ORDER BY d.id FOR UPDATE OF d
    """
)
_DONE: Final = text(
    """
    UPDATE delivery d SET state = given.state, provider_ref = given.provider_ref, reason = NULL,
        last_error = NULL, lease_until = NULL, finished_at = :virtual
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:refs AS text[]))
    AS given (id, state, provider_ref)
    WHERE d.id = given.id
    """
)
_NOT_DONE: Final = text(
    """
    UPDATE delivery SET state = :state, reason = :reason, last_error = :why, lease_until = NULL,
        finished_at = :finished_at, next_at = coalesce(:next_at, next_at), ways = :ways, way = :way,
        rounds = :rounds, channel = :channel, address = :address, target = :target, gate = :gate
    WHERE id = :id
    """
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a delivery, for logs and metrics.

    *due* and *at* are the schema's clock: when it could go at the earliest, and now. *settled*
    is None when the result came too late to count.
    """

    of: Claimed
    outcome: Outcome
    settled: Settled | None
    due: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Results:
    """What recording a number of outcomes led to; *shut* are the gates that closed just now."""

    recorded: tuple[Recorded, ...] = ()
    shut: tuple[str, ...] = ()


async def record(
    conn: AsyncConnection,
    ended: Sequence[tuple[Parcel, Outcome]],
    *,
    roster: Roster,
    hold: Collection[str],
    alerts: bool,
    moment: Now,
) -> Results:
    """Write down how the parcels of *ended* fared, with everything that follows from it.

    Args:
        conn: A transaction; the caller commits.
        ended: What was sent, and what the channel said.
        roster: For the addresses of other ways.
        hold: Channels whose messages of unknown fate are not sent again.
        alerts: Whether the engine can be told that a role could not be reached.
        moment: Now.
    """
    if not ended:
        return Results()
    shut = await _settle_gates(conn, ended, moment)
    parts = [(part, outcome) for parcel, outcome in ended for part in parcel.parts]
    counting = await _end_attempts(conn, parts, moment)
    recorded = [
        Recorded(
            part,
            outcome,
            settle(_attempted(part, hold), outcome, now=moment.real)
            if part.id in counting
            else None,
            max(part.row["planned_at"], part.row["hold_until"] or part.row["planned_at"]),
            moment.virtual,
        )
        for part, outcome in parts
    ]
    await _save(conn, recorded, roster, moment, alerts=alerts)
    return Results(tuple(recorded), shut)


async def _settle_gates(
    conn: AsyncConnection, ended: Sequence[tuple[Parcel, Outcome]], moment: Now
) -> tuple[str, ...]:
    before = await lock_gates(conn, {parcel.gate for parcel, _ in ended})
    after = dict(before)
    for parcel, outcome in ended:
        after[parcel.gate] = gate_after(after[parcel.gate], outcome, now=moment.real)
    changed = [one for name, one in after.items() if one != before[name]]
    await save_gates(conn, changed)
    return tuple(
        one.name
        for one in changed
        if one.breaker(moment.real) is Breaker.OPEN
        and before[one.name].breaker(moment.real) is not Breaker.OPEN
    )


async def _end_attempts(
    conn: AsyncConnection, parts: Sequence[tuple[Claimed, Outcome]], moment: Now
) -> set[UUID]:
    """Write down how attempts ended, and return the deliveries for which that counts, locked."""
    keys = {"ids": [one.id for one, _ in parts], "attempts": [one.attempt for one, _ in parts]}
    said = {
        "outcomes": [_kind(outcome) for _, outcome in parts],
        "details": [
            outcome.provider_ref if isinstance(outcome, Accepted) else outcome.why
            for _, outcome in parts
        ],
    }
    await conn.execute(_END, {**keys, **said, "real": moment.real})
    return set((await conn.execute(_COUNTS, keys)).scalars())


def _kind(outcome: Outcome) -> str:
    if isinstance(outcome, Failed) and outcome.unclear:
        return "unclear"
    return type(outcome).__name__.lower()


def _attempted(of: Claimed, hold: Collection[str]) -> Attempted:
    return Attempted(
        id=of.id,
        attempt=of.attempt,
        ways=tuple(of.row["ways"]),
        way=of.row["way"],
        rounds=of.row["rounds"],
        priority=of.row["priority"],
        since=of.row["first_attempt_at"] or of.row["next_at"],
        hold=of.row["channel"] in hold,
    )


async def _save(
    conn: AsyncConnection,
    recorded: Sequence[Recorded],
    roster: Roster,
    moment: Now,
    *,
    alerts: bool,
) -> None:
    done, changed, told, unreached = [], [], [], []
    for one in recorded:
        if (settled := one.settled) is None:
            continue
        row = {**one.of.row, "attempt": one.of.attempt, "reason": settled.why}
        if isinstance(one.outcome, Accepted):
            done.append((one.of.id, str(settled.state), settled.provider_ref))
        else:
            columns = _columns(one.of.row, settled, roster, moment)
            changed.append(columns)
            row |= columns
        told += _told(row, settled)
        if settled.unreached and alerts and (planned := _planned(row)).asks:
            alert = alert_for(planned, ALL_FAILED)
            unreached.append(planned_row(alert, one.of.decision, roster, moment))
    if done:
        ids, states, refs = zip(*done, strict=True)
        given = {"ids": list(ids), "states": list(states), "refs": list(refs)}
        await conn.execute(_DONE, {**given, "virtual": moment.virtual})
    if changed:
        await open_gates(conn, changed, moment)
        await conn.execute(_NOT_DONE, changed)
    await say(conn, told, moment)
    await save_rows(conn, unreached, moment)


def _columns(
    row: Mapping[str, Any], settled: Settled, roster: Roster, moment: Now
) -> dict[str, Any]:
    dead = settled.next_at is None
    return {
        "id": row["id"],
        "state": str(settled.state),
        "reason": settled.why if dead else None,
        "why": settled.why,
        "finished_at": moment.virtual if dead else None,
        "next_at": settled.next_at,
        "ways": list(settled.ways),
        "way": settled.way,
        "rounds": settled.rounds,
        **way(settled.ways[settled.way], row["person"], roster),
    }


def _told(row: Mapping[str, Any], settled: Settled) -> list[tuple[Step, Reported]]:
    if row["purpose"] == Purpose.ALERT:
        return []
    return [(step, reported(row)) for step in settled.steps]


def _planned(row: Mapping[str, Any]) -> Planned:
    return Planned(
        id=row["id"],
        decision_id=row["decision_id"],
        ticket=row["ticket"],
        version=row["version"],
        role=row["role"],
        purpose=Purpose(row["purpose"]),
        mode=row["mode"],
        fyi=row["fyi"],
        ladder=row["ladder"],
        escalation=row["escalation"],
    )

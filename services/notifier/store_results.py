"""Results into the ledger: states, gates, the outbox, and the alert of a role that was not reached.

Many at a time in one transaction, the caller's; what is not recorded because a process dies is
sent again, marked as a possible repeat.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.flow import Breaker
from services.notifier.core.plan import Purpose, alert_for, copied_by_mail
from services.notifier.core.report import Reported, Step
from services.notifier.core.retry import Accepted, Failed, Outcome, Refused
from services.notifier.core.roster import Roster
from services.notifier.core.settle import Attempted, Settled, gate_after, settle
from services.notifier.store import Now
from services.notifier.store_claims import Claimed, Parcel
from services.notifier.store_gates import lock_gates, save_gates
from services.notifier.store_ledger import (
    goes_by_mail_besides,
    open_gates,
    planned_from,
    planned_row,
    reported,
    save_rows,
    say,
    way,
)
from shared.contract.decisions import AlertCode

# A result counts while the row still stands at its attempt; else another process took over.
_DONE: Final = text(
    """
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:attempts AS int[]), CAST(:states AS text[]),
            CAST(:refs AS text[])
        ) AS given (id, attempt, state, provider_ref)
    ), ended AS (
        UPDATE attempt SET ended_at = :real, outcome = 'accepted', detail = given.provider_ref
        FROM given WHERE attempt.delivery_id = given.id AND attempt.attempt = given.attempt
    ), mended AS (
        UPDATE gate SET failures = 0, open_until = NULL, pause = NULL
        WHERE gate = ANY(CAST(:gates AS text[])) AND failures > 0
    )
    UPDATE delivery d SET state = given.state, provider_ref = given.provider_ref, reason = NULL,
        last_error = NULL, lease_until = NULL, finished_at = :virtual
    FROM given WHERE d.id = given.id AND d.attempt = given.attempt
    AND d.state IN ('claimed', 'uncertain') RETURNING d.id
    """
)
_END: Final = text(
    """
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:attempts AS int[]), CAST(:outcomes AS text[]),
            CAST(:details AS text[])
        ) AS given (id, attempt, outcome, detail)
    ), ended AS (
        UPDATE attempt SET ended_at = :real, outcome = given.outcome, detail = given.detail
        FROM given WHERE attempt.delivery_id = given.id AND attempt.attempt = given.attempt
    )
    SELECT d.id FROM delivery d JOIN given ON d.id = given.id AND d.attempt = given.attempt
    WHERE d.state IN ('claimed', 'uncertain') ORDER BY d.id FOR UPDATE OF d
    """
)
_SENT: Final = text(
    "SELECT id FROM delivery WHERE id = ANY(CAST(:ids AS uuid[])) AND state IN ('sent', 'delivered')"
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

    *at* is the schema's clock. *settled* is None when the result came too late to count.
    """

    of: Claimed
    outcome: Outcome
    settled: Settled | None
    at: datetime

    @property
    def waited(self) -> timedelta:
        """How long it waited since it could go, by the schema's clock."""
        planned: datetime = self.of.row["planned_at"]
        return self.at - max(planned, self.of.row["hold_until"] or planned)


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
    taken = [(parcel, outcome) for parcel, outcome in ended if isinstance(outcome, Accepted)]
    others = [(parcel, out) for parcel, out in ended if not isinstance(out, Accepted)]
    recorded = await _record_taken(conn, taken, hold, moment) if taken else []
    shut: tuple[str, ...] = ()
    if others:
        shut = await _settle_gates(conn, others, moment)
        recorded += await _record_others(conn, others, hold, moment)
        await _go_on(conn, recorded, roster, moment, alerts=alerts)
    told = [_told(one) for one in recorded]
    await say(conn, [step for steps in told for step in steps], moment)
    return Results(tuple(recorded), shut)


async def _record_taken(
    conn: AsyncConnection,
    taken: Sequence[tuple[Parcel, Accepted]],
    hold: Collection[str],
    moment: Now,
) -> list[Recorded]:
    """Write down what was accepted, in one statement; a gate that lets something through is well."""
    parts = [(part, outcome) for parcel, outcome in taken for part in parcel.parts]
    settled = [settle(_attempted(part, hold), outcome, now=moment.real) for part, outcome in parts]
    given = {
        "ids": [part.id for part, _ in parts],
        "attempts": [part.attempt for part, _ in parts],
        "states": [str(one.state) for one in settled],
        "refs": [one.provider_ref for one in settled],
        "gates": sorted({parcel.gate for parcel, _ in taken}),
        "real": moment.real,
        "virtual": moment.virtual,
    }
    counts = set((await conn.execute(_DONE, given)).scalars())
    return [
        Recorded(part, outcome, one if part.id in counts else None, moment.virtual)
        for (part, outcome), one in zip(parts, settled, strict=True)
    ]


async def _record_others(
    conn: AsyncConnection,
    others: Sequence[tuple[Parcel, Failed | Refused]],
    hold: Collection[str],
    moment: Now,
) -> list[Recorded]:
    """Write down how attempts failed, and lock the deliveries for which that counts."""
    parts = [(part, outcome) for parcel, outcome in others for part in parcel.parts]
    given = {
        "ids": [part.id for part, _ in parts],
        "attempts": [part.attempt for part, _ in parts],
        "outcomes": [_kind(outcome) for _, outcome in parts],
        "details": [outcome.why for _, outcome in parts],
        "real": moment.real,
    }
    counts = set((await conn.execute(_END, given)).scalars())
    return [
        Recorded(
            part,
            outcome,
            settle(_attempted(part, hold), outcome, now=moment.real) if part.id in counts else None,
            moment.virtual,
        )
        for part, outcome in parts
    ]


async def _settle_gates(
    conn: AsyncConnection, others: Sequence[tuple[Parcel, Failed | Refused]], moment: Now
) -> tuple[str, ...]:
    """Count failures against their gates, and return the gates that this has shut."""
    before = await lock_gates(conn, {parcel.gate for parcel, _ in others})
    after = dict(before)
    for parcel, outcome in others:
        after[parcel.gate] = gate_after(after[parcel.gate], outcome, now=moment.real)
    changed = [one for name, one in after.items() if one != before[name]]
    await save_gates(conn, changed)
    return tuple(
        one.name
        for one in changed
        if one.breaker(moment.real) is Breaker.OPEN
        and before[one.name].breaker(moment.real) is not Breaker.OPEN
    )


def _kind(outcome: Failed | Refused) -> str:
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
        besides=goes_by_mail_besides(of.row),
    )


async def _go_on(
    conn: AsyncConnection,
    recorded: Sequence[Recorded],
    roster: Roster,
    moment: Now,
    *,
    alerts: bool,
) -> None:
    """Have what was not taken go again, by whichever way; or tell the engine to go on without."""
    changed, besides, unreached = [], [], []
    mailed = await _mailed(conn, recorded)
    for one in recorded:
        if one.settled is None or isinstance(one.outcome, Accepted):
            continue
        changed.append(_columns(one.of.row, one.settled, roster, moment))
        planned, priority = planned_from(one.of.row), one.of.row["priority"]
        if one.settled.copied:
            besides.append(planned_row(copied_by_mail(planned), priority, roster, moment))
        if one.settled.unreached and alerts and planned.asks and one.of.id not in mailed:
            alert = alert_for(planned, AlertCode.ALL_CHANNELS_FAILED)
            unreached.append(planned_row(alert, priority, roster, moment))
    if changed:
        await open_gates(conn, changed, moment)
        await conn.execute(_NOT_DONE, changed)
    await save_rows(conn, [*besides, *unreached], moment)


async def _mailed(conn: AsyncConnection, recorded: Sequence[Recorded]) -> Collection[UUID]:
    """Return those that have failed by all other ways, but went by mail besides."""
    failed = [one.of.row for one in recorded if one.settled is not None and one.settled.unreached]
    copies = {
        copied_by_mail(planned_from(row)).id: row["id"]
        for row in failed
        if goes_by_mail_besides(row)
    }
    if not copies:
        return ()
    sent = await conn.execute(_SENT, {"ids": list(copies)})
    return {copies[one] for one in sent.scalars()}


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


def _told(one: Recorded) -> list[tuple[Step, Reported]]:
    if one.settled is None or one.of.row["purpose"] == Purpose.ALERT:
        return []
    row = {**one.of.row, "attempt": one.of.attempt, "reason": one.settled.why}
    return [(step, reported(row)) for step in one.settled.steps]

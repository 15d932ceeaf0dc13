"""The result of an attempt, into the ledger: state, gate, outbox, and the alert if it is dead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.flow import Breaker
from services.notifier.core.plan import ALL_FAILED, Planned, Purpose, alert_for
from services.notifier.core.retry import Accepted, Outcome
from services.notifier.core.roster import Roster
from services.notifier.core.settle import Attempted, Settled, State, gate_after, settle
from services.notifier.store import (
    Now,
    now,
    open_gates,
    planned_row,
    reported,
    save_rows,
    say,
    way,
)
from services.notifier.store_sending import (
    Claimed,
    end_attempt,
    lock_gate,
    save_gate,
    save_result,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a delivery, for logs and metrics.

    *due* and *at* are the schema's clock: when it could go at the earliest, and now. *settled*
    is None when the result came too late to count. *shut* tells that the gate has just closed.
    """

    settled: Settled | None
    due: datetime
    at: datetime
    shut: bool


async def record(
    conn: AsyncConnection, of: Claimed, outcome: Outcome, *, roster: Roster, alerts: bool
) -> Recorded:
    """Write *outcome* of attempt *of* down, with everything that follows from it.

    Args:
        conn: A transaction; the caller commits.
        of: The attempt.
        outcome: What the channel said.
        roster: For the address of the next way.
        alerts: Whether the engine can be told that a role could not be reached.
    """
    moment = await now(conn)
    taken = isinstance(outcome, Accepted)
    said = outcome.provider_ref if isinstance(outcome, Accepted) else outcome.why
    kind = "accepted" if taken else type(outcome).__name__.lower()
    row = await end_attempt(conn, of, outcome=kind, detail=said, moment=moment)
    due = max(of.row["planned_at"], of.row["hold_until"] or of.row["planned_at"])
    shut = await _settle_gate(conn, of.row["gate"], outcome, moment)
    if row is None:
        return Recorded(None, due, moment.virtual, shut)
    settled = settle(_attempted(row), outcome, now=moment.real)
    values = await _values(conn, row, settled, roster, moment)
    await save_result(conn, of.id, values)
    if row["purpose"] != Purpose.ALERT:
        after = reported({**row, **values})
        await say(conn, [(step, after) for step in settled.steps], moment)
    if settled.state is State.DEAD and alerts and _asked(row):
        alert = alert_for(_planned(row), ALL_FAILED)
        await save_rows(conn, [planned_row(alert, of.decision, roster, moment)], moment)
    return Recorded(settled, due, moment.virtual, shut)


async def _settle_gate(conn: AsyncConnection, name: str, outcome: Outcome, moment: Now) -> bool:
    before = await lock_gate(conn, name)
    after = gate_after(before, outcome, now=moment.real)
    if after != before:
        await save_gate(conn, after)
    return before.breaker(moment.real) is not Breaker.OPEN and (
        after.breaker(moment.real) is Breaker.OPEN
    )


def _attempted(row: Mapping[Any, Any]) -> Attempted:
    return Attempted(
        id=row["id"],
        attempt=row["attempt"],
        way=row["way"],
        way_attempt=row["way_attempt"],
        ways=len(row["ways"]),
        priority=row["priority"],
        since=row["first_attempt_at"],
    )


async def _values(
    conn: AsyncConnection,
    row: Mapping[Any, Any],
    settled: Settled,
    roster: Roster,
    moment: Now,
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "state": str(settled.state),
        "lease_until": None,
        "last_error": settled.why,
        "provider_ref": settled.provider_ref,
    }
    if settled.next_at is not None:
        values["next_at"] = settled.next_at
    else:
        values["finished_at"] = moment.virtual
        values["reason"] = settled.why
    if settled.way != row["way"]:
        moved = way(row["ways"][settled.way], row["person"], roster)
        await open_gates(conn, {str(moved["gate"])}, moment)
        values |= {"way": settled.way, "way_attempt": 0, **moved}
    return values


def _asked(row: Mapping[Any, Any]) -> bool:
    """Say whether the engine waits for the role of *row* and must move on without it."""
    return row["purpose"] == Purpose.NOTICE and not row["fyi"] and row["escalation"] is not None


def _planned(row: Mapping[Any, Any]) -> Planned:
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

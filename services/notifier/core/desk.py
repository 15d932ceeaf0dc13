"""The desk where decisions are heard in order: a batch of them folded into what must be kept."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.notifier.core.feeds import falls_when_restricted, posted
from services.notifier.core.gathering import gathered
from services.notifier.core.known import (
    ACKNOWLEDGED,
    ALERT,
    CLOSED,
    ENDED,
    Decided,
    Known,
    Place,
    learn,
    place,
)
from services.notifier.core.plan import ROOM, Earlier, Planned, Purpose, plan
from services.notifier.core.receipts import receipt
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.core.stale import Waiting, stale
from services.notifier.core.subscriptions import Subscription, subscribed
from shared.contract.deliveries import Suppression

TOLD_AGAIN_AFTER = timedelta(hours=4)
"""After how long a fault of the set-up that is still there is told of again."""


@dataclass(frozen=True, slots=True)
class FanOut:
    """A decision with the deliveries it asks for, and the ticket's facts at that moment."""

    decision: Decided
    facts: TicketFacts
    rows: tuple[Planned, ...]


@dataclass(slots=True)
class Desk:
    """What is known before a batch, and what the batch adds to it.

    Attributes:
        roster: Who holds which role.
        alerts: Whether the engine can be told of empty seats.
        now: The instant of hearing, by the schema's clock: who is on call then is called.
        known: The tickets spoken of, as far as they were heard; those missing are new.
        early: Decisions kept because an earlier version was missing, by ticket and version.
        earlier: Who was called before, by escalation and role.
        alerted: What of the set-up somebody was told of lately (`alert_of`): once is enough.
        subscriptions: Who wants to hear what, beyond those whom decisions call.
        slots: When the newest digest about a group goes to whom; what the batch changes is kept.
        fan_outs: What must go to the ledger.
        parked: Decisions that came too early, now kept.
        released: Decisions that were kept and could now be heard.
        unplanned: Decisions that no plan could be made of, and why; their version counts.
        places: How many decisions stood where.
        touched: Tickets of which more is known than before the batch.
        settled: Tickets of which notices that wait may be out of date now.
        newest: The versions of the newest calls that wait for nothing, by escalation and role.
    """

    roster: Roster
    alerts: bool
    now: datetime
    known: dict[str, Known]
    early: dict[str, dict[int, Decided]]
    earlier: dict[tuple[str, str], Earlier]
    alerted: set[str] = field(default_factory=set)
    subscriptions: tuple[Subscription, ...] = ()
    slots: dict[tuple[str, str], datetime] = field(default_factory=dict)
    fan_outs: list[FanOut] = field(default_factory=list)
    parked: list[Decided] = field(default_factory=list)
    released: list[Decided] = field(default_factory=list)
    unplanned: list[tuple[Decided, str]] = field(default_factory=list)
    places: Counter[Place] = field(default_factory=Counter)
    touched: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    newest: dict[tuple[str | None, str], int] = field(default_factory=dict)

    def hear(self, decision: Decided) -> None:
        """Take *decision* in, and every kept one whose turn that makes it."""
        known = self.known.get(decision.ticket, Known(decision.ticket))
        where = place(known, decision)
        self.places[where] += 1
        match where:
            case Place.NEXT:
                self._apply(known, decision)
                self.release(decision.ticket)
            case Place.GAP:
                self._park(decision)
            case Place.OLD | Place.CONFLICT:
                pass

    def catch_up(self, ticket: str, known: Known) -> None:
        """Go on from *known*, the engine's own word, and hear what was kept beyond it."""
        self.known[ticket] = known
        self.touched.add(ticket)
        self.settled.add(ticket)
        self.release(ticket)

    def release(self, ticket: str) -> None:
        """Hear the kept decisions of *ticket* that follow on what is known, in order."""
        kept = self.early.get(ticket, {})
        while (next_one := kept.pop(self.known[ticket].version + 1, None)) is not None:
            self.released.append(next_one)
            self._apply(self.known[ticket], next_one)

    def stale_now(self, fan_out: FanOut, row: Planned) -> Suppression | None:
        """Return why *row* is out of date already, the rest of the batch having been heard."""
        if row.suppressed is not None or row.purpose not in (Purpose.NOTICE, Purpose.RECEIPT):
            return row.suppressed
        waiting = Waiting(
            purpose=row.purpose,
            version=row.version,
            fyi=row.fyi,
            ladder=row.ladder,
            escalation=row.escalation,
            type=fan_out.decision.type,
            unasked=falls_when_restricted(row.role),
            overtaken=row.version < self.newest.get((row.escalation, row.role), 0),
        )
        return stale(waiting, self.known[row.ticket])

    def _apply(self, known: Known, decision: Decided) -> None:
        before, known = known, learn(known, decision)
        self.known[decision.ticket] = known
        self.touched.add(decision.ticket)
        if decision.type in (ACKNOWLEDGED, ENDED, *CLOSED) or known.facts.restricted:
            self.settled.add(decision.ticket)
        try:
            rows = plan(
                decision,
                self.roster,
                facts=known.facts,
                earlier=self.earlier,
                alerts=self.alerts,
                room=ROOM in self.roster.channels and (before.has_room or known.has_room),
                now=self.now,
            )
            rows = (*rows, *posted(decision, rows, self.roster))
            rows = (
                *rows,
                *subscribed(decision, rows, self.roster, self.subscriptions, self.now),
                *receipt(before, decision, self.roster.receipts, now=self.now),
            )
            rows = gathered(decision, rows, self.slots, self.now)
        except (LookupError, TypeError, ValueError) as error:
            self.unplanned.append((decision, f"{type(error).__name__}: {error}"))
            return
        if not rows:
            return
        rows = self._alerted_once(decision, rows)
        self.fan_outs.append(FanOut(decision, known.facts, rows))
        self.earlier.update(_calls(rows))
        for row in rows:
            if row.ladder and row.asks and row.suppressed is None and row.hold_until is None:
                self.newest[row.escalation, row.role] = row.version
                self.settled.add(row.ticket)

    def _alerted_once(self, decision: Decided, rows: tuple[Planned, ...]) -> tuple[Planned, ...]:
        """Suppress an alert that another ticket has brought up already: the hole is the same."""
        alert = alert_of(decision)
        if alert is None:
            return rows
        if alert in self.alerted:
            return tuple(
                replace(row, suppressed=row.suppressed or Suppression.TOLD_ALREADY) for row in rows
            )
        if any(row.suppressed is None for row in rows):
            self.alerted.add(alert)
        return rows

    def _park(self, decision: Decided) -> None:
        kept = self.early.setdefault(decision.ticket, {})
        if decision.version not in kept:
            kept[decision.version] = decision
            self.parked.append(decision)


def _calls(rows: tuple[Planned, ...]) -> Iterator[tuple[tuple[str, str], Earlier]]:
    for row in rows:
        if row.purpose is Purpose.NOTICE and row.escalation and row.person:
            yield (row.escalation, row.role), Earlier(row.person, row.mode)


def asked_of_ledger(decision: Decided) -> Mapping[str, tuple[str, ...]]:
    """Return what planning *decision* needs from the ledger: roles to stand down, by escalation."""
    roles = tuple(str(role) for role in decision.data.get("stand_down") or ())
    return {decision.escalation: roles} if decision.escalation and roles else {}


def alert_of(decision: Decided) -> str | None:
    """Return which fault of the set-up *decision* tells of; None if it is no such alert."""
    if decision.type != ALERT:
        return None
    return fault(decision.data.get("code"), decision.data.get("detail"))


def fault(code: object, detail: object) -> str:
    """Return one word for a fault of the set-up, the same whichever ticket met it."""
    return f"{code}|{json.dumps(detail, sort_keys=True, default=str)}"

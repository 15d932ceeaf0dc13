"""What the API answers: models with the words of the contract, nothing of how it is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from services.tracker.core.message import TOPIC_OF_KIND, Kind
from services.tracker.core.projection import TicketRow
from services.tracker.core.standing import Clock, Standing, standing
from services.tracker.store_reading import Entry
from shared.contract.ids import split_key


class Reply(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Customer(Reply):
    """Whose ticket it is."""

    id: str | None
    name: str | None
    plan: str | None
    vip: bool
    region: str | None


class Deadline(Reply):
    """The promise to the customer that is due next, or has been due longest."""

    timer: str = Field(examples=["first_response"])
    due: datetime = Field(examples=["2026-03-02T12:00:00Z"])
    due_in_s: int = Field(description="Seconds from now; negative once it is overdue.")
    exact: bool = Field(
        description="False after a pause: it is then not before `due`, and the next decision says."
    )


class Escalation(Reply):
    """One escalation."""

    escalation_id: str
    track: str = Field(examples=["functional"])
    target: str = Field(examples=["t2"])
    tier: int | None
    triggers: list[str] = Field(examples=[["T06"]])
    raised_at: datetime | None
    ack_due: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    ended_at: datetime | None
    end: str | None = Field(description="Why it ended: `resolved`, `superseded`, …")


class Counters(Reply):
    """What has happened on a ticket, counted."""

    escalations: int = Field(description="Escalations raised.")
    notices: int = Field(description="Notices planned.")
    late: int = Field(description="Decisions that were made late.")
    breached: int = Field(description="Promises broken.")
    met: int = Field(description="Promises kept.")
    reopens: int


class Ticket(Reply):
    """A ticket in a list."""

    key: str = Field(examples=["desk:INC0001"])
    source: str = Field(examples=["desk"])
    subject: str = Field(examples=["INC0001"])
    title: str | None
    url: str | None
    status: str = Field(examples=["open"])
    open: bool
    tier: int | None = Field(description="Null until the escalator has decided.")
    priority: str | None = Field(examples=["P2"])
    severity: str | None = Field(examples=["S2"])
    impact: str | None = Field(examples=["I2"])
    customer: Customer
    requester: str | None
    owner: str | None
    service: str | None
    component: str | None
    flags: list[str]
    opened_at: datetime | None
    updated_at: datetime | None
    version: int = Field(description="The version of its last decision; 0 before the first.")
    next_deadline: Deadline | None
    escalations: list[Escalation] = Field(description="The open ones, oldest first.")
    counters: Counters


class Timer(Reply):
    """One clock of a case, as last stated."""

    name: str
    state: str = Field(examples=["running"])
    due: datetime | None
    exact: bool
    calendar: str | None
    used_s: int | None = Field(description="Calendar seconds used when last stated.")
    allowance_s: int | None


class LastDecision(Reply):
    """The newest decision."""

    type: str
    at: datetime
    late_by_s: int
    triggers: list[str]


class TicketNow(Ticket):
    """A ticket as it stands now."""

    policy: str | None
    policy_version: int | None
    group: str | None
    merged_into: str | None
    missing_versions: int = Field(description="Decisions that have not arrived; should be 0.")
    timers: list[Timer]
    ended_escalations: list[Escalation]
    last_decision: LastDecision | None
    notices: dict[str, int] = Field(description="Notices by state.", examples=[{"sent": 2}])


class TicketPage(Reply):
    """One page of tickets."""

    now: datetime = Field(description="The installation's clock.")
    items: list[Ticket]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page.")


class TimelineEntry(Reply):
    """One thing that happened: an event, a decision, or a step of a delivery."""

    kind: str = Field(examples=["decision"])
    type: str = Field(examples=["tier.changed"])
    id: str
    source: str
    at: datetime = Field(description="When it counts.")
    received_at: datetime = Field(description="When it reached Tierline, was decided or was sent.")
    position: str = Field(examples=["tickets.events/3:1234"])
    repeats: int = Field(description="How often it was said again, without effect.")
    data: dict[str, Any]


class TimelinePage(Reply):
    """One page of a ticket's timeline, oldest first."""

    ticket: str
    now: datetime
    items: list[TimelineEntry]
    next_cursor: str | None


class BoardTier(Reply):
    """One tier of the board."""

    tier: int | None = Field(description="Null: not decided yet.")
    open: int
    tickets: list[Ticket] = Field(description="Those nearest to a breach first.")


class Board(Reply):
    """Per tier, the open tickets that are nearest to a breach."""

    now: datetime
    tiers: list[BoardTier]


def ticket(row: TicketRow, notices: dict[str, int], now: datetime) -> Ticket:
    """Return *row* as it stands in a list."""
    return Ticket(**_common(row, standing(row.facts, row.case), notices, now))


def ticket_now(row: TicketRow, notices: dict[str, int], now: datetime) -> TicketNow:
    """Return *row* with everything that is known of it now."""
    case, stands = row.case, standing(row.facts, row.case)
    state = case.state
    ended = [
        {"escalation_id": name, **said}
        for name, said in case.escalations.items()
        if "ended" in said
    ]
    return TicketNow(
        **_common(row, stands, notices, now),
        policy=state.get("policy"),
        policy_version=state.get("policy_version"),
        group=case.group[1],
        merged_into=row.facts.value("merged_into") if stands.status == "merged" else None,
        missing_versions=case.missing,
        timers=[_timer(clock) for clock in stands.clocks],
        ended_escalations=[
            _escalation(one) for one in sorted(ended, key=lambda one: int(one["ended"]))
        ],
        last_decision=_last(state) if state else None,
        notices=notices,
    )


def _common(
    row: TicketRow, stands: Standing, notices: dict[str, int], now: datetime
) -> dict[str, Any]:
    facts, case = row.facts, row.case
    source, subject = _names(row.key)
    severity, _, impact = str(case.state.get("cell", "")).partition("/")
    updated = max(facts.updated, case.updated)
    return {
        "key": row.key,
        "source": source,
        "subject": subject,
        **{
            name: facts.value(name)
            for name in ("title", "url", "requester", "service", "component")
        },
        "status": stands.status,
        "open": stands.is_open,
        "tier": case.state.get("tier"),
        "priority": case.state.get("priority"),
        "severity": severity or facts.value("severity"),
        "impact": impact or None,
        "customer": Customer(
            **{name: facts.value(f"customer.{name}") for name in ("id", "name", "plan", "region")},
            vip=bool(facts.value("customer.vip")),
        ),
        "owner": stands.owner,
        "flags": list(stands.flags),
        "opened_at": None if facts.opened is None else datetime.fromtimestamp(facts.opened[0], UTC),
        "updated_at": datetime.fromtimestamp(updated, UTC) if updated else None,
        "version": case.version,
        "next_deadline": _deadline(stands, now),
        "escalations": [_escalation(one) for one in stands.escalations],
        "counters": Counters(
            escalations=case.raised,
            notices=sum(notices.values()),
            late=case.late,
            breached=case.breached,
            met=case.met,
            reopens=case.reopens,
        ),
    }


def _names(key: str) -> tuple[str, str]:
    try:
        return split_key(key)
    except ValueError:
        return "", key


def _deadline(stands: Standing, now: datetime) -> Deadline | None:
    if stands.next_timer is None or stands.next_due is None:
        return None
    return Deadline(
        timer=stands.next_timer,
        due=stands.next_due,
        due_in_s=int((stands.next_due - now).total_seconds()),
        exact=stands.exact,
    )


def _escalation(said: dict[str, Any]) -> Escalation:
    # Parts of it are missing only while an earlier decision has not arrived.
    return Escalation.model_validate(
        {
            name: said.get(name, [] if name == "triggers" else None)
            for name in Escalation.model_fields
        }
    )


def _timer(clock: Clock) -> Timer:
    return Timer(**{name: getattr(clock, name) for name in Timer.model_fields})


def _last(state: dict[str, Any]) -> LastDecision:
    return LastDecision.model_validate({name: state[name] for name in LastDecision.model_fields})


def timeline_entry(entry: Entry) -> TimelineEntry:
    """Return one line of a timeline."""
    message = from_json(entry.message)
    kind = Kind(entry.kind)
    return TimelineEntry(
        kind=kind.name.lower(),
        type=entry.type,
        id=message["id"],
        source=message["source"],
        at=entry.at,
        received_at=entry.received_at,
        position=f"{TOPIC_OF_KIND[kind]}/{entry.partition}:{entry.offset}",
        repeats=entry.repeats,
        data=message["data"],
    )

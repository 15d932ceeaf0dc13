"""From what is stored into what the API answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import floor
from typing import Any

from pydantic_core import from_json

from services.tracker.core.drafts import DRAFTED, REFUSED
from services.tracker.core.message import TOPIC_OF_KIND, Kind
from services.tracker.core.projection import TicketRow
from services.tracker.core.standing import Clock, Due, Standing, resolved_after_s, standing
from services.tracker.replies import (
    Act,
    Counters,
    Customer,
    Deadline,
    Escalation,
    Followed,
    Heard,
    LastDecision,
    NoticeNow,
    Refusal,
    Ticket,
    TicketNow,
    TimelineEntry,
    Timer,
)
from services.tracker.store_reading import Entry, Said, Told
from shared.contract.ids import split_key


def ticket(row: TicketRow, notices: dict[str, int], now: datetime) -> Ticket:
    """Return *row* as it stands in a list."""
    return Ticket(**_common(row, standing(row.facts, row.case), notices, now))


def ticket_now(
    row: TicketRow, notices: dict[str, int], latest: Iterable[Told], now: datetime
) -> TicketNow:
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
        now=now,
        policy=state.get("policy"),
        policy_version=state.get("policy_version"),
        group=case.group[1],
        recurrence_of=case.recurrence_of,
        merged_into=row.facts.value("merged_into") if stands.status == "merged" else None,
        resolved_after_s=resolved_after_s(row.facts, case),
        missing_versions=case.missing,
        timers=[_timer(clock) for clock in stands.clocks],
        ended_escalations=[
            _escalation(one) for one in sorted(ended, key=lambda one: int(one["ended"]))
        ],
        last_decision=_last(state) if state else None,
        notices=notices,
        latest_notices=[_notice(one) for one in latest],
    )


def _common(
    row: TicketRow, stands: Standing, notices: dict[str, int], now: datetime
) -> dict[str, Any]:
    facts, case = row.facts, row.case
    source, subject = _names(row.key)
    severity, _, impact = str(case.state.get("cell", "")).partition("/")
    updated = max(facts.updated, case.updated)
    customer = {name: facts.value(f"customer.{name}") for name in ("id", "name", "plan", "region")}
    return {
        "key": row.key,
        "source": source,
        "subject": subject,
        **{name: facts.value(name) for name in _AS_SAID},
        "status": stands.status,
        "open": stands.is_open,
        "tier": case.state.get("tier"),
        "priority": case.state.get("priority"),
        "severity": severity or facts.value("severity"),
        "impact": impact or None,
        "customer": Customer(**customer, vip=bool(facts.value("customer.vip"))),
        "owner": stands.owner,
        "flags": list(stands.flags),
        "teams": list(stands.teams),
        "opened_at": None if facts.opened is None else datetime.fromtimestamp(facts.opened[0], UTC),
        "updated_at": datetime.fromtimestamp(updated, UTC) if updated else None,
        "version": case.version,
        "next_deadline": _deadline(stands.breach, now),
        "next_step": _deadline(next((one for one in stands.upcoming if one.at >= now), None), now),
        "customer_waits_since": stands.customer_waits_since,
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


_AS_SAID = ("title", "url", "requester", "service", "component")


def _names(key: str) -> tuple[str, str]:
    try:
        return split_key(key)
    except ValueError:
        return "", key


def _deadline(due: Due | None, now: datetime) -> Deadline | None:
    if due is None:
        return None
    return Deadline(
        timer=due.what,
        target=due.target,
        due=due.at,
        due_in_s=floor((due.at - now).total_seconds()),
    )


def _escalation(said: dict[str, Any]) -> Escalation:
    # Parts of it are missing only while an earlier decision has not arrived.
    return Escalation.model_validate(
        {name: said.get(name) for name in Escalation.model_fields}
        | {"triggers": said.get("triggers", []), "called": [role for _, role in said["called"]]}
    )


def _timer(clock: Clock) -> Timer:
    return Timer(**{name: getattr(clock, name) for name in Timer.model_fields})


def _last(state: dict[str, Any]) -> LastDecision:
    return LastDecision.model_validate({name: state[name] for name in LastDecision.model_fields})


def _notice(told: Told) -> NoticeNow:
    data = from_json(told.message)["data"]
    plain = {name: data.get(name) for name in NoticeNow.model_fields}
    return NoticeNow.model_validate({**plain, "state": told.state, "at": told.at})


def act(key: str, entry: Entry, *, followed: Sequence[Entry], judged: bool) -> Act:
    """Return what became of the event *entry* of the ticket *key*.

    Args:
        key: The ticket.
        entry: The event.
        followed: The decisions that it has led to.
        judged: Whether the escalator is known to have come so far.
    """
    message = from_json(entry.message)
    accepted = "accepted" if judged else "recorded"
    drafted = entry.type == DRAFTED
    refused = next((one for one in followed if one.type == REFUSED), None)
    refusal = None
    if drafted:
        refusal = _refusal(message["data"])
    elif refused is not None:
        refusal = _refusal(from_json(refused.message)["data"])
    return Act(
        act_id=message["id"],
        ticket=key,
        type=entry.type,
        by=message["data"].get("by"),
        at=entry.at,
        received_at=entry.received_at,
        position=_position(entry),
        state=accepted if refusal is None else "refused",
        refusal=refusal,
        draft=message["data"]["form"] if drafted else None,
        followed=[_followed(one) for one in followed if one.type != REFUSED],
    )


def _refusal(data: dict[str, Any]) -> Refusal:
    return Refusal(
        code=data["code"],
        missing=data.get("missing", []),
        allowed=data.get("allowed", []),
        version=data.get("version"),
    )


def _followed(entry: Entry) -> Followed:
    data = from_json(entry.message)["data"]
    return Followed(type=entry.type, version=data["version"], because=data["because"]["triggers"])


def timeline_entry(entry: Entry) -> TimelineEntry:
    """Return one line of a timeline."""
    return TimelineEntry(**_as_told(entry))


def heard(said: Said) -> Heard:
    """Return one message of the stream."""
    return Heard(ticket=said.ticket, **_as_told(said.entry))


def _as_told(entry: Entry) -> dict[str, Any]:
    message = from_json(entry.message)
    return {
        "kind": Kind(entry.kind).name.lower(),
        "type": entry.type,
        "id": message["id"],
        "source": message["source"],
        "at": entry.at,
        "received_at": entry.received_at,
        "position": _position(entry),
        "repeats": entry.repeats,
        "data": message["data"],
    }


def _position(entry: Entry) -> str:
    return f"{TOPIC_OF_KIND[Kind(entry.kind)]}/{entry.partition}:{entry.offset}"

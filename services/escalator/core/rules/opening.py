"""A ticket becomes a case: its cell, its clocks, its start tier (Cells)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from services.escalator.core import departments, dwell, people, standing, timers
from services.escalator.core.escalations import Raise, raise_functional
from services.escalator.core.rules import membership
from services.escalator.core.snapshot import timer_list
from services.escalator.core.turn import Effect, Turn
from shared.contract.events import TicketFacts, TicketOpened
from shared.contract.times import instant, rfc3339
from shared.policy.document import Addressee

KEPT_FACTS: Final = (
    "title",
    "requester",
    "owner",
    "service",
    "component",
    "symptom",
    "category",
    "url",
)
PLANS: Final = ("standard", "premium", "enterprise")


def open_case(turn: Turn, data: TicketFacts, *, reported_at: datetime) -> None:
    """Open the case at this instant, and raise it at once where its cell starts above tier 1.

    *reported_at* is the ticket's own time, however late it has come.
    """
    take_facts(turn, data)
    asked: dict[str, Any] = {}
    if isinstance(data, TicketOpened):
        requester = turn.case.facts.get("requester")
        asked = {"requester": requester, "reported_at": rfc3339(instant(reported_at))}
    begin(turn, asked=asked)
    membership.note(turn)


def begin(turn: Turn, *, asked: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Open a case whose facts are known: clocks, tier, people.

    *asked* says of a ticket who asked, and when: whoever writes receipts has to know.
    """
    case = turn.case
    case.opened_at = case.status_since = turn.at
    case.promise_version = case.rules_version = turn.policy.version
    case.impact = band(turn)
    case.priority = case.highest_priority = standing.priority(turn)
    case.tier, case.tier_entered = standing.start_tier(turn), turn.at
    if case.crowd is None:
        timers.begin(turn, "first_response")
        timers.begin(turn, "resolve")
    dwell.schedule(turn, worse=False)
    raise_at_start(turn, _say(turn, asked))


def raise_at_start(turn: Turn, opened: Effect) -> None:
    """Call whom cell and flags name: by a raise above tier 1, otherwise by *opened* itself."""
    case, cell = turn.case, standing.cell(turn)
    row = turn.policy.trigger("T20", case.priority)
    mode = cell.mode if row is None or case.priority == cell.priority else row.mode
    told: list[tuple[Addressee, str]] = [(one, mode) for one in standing.cell_people(turn)]
    told += [(one, mode if row is None else row.mode) for one in standing.flag_people(turn)]
    if case.tier == 1:
        turn.tell(opened, people.notices(told, 1), turn.internal_calendar)
    else:
        asked = Raise(
            track="functional",
            target=f"t{case.tier}",
            triggers=("start",),
            people=told,
            ack=cell.ack if row is None else row.ack,
            mode=mode,
            ladder=case.priority,
            arithmetic=(f"cell {case.cell} starts at tier {case.tier}",),
        )
        raise_functional(turn, case.tier, asked)
    names = [*standing.cell_departments(turn), *standing.flag_departments(turn)]
    departments.ask_all(turn, names, ("start",), mode)


def band(turn: Turn) -> str:
    """Return the impact band of the case's counts (Impact bands)."""
    case = turn.case
    found: str = turn.policy.impact_band(
        case.users, case.orgs, case.share, org_wide=case.org_wide, severity=case.severity
    )
    return found


def take_facts(turn: Turn, data: TicketFacts) -> None:
    """Take everything that a ticket says about itself at its beginning."""
    case = turn.case
    case.facts = {name: value for name in KEPT_FACTS if (value := getattr(data, name, None))}
    case.severity = str(data.severity or "S3")
    case.users, case.orgs = data.affected_users, data.affected_orgs
    case.share, case.org_wide = data.affected_share, bool(data.org_wide)
    customer = data.customer
    if customer is not None:
        case.facts = {**case.facts, "customer": customer.id}
        case.plan = customer.plan if customer.plan in PLANS else "standard"
        case.vip, case.region = bool(customer.vip), customer.region
    known = turn.policy.overrides
    case.flags = tuple(name for name in dict.fromkeys(data.flags or ()) if name in known)


def _say(turn: Turn, asked: Mapping[str, Any]) -> Effect:
    case = turn.case
    more: dict[str, Any] = {
        "from": None,
        "to": case.cell,
        "tracks": list(standing.cell(turn).tracks),
        "timers": timer_list(turn),
        "notify": [],
    }
    if case.crowd is None:
        more["recurrence_of"] = case.recurrence_of
        more |= asked
        kind = "case.opened"
    else:
        kind = "group.opened"
        more |= membership.described(case)
    facts = {
        "severity": case.severity,
        "affected_users": case.users,
        "affected_orgs": case.orgs,
        "affected_share": case.share,
        "plan": case.plan,
        "vip": case.vip,
        "region": case.region,
        "flags": list(case.flags),
    }
    return turn.say(kind, (), more, facts=facts, arithmetic=_arithmetic(turn))


def _arithmetic(turn: Turn) -> list[str]:
    case = turn.case
    lines = [f"{case.severity} x {case.impact} = {case.priority}, tier {case.tier}"]
    lines += [
        f"{timer.name}: {timer.allowance} s of {timer.calendar} for {case.plan} {case.priority}"
        for timer in case.timers.values()
    ]
    return lines

"""A ticket becomes a case: its cell, its clocks, its start tier (Cells)."""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core import dwell, people, timers
from services.escalator.core.escalations import (
    Raise,
    join,
    open_department,
    raise_department,
    raise_functional,
)
from services.escalator.core.rows import cell_departments, cell_people
from services.escalator.core.snapshot import timer_list
from services.escalator.core.turn import Turn
from shared.contract.events import TicketOpened

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


def open_case(turn: Turn, data: TicketOpened) -> None:
    """Open the case at this instant, and raise it at once where its cell starts above tier 1."""
    case = turn.case
    case.opened_at = case.status_since = turn.at
    case.promise_version = case.rules_version = turn.policy.version
    _take_facts(turn, data)
    case.impact = band(turn)
    cell = turn.policy.cell(case.severity, case.impact)
    case.priority = case.highest_priority = cell.priority
    case.tier, case.tier_entered = cell.start_tier, turn.at
    timers.begin(turn, "first_response")
    timers.begin(turn, "resolve")
    dwell.schedule(turn, worse=False)
    more: dict[str, Any] = {
        "from": None,
        "to": case.cell,
        "tracks": list(cell.tracks),
        "timers": timer_list(turn),
        "notify": [],
        "recurrence_of": None,
    }
    opened = turn.say("case.opened", [], more, facts=_facts(turn), arithmetic=_arithmetic(turn))
    start_list = [(one, cell.mode) for one in cell_people(turn)]
    if case.tier == 1:
        turn.tell(opened, people.notices(start_list, 1), turn.internal_calendar)
    else:
        row = turn.policy.trigger("T20", case.priority)
        asked = Raise(
            track="functional",
            target=f"t{case.tier}",
            triggers=("start",),
            people=start_list,
            ack=cell.ack if row is None else row.ack,
            mode=cell.mode,
            ladder=case.priority,
            arithmetic=(f"cell {case.cell} starts at tier {case.tier}",),
        )
        raise_functional(turn, case.tier, asked)
    call_departments(turn, ("start",))


def call_departments(turn: Turn, triggers: tuple[str, ...]) -> None:
    """Ask every department of the cell's start list for help, each by its own escalation."""
    case = turn.case
    mode = turn.policy.cell(case.severity, case.impact).mode
    for department in cell_departments(turn):
        if open_department(turn, department) is None:
            raise_department(turn, department, triggers, mode)


def join_department(turn: Turn, department: str, triggers: tuple[str, ...]) -> None:
    """Tell an already open department of a further request; it joins (Departments)."""
    one = open_department(turn, department)
    if one is not None:
        join(turn, one, list(triggers), [])


def band(turn: Turn) -> str:
    """Return the impact band of the case's counts (Impact bands)."""
    case = turn.case
    found: str = turn.policy.impact_band(
        case.users, case.orgs, case.share, org_wide=case.org_wide, severity=case.severity
    )
    return found


def _take_facts(turn: Turn, data: TicketOpened) -> None:
    case = turn.case
    case.facts = {name: value for name in KEPT_FACTS if (value := getattr(data, name, None))}
    case.severity = str(data.severity or "S3")
    case.users, case.orgs = data.affected_users, data.affected_orgs
    case.share, case.org_wide = data.affected_share, bool(data.org_wide)
    customer = data.customer
    if customer is not None:
        case.facts["customer"] = customer.id
        case.plan = customer.plan if customer.plan in PLANS else "standard"
        case.vip, case.region = bool(customer.vip), customer.region
    case.flags = tuple(dict.fromkeys(data.flags or ()))


def _facts(turn: Turn) -> dict[str, Any]:
    case = turn.case
    return {
        "severity": case.severity,
        "affected_users": case.users,
        "affected_orgs": case.orgs,
        "affected_share": case.share,
        "plan": case.plan,
        "vip": case.vip,
        "region": case.region,
    }


def _arithmetic(turn: Turn) -> list[str]:
    case = turn.case
    lines = [f"{case.severity} x {case.impact} = {case.priority}, tier {case.tier}"]
    for name in ("first_response", "resolve"):
        timer = case.timers[name]
        lines.append(
            f"{name}: {timer.allowance} s of {timer.calendar} for {case.plan} {case.priority}"
        )
    return lines

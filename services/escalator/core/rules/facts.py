"""Facts that change: severity, impact, plan, VIP, owner (Changes of severity and impact)."""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core import dwell, executives, people, timers
from services.escalator.core.refusals import refuse
from services.escalator.core.rows import told
from services.escalator.core.rules.opening import KEPT_FACTS, PLANS, band, call_departments
from services.escalator.core.snapshot import timer_list
from services.escalator.core.turn import Asked, Turn
from shared.contract.events import TicketUpdated

CANDIDATE: Final = "de_escalation_candidate"


def hear_update(turn: Turn, data: TicketUpdated, act_id: str) -> None:
    """Take the changed facts; what lowers severity or impact needs the right and a reason."""
    given = data.model_fields_set
    case = turn.case
    severity = str(data.severity or "S3") if "severity" in given else case.severity
    if severity > case.severity and not _may_lower(turn, data, "change_severity_down"):
        allowed = turn.policy.permitted("change_severity_down")
        refuse(turn, act_id, data.by, "not_permitted", allowed=allowed)
        return
    for name in KEPT_FACTS:
        if name in given:
            _keep(case.facts, name, getattr(data, name))
    _take_counts(turn, data, given)
    before = case.cell
    impact_before = case.impact
    case.severity = severity
    case.impact = _banded(turn, data, impact_before)
    if case.cell != before:
        _reclassify(turn, before, impact_before)
    if "customer" in given and data.customer is not None:
        _take_customer(turn, data)


def _take_counts(turn: Turn, data: TicketUpdated, given: set[str]) -> None:
    case = turn.case
    if "affected_users" in given:
        case.users = data.affected_users
    if "affected_orgs" in given:
        case.orgs = data.affected_orgs
    if "affected_share" in given:
        case.share = data.affected_share
    if "org_wide" in given:
        case.org_wide = bool(data.org_wide)


def _banded(turn: Turn, data: TicketUpdated, before: str) -> str:
    """A higher count raises the band at once; a lower one needs by, role, reason and evidence."""
    counted = band(turn)
    if counted >= before:
        return counted
    lowering = bool(data.evidence) and _may_lower(turn, data, "lower_impact")
    return counted if lowering else before


def _may_lower(turn: Turn, data: TicketUpdated, permission: str) -> bool:
    return bool(data.by and data.reason) and turn.policy.may(data.role, permission)


def _reclassify(turn: Turn, before: str, impact_before: str) -> None:
    """Apply the new cell: shares carried, limits anew, and T20 where the case got worse."""
    case = turn.case
    severity_before, _, _ = before.partition("/")
    worse = case.severity < severity_before or case.impact > impact_before
    cell = turn.policy.cell(case.severity, case.impact)
    tier_before = case.tier
    case.priority = cell.priority
    case.highest_priority = min(case.highest_priority, case.priority)
    if case.is_open:
        timers.carry(turn)
        timers.refresh_update(turn)
        case.dwell_fired = False
        dwell.schedule(turn, worse=worse)
        executives.note_cell(turn)
    if not worse and case.tier > cell.start_tier and CANDIDATE not in case.flags:
        case.flags = (*case.flags, CANDIDATE)
    elif worse:
        case.flags = tuple(flag for flag in case.flags if flag != CANDIDATE)
    more: dict[str, Any] = {
        "from": before,
        "to": case.cell,
        "tracks": list(cell.tracks),
        "timers": timer_list(turn),
        "notify": [],
    }
    row = turn.policy.trigger("T20", case.priority) if worse and case.is_open else None
    line = f"{before} becomes {case.cell}: {case.priority}, start tier {cell.start_tier}"
    effect = turn.say("case.reclassified", ["T20"] if row else [], more, arithmetic=[line])
    if row is None:
        return
    asked = Asked("T20", row, effect, always=_raises_anew(turn), arithmetic=(line,))
    if asked.always or cell.start_tier > tier_before:
        turn.asked.append(asked)
    else:
        notify = people.notices(told(turn, [asked]), case.tier)
        turn.tell(effect, notify, turn.internal_calendar)
    call_departments(turn, ("T20",))


def _raises_anew(turn: Turn) -> bool:
    """A case above tier 1 that becomes P1 is raised unless one raised at P1 is open (T20)."""
    case = turn.case
    if case.priority != "P1" or case.tier == 1:
        return False
    one = case.open_on("functional")
    return one is None or one.priority != "P1"


def _take_customer(turn: Turn, data: TicketUpdated) -> None:
    """A better plan applies at once, a worse one never to an open case; VIP changes attention."""
    case, customer = turn.case, data.customer
    if customer is None:
        return
    given = customer.model_fields_set
    if customer.id:
        case.facts["customer"] = customer.id
    if "region" in given:
        case.region = customer.region
    changed = False
    if "vip" in given and bool(customer.vip) != case.vip:
        case.vip, changed = bool(customer.vip), True
    if customer.plan in PLANS and PLANS.index(customer.plan) > PLANS.index(case.plan):
        case.plan, changed = customer.plan, True
        if case.is_open:
            timers.carry(turn)
    if changed and case.is_open:
        dwell.schedule(turn, worse=False)


def _keep(facts: dict[str, Any], name: str, value: Any) -> None:
    if value in (None, ""):
        facts.pop(name, None)
    else:
        facts[name] = value

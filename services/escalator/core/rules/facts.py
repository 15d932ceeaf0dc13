"""Facts that change: severity, impact, plan, VIP, owner (Changes of severity and impact)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from services.escalator.core import dwell, timers
from services.escalator.core.refusals import refuse
from services.escalator.core.rules import groups, membership
from services.escalator.core.rules.opening import KEPT_FACTS, PLANS, band
from services.escalator.core.rules.worsening import before, reclassify
from services.escalator.core.turn import Turn
from shared.contract.events import TicketUpdated


def hear_update(turn: Turn, data: TicketUpdated, act_id: str) -> None:
    """Take the changed facts; what lowers severity or impact needs the right and a reason."""
    given = data.model_fields_set
    case = turn.case
    severity = str(data.severity or "S3") if "severity" in given else case.severity
    if severity > case.severity and not _may_lower(turn, data, "change_severity_down"):
        allowed = turn.policy.permitted("change_severity_down")
        refuse(turn, act_id, data.by, "not_permitted", allowed=allowed)
        return
    was = before(turn)
    told: dict[str, Any] = {name: getattr(data, name) for name in KEPT_FACTS if name in given}
    if told:
        case.facts = _with_told(case.facts, told)
    _take_counts(turn, data, given)
    case.severity = severity
    case.impact = _banded(turn, data, was.impact)
    flags = _new_flags(turn, data, given)
    case.flags = (*case.flags, *flags)
    if "customer" in given and data.customer is not None:
        _take_customer(turn, data)
    membership.part(turn)
    reclassify(turn, was, flags=flags)
    membership.note(turn)
    membership.pass_on(turn, data)


def _new_flags(turn: Turn, data: TicketUpdated, given: AbstractSet[str]) -> tuple[str, ...]:
    """Return the flags that were not set before; a list without one does not take it away."""
    if "flags" not in given:
        return ()
    known = turn.policy.overrides
    listed = dict.fromkeys(data.flags or ())
    return tuple(name for name in listed if name in known and name not in turn.case.flags)


def _take_counts(turn: Turn, data: TicketUpdated, given: AbstractSet[str]) -> None:
    case = turn.case
    rises = False
    if "affected_users" in given:
        rises |= (data.affected_users or 0) > (case.users or 0)
        case.users = data.affected_users
        groups.confirm(turn, data.affected_users)
    if "affected_orgs" in given:
        rises |= (data.affected_orgs or 0) > (case.orgs or 0)
        case.orgs = data.affected_orgs
    if "affected_share" in given:
        rises |= (data.affected_share or 0) > (case.share or 0)
        case.share = data.affected_share
    if "org_wide" in given:
        rises |= bool(data.org_wide) and not case.org_wide
        case.org_wide = bool(data.org_wide)
    if rises:
        case.news_at = turn.at


def _banded(turn: Turn, data: TicketUpdated, was: str) -> str:
    """A higher count raises the band at once; a lower one needs by, role, reason and evidence."""
    counted = band(turn)
    if counted >= was:
        return counted
    lowering = bool(data.evidence) and _may_lower(turn, data, "lower_impact")
    return counted if lowering else was


def _may_lower(turn: Turn, data: TicketUpdated, permission: str) -> bool:
    return bool(data.by and data.reason) and turn.policy.may(data.role, permission)


def _take_customer(turn: Turn, data: TicketUpdated) -> None:
    """A better plan applies at once, a worse one never to an open case; VIP changes attention."""
    case, customer = turn.case, data.customer
    if customer is None:
        return
    given = customer.model_fields_set
    if customer.id:
        case.facts = {**case.facts, "customer": customer.id}
    if "region" in given and customer.region != case.region:
        case.region = customer.region
        if case.is_open:
            timers.carry(turn)
            dwell.schedule(turn, worse=False)
    changed = False
    if "vip" in given and bool(customer.vip) != case.vip:
        case.vip, changed = bool(customer.vip), True
    if customer.plan in PLANS and PLANS.index(customer.plan) > PLANS.index(case.plan):
        case.plan, changed = customer.plan, True
        if case.is_open:
            timers.carry(turn)
    if changed and case.is_open:
        dwell.schedule(turn, worse=False)


def _with_told(facts: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Return *facts* with what was *told* in their place; nothing takes a fact away."""
    return {
        name: value
        for name, value in (facts | told).items()
        if name not in told or value not in (None, "")
    }

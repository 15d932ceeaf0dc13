"""A group of tickets: one case for all of them, as grave as they are together (Groups).

The group does not know its members one by one. What it must know of them together is kept in a
size that does not grow with their number; who they are is kept in pages of their own.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from services.escalator.core import dwell, timers
from services.escalator.core.case import Case, Crowd
from services.escalator.core.inputs import Heard, Signal
from services.escalator.core.rules import opening, status
from services.escalator.core.rules.membership import described
from services.escalator.core.rules.worsening import before, reclassify
from services.escalator.core.turn import Turn

_WIDEST: Final = "I4"
_MOST_CUSTOMERS: Final = 200
_FACTS: Final = ("service", "component", "symptom")


def hear(turn: Turn, signal: Signal) -> None:
    """Take what the fingerprint or a member says."""
    case = turn.case
    match signal.kind:
        case "propose" if case.opened_at is None:
            _propose(turn, signal)
        case "create" if case.opened_at is None:
            _create(turn, signal)
        case "joined" if case.is_open:
            _join(turn, signal)
        case "worse" if case.is_open:
            _grow(turn, signal.data)
        case "left" | "done" | "again" if case.is_open:
            _count(turn, signal.kind)
        case _:
            pass  # the group is over


def commutes(case: Case, heard: Heard) -> bool:
    """Whether what comes late makes no difference to what has happened since."""
    crowd, signal = case.crowd, heard.signal
    if crowd is None or signal is None or not case.is_open or heard.effective < crowd.changed_at:
        return False
    if signal.kind in ("left", "done"):
        return crowd.open_members > 1
    if signal.kind not in ("joined", "worse") or "tier" in signal.data:
        return False
    twin = case.copy()
    _absorb(twin, signal.data)
    known = twin.crowd is not None and twin.crowd.customers == crowd.customers
    return known and _weight(twin) == _weight(case) and case.impact == _WIDEST


def _propose(turn: Turn, signal: Signal) -> None:
    more = described(turn.case) | {"members": signal.data["members"]}
    line = f"{signal.data['members']} tickets of one fingerprint in the window"
    turn.say("group.proposed", (), more, arithmetic=[line])


def _create(turn: Turn, signal: Signal) -> None:
    case = turn.case
    listed: list[tuple[str, dict[str, Any]]] = [(one[0], one[1]) for one in signal.data["members"]]
    case.crowd = Crowd(members=len(listed), open_members=len(listed), changed_at=turn.at)
    first = listed[0][1]
    case.facts = {name: first[name] for name in _FACTS if name in first}
    case.region = first.get("region")
    case.severity = "S4"
    for _, told in listed:
        _absorb(case, told)
        case.impact = max(case.impact, opening.band(turn))
    opening.begin(turn)
    for ticket, _ in listed:
        turn.send("join", ticket, {"priority": case.priority, "members": len(listed)})


def _join(turn: Turn, signal: Signal) -> None:
    case, crowd = turn.case, turn.case.crowd
    if crowd is None:
        return
    members = crowd.members + 1
    case.crowd = crowd._replace(members=members, open_members=crowd.open_members + 1)
    _grow(turn, signal.data)
    data = {"priority": case.priority, "members": members}
    turn.send("join", str(signal.data["ticket"]), data)


def _grow(turn: Turn, told: dict[str, Any]) -> None:
    """Become as grave as the member that says *told*, if it is graver than all so far."""
    case, was, weight = turn.case, before(turn), _weight(turn.case)
    _absorb(case, told)
    case.impact = max(case.impact, opening.band(turn))
    least = int(told.get("tier", 1))
    if weight == _weight(case) and case.cell == was.cell and least <= case.tier:
        return
    if case.crowd is not None:
        case.crowd = case.crowd._replace(changed_at=turn.at)
    timers.carry(turn)
    dwell.schedule(turn, worse=False)
    reclassify(turn, was, least_tier=least)


def _absorb(case: Case, told: dict[str, Any]) -> None:
    """Take what counts of a member: worst severity, all counts, best plan (Groups)."""
    crowd = case.crowd or Crowd()
    case.severity = min(case.severity, str(told["severity"]))
    case.plan = max(case.plan, str(told["plan"]), key=opening.PLANS.index)
    case.vip = case.vip or bool(told.get("vip"))
    case.org_wide = case.org_wide or bool(told.get("org_wide"))
    case.share = max(case.share or 0.0, told.get("share") or 0.0) or None
    customer = told.get("org")
    if customer and customer not in crowd.customers and len(crowd.customers) < _MOST_CUSTOMERS:
        crowd = crowd._replace(customers=tuple(sorted((*crowd.customers, str(customer)))))
        case.crowd = crowd
    if case.impact == _WIDEST:
        return
    requester = _hashed(str(told["requester"]))
    count = max(crowd.requesters.get(requester, 0), told.get("users") or 1)
    requesters = crowd.requesters | {requester: count}
    orgs = crowd.orgs
    if told.get("org") and (org := _hashed(str(told["org"]))) not in orgs:
        orgs = (*orgs, org)
    case.crowd = crowd._replace(requesters=requesters, orgs=orgs)
    case.users = max(crowd.confirmed, sum(requesters.values()))
    case.orgs = max(case.orgs or 0, len(orgs), told.get("orgs") or 0)


def confirm(turn: Turn, users: int | None) -> None:
    """Keep what a person says of the whole group: so many are affected, or nobody knows."""
    case, crowd = turn.case, turn.case.crowd
    if crowd is not None:
        confirmed = users or 0
        case.crowd = crowd._replace(confirmed=confirmed, changed_at=turn.at)
        case.users = max(confirmed, sum(crowd.requesters.values()))


def _count(turn: Turn, kind: str) -> None:
    case, crowd = turn.case, turn.case.crowd
    if crowd is None:
        return
    if kind == "again":
        case.crowd = crowd._replace(open_members=crowd.open_members + 1)
        return
    open_members = crowd.open_members - 1
    left = 1 if kind == "left" else 0
    case.crowd = crowd._replace(
        members=crowd.members - left,
        taken_out=crowd.taken_out + left,
        open_members=open_members,
    )
    if open_members <= 0:
        status.change(turn, "closed")


def _weight(case: Case) -> tuple[Any, ...]:
    return (case.severity, case.plan, case.vip, case.org_wide, case.share)


def _hashed(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()

"""A ticket and its group: when it counts, when it joins, what it keeps, when it leaves (Groups)."""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core import dwell, keys, standing
from services.escalator.core.case import Case
from services.escalator.core.escalations import end_all
from services.escalator.core.inputs import Signal
from services.escalator.core.turn import Turn
from shared.contract.events import TicketUpdated

_FACT_OF: Final = {"symptom_code": "symptom"}
_GRAVER_BY: Final = frozenset(
    {"severity", "affected_users", "affected_orgs", "affected_share", "org_wide", "customer"}
)


def fingerprint(turn: Turn) -> str | None:
    """Return the fingerprint by which the case may be grouped now, or None.

    A contract without a region counts for the default one, as it does for calendars.
    """
    case, grouping = turn.case, turn.policy.file.grouping
    if not case.is_open or any(flag in grouping.never_swallowed for flag in case.flags):
        return None
    if any(one.never_grouped for one in standing.overrides(turn)):
        return None
    region = turn.policy.business_calendar(case.region).name
    facts = {**case.facts, "region": region}
    parts = [facts.get(_FACT_OF.get(name, name)) for name in grouping.fingerprint]
    return None if None in parts else keys.fingerprint([str(part) for part in parts])


def note(turn: Turn) -> None:
    """Count the case for its fingerprint from now on, and no more for one that it lost.

    A group has the fingerprint of its members and is none of them.
    """
    case = turn.case
    if case.is_group:
        return
    if case.group is not None or (case.watched is None and "symptom" not in case.facts):
        return
    print_ = fingerprint(turn)
    if print_ == case.watched:
        return
    _forget(turn)
    if print_ is not None:
        case.watched, case.watched_since = print_, turn.at
        turn.send("has", keys.watch(print_), told(case))


def told(case: Case) -> dict[str, Any]:
    """Return what a group has to know of a member."""
    known = {
        "requester": case.facts.get("requester") or case.ticket,
        "org": case.facts.get("customer"),
        "severity": case.severity,
        "users": case.users,
        "orgs": case.orgs,
        "share": case.share,
        "org_wide": case.org_wide or None,
        "plan": case.plan,
        "vip": case.vip or None,
        "region": case.region,
        "service": case.facts.get("service"),
        "component": case.facts.get("component"),
        "symptom": case.facts.get("symptom"),
    }
    return {name: value for name, value in known.items() if value is not None}


def part(turn: Turn) -> None:
    """Leave the group if the case does not belong there any more, by a flag or another symptom."""
    case = turn.case
    if case.group is None or not case.is_open:
        return
    if fingerprint(turn) != keys.fingerprint_of(case.group):
        leave(turn)


def leave(turn: Turn) -> None:
    """Leave the group; the caller works out the case's own priority."""
    case = turn.case
    if case.group is None:
        return
    if case.group_open:
        turn.send("left", case.group, {})
    turn.say("group.left", (), {"group_id": case.group, "members": None})
    case.group = case.group_priority = case.watched = None
    case.group_open = False
    dwell.schedule(turn, worse=False)


def pass_on(turn: Turn, data: TicketUpdated) -> None:
    """Let the group know of what may have made a member graver."""
    case = turn.case
    if case.group is not None and case.group_open and data.model_fields_set & _GRAVER_BY:
        turn.send("worse", case.group, told(case))


def pass_on_merge(turn: Turn, tier: int) -> bool:
    """Let the group know of a ticket merged into a member, which was in *tier*; say if there is one.

    The group is raised rather than its member, for which nobody could acknowledge anything.
    """
    case = turn.case
    if case.group is None or not case.group_open:
        return False
    turn.send("worse", case.group, told(case) | {"tier": tier})
    return True


def note_closed(turn: Turn) -> None:
    """Let the group, or the fingerprint, know that the case has ended."""
    case = turn.case
    if case.group is None:
        _forget(turn)
    elif case.group_open:
        turn.send("done", case.group, {})


def note_reopened(turn: Turn) -> None:
    """Go on in a group that is open; leave one that has ended, and count anew."""
    case = turn.case
    if case.group is not None and case.group_open:
        turn.send("again", case.group, {})
    elif case.group is not None:
        leave(turn)


def join(turn: Turn, signal: Signal) -> bool:
    """Become a member; say whether the case still fits."""
    case = turn.case
    fits = case.group is None and fingerprint(turn) == keys.fingerprint_of(signal.sender)
    if not fits:
        return False
    end_all(turn, "superseded", detail="grouped")
    case.group, case.group_open = signal.sender, True
    case.group_priority = str(signal.data["priority"])
    case.dwell_limit = case.dwell_due = None
    more = {"group_id": signal.sender, "members": signal.data.get("members")}
    turn.say("group.joined", (), more)
    return True


def close_group(turn: Turn) -> None:
    """Say that the group is over, to people, to its members and to its fingerprint."""
    case = turn.case
    turn.say("group.closed", (), described(case) | {"status": case.status})
    turn.tell_members("over", {"resolved": case.status == "resolved"})
    turn.send("closed", keys.watch(keys.fingerprint_of(case.ticket)), {})


def described(case: Case) -> dict[str, Any]:
    """Return the keys of a decision about the group *case*."""
    return {
        "group_id": case.ticket,
        "members": 0 if case.crowd is None else case.crowd.members,
        "fingerprint": keys.fingerprint_of(case.ticket),
    }


def _forget(turn: Turn) -> None:
    """Say that the case counts for its fingerprint no more, while that can matter."""
    case = turn.case
    if case.watched is None:
        return
    since = case.watched_since
    if since is None or turn.at <= since + turn.policy.file.grouping.window:
        turn.send("gone", keys.watch(case.watched), {})
    case.watched = case.watched_since = None

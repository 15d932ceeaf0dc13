"""Two tickets about one thing become one case (Merging).

The source offers itself to the target, the target answers, and what is heard on the source from
then on is the target's to deal with. An undo makes both what they would be without the merge.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from services.escalator.core import information, keys, timers
from services.escalator.core.case import Case, Timer
from services.escalator.core.escalations import Raise, raise_functional
from services.escalator.core.inputs import Signal
from services.escalator.core.refusals import refuse
from services.escalator.core.rules import membership, status, undoing
from services.escalator.core.rules.opening import PLANS, band
from services.escalator.core.rules.worsening import before, reclassify
from services.escalator.core.turn import Turn
from shared.contract.events import TicketMerged
from shared.contract.times import Instant
from shared.policy.document import Addressee

_ROW_TO: Final = {2: "T06", 3: "T07"}


def hear_merge(turn: Turn, data: TicketMerged, act_id: str) -> None:
    """Offer the case to the target that *data* names; it answers in the same instant."""
    case = turn.case
    if not case.is_open:
        refuse(turn, act_id, data.by, "ticket_not_open")
    elif data.into == case.ticket or case.is_group or keys.kind_of(data.into) != keys.TICKET:
        refuse(turn, act_id, data.by, "not_permitted")
    else:
        undoing.note(turn, act_id)
        offer = _offer(turn) | {"act_id": act_id, "by": data.by}
        turn.send("merge", data.into, offer)


def hear_offer(turn: Turn, signal: Signal) -> None:
    """Take the case that is offered, or say why not."""
    case, source = turn.case, str(signal.data["source"])
    if case.merged_into is not None and case.status == "merged":
        if case.merged_into == source:
            _refuse(turn, signal, "not_permitted")
        else:
            turn.send("merge", case.merged_into, signal.data)
    elif case.opened_at is None or case.status == "cancelled" or case.ticket == source:
        _refuse(turn, signal, "not_permitted")
    elif not case.is_open:
        _refuse(turn, signal, "into_resolved_target", ["reopen"])
    else:
        turn.send("merged", source, {"into": case.ticket, "act_id": signal.data["act_id"]})
        _take(turn, signal.data)


def hear_answer(turn: Turn, signal: Signal) -> None:
    """Become part of the target, or refuse the act as the target wants it refused."""
    case, data = turn.case, signal.data
    if case.to_undo != data["act_id"]:
        return  # the offer was undone meanwhile
    if signal.kind == "merge_refused":
        case.to_undo = case.to_undo_at = None
        refuse(turn, data["act_id"], data["by"], data["code"], allowed=data["allowed"])
    elif case.is_open:
        case.merged_into = str(data["into"])
        status.change(turn, "merged")


def _refuse(turn: Turn, signal: Signal, code: str, allowed: list[str] | None = None) -> None:
    told = {"act_id": signal.data["act_id"], "by": signal.data["by"]}
    more = {"code": code, "allowed": allowed or []}
    turn.send("merge_refused", str(signal.data["source"]), told | more)


def _offer(turn: Turn) -> dict[str, Any]:
    case = turn.case
    return {
        "source": case.ticket,
        "severity": case.severity,
        "users": case.users,
        "orgs": case.orgs,
        "share": case.share,
        "org_wide": case.org_wide,
        "plan": case.plan,
        "vip": case.vip,
        "tier": case.tier,
        "flags": list(case.flags),
        "info": list(case.info),
        "highest_priority": case.highest_priority,
        "reopens": case.reopens,
        "hops": case.hops,
        "replied": case.first_reply_at is not None,
        "timers": [_described(turn, timer) for timer in case.timers.values()],
    }


def _described(turn: Turn, timer: Timer) -> dict[str, Any]:
    used = Fraction(timers.used_at(turn, timer))
    return {
        "name": timer.name,
        "calendar": timer.calendar,
        "allowance": timer.allowance,
        "used": [used.numerator, used.denominator],
        "state": timer.state,
        "breached": timer.breached,
        "mark": timer.mark,
        "due": timer.due,
    }


def _take(turn: Turn, offered: dict[str, Any]) -> None:
    """Be both: worst severity, all counts, best plan, highest tier, earliest due of each timer."""
    case, was = turn.case, before(turn)
    case.severity = min(case.severity, offered["severity"])
    case.users = _sum(case.users, offered["users"])
    case.orgs = _sum(case.orgs, offered["orgs"])
    shares = [one for one in (case.share, offered["share"]) if one is not None]
    case.share = min(1.0, sum(shares)) if shares else None
    case.org_wide = case.org_wide or offered["org_wide"]
    case.impact = max(case.impact, band(turn))
    case.plan = max(case.plan, offered["plan"], key=PLANS.index)
    case.vip = case.vip or offered["vip"]
    case.reopens = max(case.reopens, offered["reopens"])
    case.hops += offered["hops"]
    case.highest_priority = min(case.highest_priority, offered["highest_priority"])
    if (case.users or 0) > 0 and offered["users"]:
        case.news_at = turn.at
    known = turn.policy.overrides
    flags = tuple(f for f in offered["flags"] if f in known and f not in case.flags)
    case.flags = (*case.flags, *flags)
    information.take(turn, dict.fromkeys(offered["info"], "given"))
    timers.carry(turn)
    membership.part(turn)
    reclassify(turn, was, flags=flags, least_tier=offered["tier"])
    _earliest(turn, offered)
    grouped = membership.pass_on_merge(turn, offered["tier"])
    if offered["tier"] > case.tier and not turn.asked and not grouped:
        _raise_to(turn, offered["tier"])
    membership.note(turn)


def _earliest(turn: Turn, offered: dict[str, Any]) -> None:
    """Keep the earlier due of each timer; who was not answered keeps the old due time."""
    case = turn.case
    for told in offered["timers"]:
        if told["state"] != "running":
            continue
        name = told["name"]
        if name == "first_response" and case.first_reply_at is not None:
            name = "next_response"
        own = case.timers.get(name)
        if own is not None and own.state == "paused":
            continue
        if own is None or own.state != "running" or _is_earlier(told["due"], own.due):
            _transplant(turn, name, told)


def _is_earlier(due: int | None, than: Instant | None) -> bool:
    """Whether *due* is before *than*; None is the due time of a breach, which a carry forgets."""
    return than is not None and (due is None or due < than)


def _transplant(turn: Turn, name: str, told: dict[str, Any]) -> None:
    """Let the promise *name* go on as the other ticket's did."""
    if name == "customer_update" and turn.case.first_reply_at is None:
        return
    whole, part = told["used"]
    used = whole if part == 1 else Fraction(whole, part)
    timer = Timer(
        name, told["calendar"], told["allowance"], used, turn.at, "running", told["breached"]
    )
    due = None if told["due"] is None else Instant(told["due"])
    turn.case.put(timers.scheduled(turn, timer)._replace(due=due))


def _raise_to(turn: Turn, tier: int) -> None:
    """Move up to the tier of the ticket that was merged in."""
    row = turn.policy.trigger(_ROW_TO[tier], turn.case.priority)
    ack = turn.policy.trigger("T20", turn.case.priority)
    mode = "page" if row is None else row.mode
    told: list[tuple[Addressee, str]] = [] if row is None else [(a, mode) for a in row.notify]
    asked = Raise(
        track="functional",
        target=f"t{tier}",
        triggers=("manual",),
        people=told,
        ack=None if ack is None else ack.ack,
        mode=mode,
        ladder=turn.case.priority,
        arithmetic=(f"the merged ticket was in tier {tier}",),
    )
    raise_functional(turn, tier, asked)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def takes(case: Case) -> str | None:
    """Return the key of the case that deals with what is heard on *case*, or None for itself."""
    if case.status == "merged":
        return case.merged_into
    return case.successor

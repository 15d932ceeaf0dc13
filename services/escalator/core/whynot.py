"""Why somebody was not told: notices that wait or were not made, and rows that did not ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from services.escalator.core import calls, notasked, people
from services.escalator.core.case import BEGINNING, Escalation
from services.escalator.core.inputs import Heard
from services.escalator.core.notasked import said
from services.escalator.core.rows import HIGHEST_TIER
from services.escalator.core.turn import Turn
from services.escalator.core.views import Decided, Known
from shared.contract.events import EscalationRequested
from shared.contract.explanations import NotTold, WhyNot
from shared.contract.reasons import ENDINGS, TRIGGERS
from shared.contract.sentences import moment, sentence, target, words
from shared.contract.times import Instant, Seconds, parse_instant, rfc3339
from shared.policy.document import PolicyTimeline

COOLING: Final = "suppressed_by_cooldown"
"""The code with which a request for executives is refused while they are left alone."""


def not_told(known: Known, policies: PolicyTimeline, at: Instant) -> tuple[NotTold, ...]:
    """Return who was not told by *at*, or not asked to act, and why not."""
    turn = Turn(known.case, at, policies, policies.at(at), BEGINNING)
    found = (
        *_held(known.decided, at),
        *_of_escalations(turn, known.decided),
        *_without_asking(known),
        *_refused(turn, known),
        *notasked.rows(turn, known.decided),
    )
    return tuple(_together(found))


def _together(found: Iterable[NotTold]) -> Iterable[NotTold]:
    """Say once what holds for several rows or steps alike, of all their roles."""
    merged: dict[tuple[object, ...], NotTold] = {}
    for one in found:
        key = (one.reason, one.text, one.escalation_id, one.since, one.until)
        first = merged.get(key)
        if first is None:
            merged[key] = one
            continue
        more = {
            "roles": tuple(dict.fromkeys([*first.roles, *one.roles])),
            "trigger": first.trigger if first.trigger == one.trigger else None,
            "arithmetic": tuple(dict.fromkeys([*first.arithmetic, *one.arithmetic])),
        }
        merged[key] = first.model_copy(update=more)
    return merged.values()


def _held(decided: Sequence[Decided], at: Instant) -> Iterator[NotTold]:
    """Notices that wait for the calendar to open, and those whose escalation ended before."""
    ends = _ends(decided)
    for one in decided:
        held = one.data.get("hold_until")
        if held is None:
            continue
        until, name = parse_instant(held), one.data.get("escalation_id")
        end = None if name is None else ends.get(name)
        roles = tuple(entry["role"] for entry in one.data["notify"])
        if end is not None and one.at <= end.at < until:
            reason = ENDINGS.get(str(end.data["reason"]), words(end.data["reason"]))
            text = (
                f"The notice of {moment(rfc3339(one.at))} was held until"
                f" {moment(held)}, and by then it was over: {reason}"
            )
            yield said(WhyNot.ENDED, roles, text, escalation=name, since=end.at)
        elif until > at:
            text = (
                f"It was outside of the hours in which they are told, so the notice of"
                f" {moment(rfc3339(one.at))} is held until {moment(held)}"
            )
            yield said(WhyNot.QUIET_HOURS, roles, text, escalation=name, since=one.at, until=until)


def _ends(decided: Iterable[Decided]) -> dict[str, Decided]:
    return {one.data["escalation_id"]: one for one in decided if one.type == "escalation.ended"}


def _of_escalations(turn: Turn, decided: Sequence[Decided]) -> Iterator[NotTold]:
    """Who would be called next by the open escalations, or would have been by those that ended."""
    for one in turn.case.escalations:
        yield from _of_open(turn, one)
    for end in decided:
        stood_down = end.data.get("stand_down")
        if end.type == "escalation.ended" and end.data["track"] == "functional":
            yield from _of_ended(turn, end, frozenset(stood_down or ()))


def _of_open(turn: Turn, one: Escalation) -> Iterator[NotTold]:
    if one.unreached:
        text = "Nobody can be reached in this role, the notifier says; the next step is called"
        yield said(WhyNot.UNREACHED, one.unreached, text, escalation=one.id)
    policy = turn.policies.version(one.policy_version)
    ladder = calls.ladder_of(one, policy)
    if ladder is None:
        if one.acknowledged_at is not None and one.people:
            yield said(
                WhyNot.ACKNOWLEDGED,
                one.people,
                _taken(one),
                escalation=one.id,
                since=one.acknowledged_at,
            )
        return
    called = {role for role, _ in one.called}
    for step in ladder.steps[1:]:
        roles = tuple(
            role
            for role in (people.resolved(to.role, one.tier) for to in step.to)
            if role not in called and role not in one.unreached
        )
        if not roles:
            continue
        if one.acknowledged_at is not None:
            text = _taken(one)
            since = one.acknowledged_at
            yield said(WhyNot.ACKNOWLEDGED, roles, text, escalation=one.id, since=since)
            continue
        ladder_time = Seconds(max(0, step.after - one.skipped))
        due = calls.calendar_of(turn, one).due(one.raised_at, ladder_time)
        if due <= turn.at:
            continue  # called for information, which no list of calls keeps
        line = f"{step.after} s of ladder time since {rfc3339(one.raised_at)} on {one.calendar}"
        text = (
            f"They are called about the escalation to {target(one.target)} at"
            f" {moment(rfc3339(due))}, unless somebody takes it before"
        )
        yield said(WhyNot.NOT_YET, roles, text, escalation=one.id, until=due, arithmetic=(line,))


def _taken(one: Escalation) -> str:
    at = "" if one.acknowledged_at is None else f" at {moment(rfc3339(one.acknowledged_at))}"
    by = one.acknowledged_by
    return (
        f"The escalation to {target(one.target)} was taken by {by}{at}; nobody is called any more"
    )


def _of_ended(turn: Turn, end: Decided, called: frozenset[str]) -> Iterator[NotTold]:
    ladder = turn.policy.ladders[str(end.data["priority"])]
    tier = int(str(end.data["target"]).removeprefix("t"))
    steps = (people.resolved(to.role, tier) for step in ladder.steps[1:] for to in step.to)
    roles = tuple(dict.fromkeys(role for role in steps if role not in called))
    if roles:
        reason = str(end.data["reason"])
        text = (
            f"The escalation to {target(end.data['target'])} ended at {moment(rfc3339(end.at))},"
            f" before they were called: {ENDINGS.get(reason, words(reason))}"
        )
        name = end.data["escalation_id"]
        yield said(WhyNot.ENDED, roles, text, escalation=name, since=end.at)


def _without_asking(known: Known) -> Iterator[NotTold]:
    """Who was told of an open escalation, and is not asked to take it."""
    open_ones = {one.id for one in known.case.escalations}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for one in known.decided:
        name = one.data.get("escalation_id")
        if one.type not in ("escalation.raised", "escalation.notice_due") or name not in open_ones:
            continue
        about = target(one.data["target"])
        informed = tuple(entry["role"] for entry in one.data.get("notify") or () if entry["fyi"])
        if informed and (name, informed) not in seen:
            seen.add((name, informed))
            text = (
                f"They were told of the escalation to {about} for information;"
                " they are not asked to act, and not called again"
            )
            yield said(WhyNot.FYI, informed, text, escalation=name, since=one.at)
        if one.type == "escalation.notice_due" and one.data["step"] is None:
            yield from _joined(one, about)


def _joined(one: Decided, about: str) -> Iterator[NotTold]:
    """Who was told of a further reason within an escalation that was open already."""
    asked = tuple(entry["role"] for entry in one.data["notify"] if not entry["fyi"])
    trigger = str(next(iter(one.data["because"]["triggers"]), ""))
    meaning = f" ({trigger}: {TRIGGERS[trigger]})" if trigger in TRIGGERS else ""
    text = (
        f"An escalation to {about} was open already, so they were told of it there and"
        f" no other was raised{meaning}"
    )
    if asked:
        name = one.data["escalation_id"]
        yield said(
            WhyNot.JOINED, asked, text, trigger=trigger or None, escalation=name, since=one.at
        )


def _refused(turn: Turn, known: Known) -> Iterator[NotTold]:
    """Whom a request that was refused would have called."""
    requests = {
        one.event.id: one.event.data
        for one in known.happened
        if isinstance(one, Heard)
        and one.event is not None
        and isinstance(one.event.data, EscalationRequested)
    }
    for one in known.decided:
        asked = requests.get(one.data["act_id"]) if one.type == "act.refused" else None
        if asked is None:
            continue
        if one.data["code"] == COOLING:
            yield _cooling(turn, one)
            continue
        text = f"{moment(rfc3339(one.at))}: {sentence(one.type, one.data).rstrip('.')}"
        yield said(WhyNot.REFUSED, (_wanted(turn, asked, one),), text, since=one.at)


def _wanted(turn: Turn, asked: EscalationRequested, refused: Decided) -> str:
    if asked.department is not None:
        department = turn.policy.departments.get(asked.department)
        return asked.department if department is None else department.duty
    tier = asked.to_tier or int(refused.data["tier"]) + 1
    return "exec_oncall" if tier > HIGHEST_TIER else f"t{tier}_oncall"


def _cooling(turn: Turn, refused: Decided) -> NotTold:
    since = turn.case.exec_raised_at
    until = None if since is None else Instant(since + turn.policy.exec_cooldown)
    rest = "" if until is None else f" until {moment(rfc3339(until))}"
    text = (
        f"The executives had been called shortly before the request of"
        f" {moment(rfc3339(refused.at))}; they are left alone{rest} unless it gets worse"
    )
    return said(WhyNot.COOLDOWN, ("exec_oncall",), text, since=refused.at)

"""A case became graver, or less grave: the new cell, and T20 (Changes of severity and impact)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from services.escalator.core import (
    departments,
    dwell,
    executives,
    people,
    staleness,
    standing,
    timers,
)
from services.escalator.core.escalations import join
from services.escalator.core.rows import told
from services.escalator.core.rules import cooldown, waiting
from services.escalator.core.snapshot import timer_list
from services.escalator.core.turn import Asked, Effect, Turn
from shared.policy.document import Addressee

CANDIDATE: Final = "de_escalation_candidate"


class Before(NamedTuple):
    """How grave a case was before a change."""

    cell: str
    severity: str
    impact: str
    priority: str
    tier: int


def before(turn: Turn) -> Before:
    """Note how grave the case is now."""
    case = turn.case
    return Before(case.cell, case.severity, case.impact, case.priority, case.tier)


def reclassify(
    turn: Turn, was: Before, *, flags: tuple[str, ...] = (), least_tier: int = 1
) -> None:
    """Apply what severity, impact and flags have become: shares carried, limits anew, T20.

    Args:
        turn: The case, with its new severity, impact and flags.
        was: How it was before.
        flags: Overrides that were not there before; each is a worsening.
        least_tier: The tier that the change asks for beside that of cell and flags.
    """
    case = turn.case
    graver = case.severity < was.severity or case.impact > was.impact
    case.priority = standing.priority(turn)
    changed = case.cell != was.cell or case.priority != was.priority
    if not changed and not flags and least_tier <= case.tier:
        return
    case.highest_priority = min(case.highest_priority, case.priority)
    if changed and case.is_open:
        _new_clocks(turn, worse=graver or bool(flags) or case.priority < was.priority)
    if flags and standing.exec_inform(turn) is not None:
        executives.note_flag(turn)
    worse = graver or bool(flags) or least_tier > case.tier
    _mark(turn, was, worse=worse)
    effect = _say(turn, was, worse=worse) if changed else None
    if not case.is_open:
        return
    broken = cooldown.break_off(turn, was, flagged=bool(flags))
    if worse and case.group is None:
        _ask(turn, was, effect, flags, graver=graver, least_tier=least_tier)
    if broken:
        cooldown.tell_again(turn, was, flags)
    if case.crowd is not None and case.priority != was.priority:
        turn.tell_members("priority", {"priority": case.priority})


def _new_clocks(turn: Turn, *, worse: bool) -> None:
    timers.carry(turn)
    timers.refresh_update(turn)
    turn.case.dwell_fired = False
    dwell.schedule(turn, worse=worse)
    executives.note_cell(turn)
    staleness.schedule(turn)
    waiting.reschedule(turn)


def _mark(turn: Turn, was: Before, *, worse: bool) -> None:
    """Mark a case that stands higher than its cell asks for, now that it is less grave."""
    case = turn.case
    if worse:
        case.flags = tuple(flag for flag in case.flags if flag != CANDIDATE)
        return
    milder = case.severity > was.severity or case.impact < was.impact
    milder = milder or (case.priority > was.priority and case.group is None)
    if milder and case.tier > standing.start_tier(turn) and CANDIDATE not in case.flags:
        case.flags = (*case.flags, CANDIDATE)


def _say(turn: Turn, was: Before, *, worse: bool) -> Effect:
    case = turn.case
    cell = standing.cell(turn)
    row = turn.policy.trigger("T20", case.priority) if worse and case.is_open else None
    lines = [f"{was.cell} {was.priority} becomes {case.cell} {case.priority}"]
    if case.flags:
        lines.append(f"flags: {', '.join(case.flags)}; start tier {standing.start_tier(turn)}")
    more: dict[str, Any] = {
        "from": was.cell,
        "to": case.cell,
        "tracks": list(cell.tracks),
        "timers": timer_list(turn),
        "notify": [],
    }
    named = ["T20"] if row and case.group is None else []
    facts = {
        "severity": case.severity,
        "affected_users": case.users,
        "affected_orgs": case.orgs,
        "affected_share": case.share,
        "flags": list(case.flags),
    }
    return turn.say("case.reclassified", named, more, facts=facts, arithmetic=lines)


def _ask(
    turn: Turn,
    was: Before,
    effect: Effect | None,
    flags: tuple[str, ...],
    *,
    graver: bool,
    least_tier: int,
) -> None:
    """Let T20 ask for the tier where such a case starts, and for the departments."""
    case = turn.case
    row = turn.policy.trigger("T20", case.priority)
    if row is None:
        return
    wanted = max(standing.start_tier(turn), least_tier)
    line = f"{was.cell} becomes {case.cell}: {case.priority}, start tier {wanted}"
    called: list[Addressee] = standing.cell_people(turn) if graver else []
    called += [one for one in standing.flag_people(turn, flags) if one not in called]
    asked = Asked(
        "T20",
        row,
        effect,
        always=_raises_anew(turn),
        arithmetic=(line,),
        people=tuple(called),
        least_tier=wanted,
    )
    if asked.always or wanted > case.tier:
        turn.asked.append(asked)
    else:
        _only_tell(turn, was, asked)
    asked_for = standing.cell_departments(turn) if graver else []
    asked_for += standing.flag_departments(turn, flags)
    departments.ask_all(turn, asked_for, ("T20",), row.mode)


def _only_tell(turn: Turn, was: Before, asked: Asked) -> None:
    """Tell the people by the decision about the cell; without one, by the open escalation."""
    people_told = told([asked])
    effect, one = asked.told_by, turn.case.open_on("functional")
    if effect is None and one is not None:
        join(turn, one, ["T20"], people_told, asked.arithmetic)
        return
    notify = people.notices(people_told, turn.case.tier)
    if notify:
        turn.tell(effect or _say(turn, was, worse=True), notify, turn.internal_calendar)


def _raises_anew(turn: Turn) -> bool:
    """A case above tier 1 that becomes P1 is raised unless one raised at P1 is open (T20)."""
    case = turn.case
    if case.priority != "P1" or case.tier == 1:
        return False
    one = case.open_on("functional")
    return one is None or one.priority != "P1"

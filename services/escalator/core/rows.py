"""What the rows of one instant make together: a move, escalations, or notices (Rows).

A row that asks for a higher tier moves the case, and then every row of the instant is part of that
one escalation. Otherwise the rows of one track that want an acknowledgement are one escalation,
and a row whose track has an open escalation joins it unless it aims higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.escalator.core import people
from services.escalator.core.case import Escalation
from services.escalator.core.escalations import (
    Raise,
    end,
    join,
    open_department,
    raise_department,
    raise_escalation,
    raise_functional,
)
from services.escalator.core.turn import Asked, Turn
from shared.contract.times import Seconds
from shared.policy.document import Addressee

HIGHEST_TIER: Final = 3


def settle(turn: Turn) -> None:
    """Turn the rows that asked at this instant into escalations and notices."""
    asked, turn.asked = sorted(turn.asked, key=lambda one: one.trigger), []
    if not asked:
        return
    tiers = {one.trigger: tier_asked(turn, one) for one in asked}
    moving = [one for one in asked if one.always or tiers[one.trigger] > turn.case.tier]
    if moving:
        _move(turn, max(tiers[one.trigger] for one in moving), asked)
        return
    for track in ("functional", "hierarchical", "external"):
        rows = [one for one in asked if _track(turn, one) == track]
        if rows:
            _settle_track(turn, track, rows)


def tier_asked(turn: Turn, one: Asked) -> int:
    """Return the tier that the row asks for; the present one where it asks for none."""
    case = turn.case
    match one.row.to:
        case "2" | "3":
            return int(one.row.to)
        case "up":
            return min(case.tier + 1, HIGHEST_TIER)
        case "up_not_S4":
            return case.tier if case.severity == "S4" else min(case.tier + 1, HIGHEST_TIER)
        case "3_or_product_if_S4":
            return case.tier if case.severity == "S4" else HIGHEST_TIER
        case "min2":
            return max(case.tier, 2)
        case "cell_start":
            return max(case.tier, turn.policy.cell(case.severity, case.impact).start_tier)
        case _:
            return case.tier


def told(turn: Turn, asked: Sequence[Asked]) -> list[tuple[Addressee, str]]:
    """Return everybody whom the rows name, each with the mode of the row."""
    found: list[tuple[Addressee, str]] = []
    for one in asked:
        for addressee in one.row.notify:
            if addressee.role == "cell_notify":
                found += [(member, one.row.mode) for member in cell_people(turn)]
            else:
                found.append((addressee, one.row.mode))
    return found


def cell_people(turn: Turn) -> list[Addressee]:
    """Return the cell's start list without the departments that get an escalation of their own."""
    case = turn.case
    listed = turn.policy.cell(case.severity, case.impact).notify_at_start
    return [one for one in listed if one.fyi or turn.policy.department_of_duty(one.role) is None]


def cell_departments(turn: Turn) -> list[str]:
    """Return the departments of the cell's start list that are asked to act."""
    case = turn.case
    listed = turn.policy.cell(case.severity, case.impact).notify_at_start
    duties = (turn.policy.department_of_duty(one.role) for one in listed if not one.fyi)
    return [name for name in duties if name is not None]


def _move(turn: Turn, tier: int, asked: Sequence[Asked]) -> None:
    people_told = told(turn, asked)
    raise_functional(
        turn,
        tier,
        Raise(
            track="functional",
            target=f"t{tier}",
            triggers=_triggers(asked),
            people=people_told,
            ack=_shortest(asked),
            mode=_mode(asked),
            ladder=turn.case.priority,
            arithmetic=_arithmetic(asked),
        ),
    )


def _settle_track(turn: Turn, track: str, rows: Sequence[Asked]) -> None:
    asking = [one for one in rows if one.row.ack is not None]
    quiet = [one for one in rows if one.row.ack is None]
    if track == "external":
        _settle_external(turn, rows)
        return
    open_one = turn.case.open_on(track)
    target = _target(turn, track, asking or quiet)
    if open_one is not None and not (asking and _higher(track, target, open_one)):
        join(turn, open_one, list(_triggers(rows)), told(turn, rows), _arithmetic(rows))
        return
    _only_notify(turn, quiet)
    if asking:
        if open_one is not None:
            end(turn, open_one, "superseded")
        _open(turn, track, target, asking)


def _settle_external(turn: Turn, rows: Sequence[Asked]) -> None:
    """Open or join the escalation of the product department (Departments)."""
    open_one = open_department(turn, "product")
    if open_one is not None:
        join(turn, open_one, list(_triggers(rows)), told(turn, rows), _arithmetic(rows))
        return
    raise_department(turn, "product", _triggers(rows), _mode(rows), told(turn, rows))


def _open(turn: Turn, track: str, target: str, asking: Sequence[Asked]) -> None:
    case = turn.case
    people_told = told(turn, asking)
    asked = Raise(
        track=track,
        target=target,
        triggers=_triggers(asking),
        people=people_told,
        ack=_shortest(asking),
        mode=_mode(asking),
        ladder=case.priority if track == "functional" else ("exec" if target == "exec" else None),
        renotify=min((r.row.renotify for r in asking if r.row.renotify is not None), default=None),
        arithmetic=_arithmetic(asking),
    )
    if track == "functional":
        raise_functional(turn, case.tier, asked)
    else:
        raise_escalation(turn, asked)


def _only_notify(turn: Turn, rows: Sequence[Asked]) -> None:
    """Let the decision that made each row ask carry its people; without one, the open escalation."""
    for one in rows:
        notify = people.notices(told(turn, [one]), turn.case.tier)
        if one.told_by is not None:
            turn.tell(one.told_by, notify, turn.internal_calendar)
            continue
        carrier = turn.case.open_on("functional")
        if carrier is not None:
            join(turn, carrier, [one.trigger], told(turn, [one]), one.arithmetic)


def _track(turn: Turn, one: Asked) -> str:
    """Return the track of the row; a row that asks for the product department is external."""
    to_product = one.row.to == "product" or (
        one.row.to == "3_or_product_if_S4" and turn.case.severity == "S4"
    )
    return "external" if to_product else str(one.row.track)


def _target(turn: Turn, track: str, rows: Sequence[Asked]) -> str:
    if track == "functional":
        return f"t{turn.case.tier}"
    if any(one.row.to == "exec" for one in rows):
        return "exec"
    acting = [
        people.resolved(one.role, turn.case.tier) for one, _ in told(turn, rows) if not one.fyi
    ]
    return people.hierarchical_target(acting)


def _higher(track: str, target: str, open_one: Escalation) -> bool:
    if track == "functional":
        return target > open_one.target
    return people.hierarchical_rank(target) > people.hierarchical_rank(open_one.target)


def _triggers(rows: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.trigger for one in rows))


def _arithmetic(rows: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(line for one in rows for line in one.arithmetic)


def _shortest(rows: Sequence[Asked]) -> Seconds | None:
    return min((one.row.ack for one in rows if one.row.ack is not None), default=None)


def _mode(rows: Sequence[Asked]) -> str:
    entries: list[dict[str, Any]] = people.notices(
        ((Addressee("anybody", fyi=False), one.row.mode) for one in rows), 1
    )
    return str(entries[0]["mode"])

"""What the rows of one instant make together: a move, escalations, or notices (Rows).

A row that asks for a higher tier moves the case, and then every row of the instant is part of that
one escalation. Otherwise the rows of one track that want an acknowledgement are one escalation,
and a row whose track has an open escalation joins it unless it aims higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.escalator.core import departments, people
from services.escalator.core.case import Escalation
from services.escalator.core.escalations import (
    Raise,
    end,
    join,
    raise_escalation,
    raise_functional,
)
from services.escalator.core.turn import Asked, Turn
from shared.contract.times import Seconds
from shared.policy.document import Addressee

HIGHEST_TIER: Final = 3
TRACKS: Final = ("functional", "hierarchical", "external")
_PRODUCT: Final = "product"
_STAYING: Final = frozenset({"hold", "exec"})


def settle(turn: Turn) -> None:
    """Turn the rows that asked at this instant into escalations and notices."""
    if not turn.asked:
        return
    asked, turn.asked = sorted(turn.asked, key=lambda one: one.trigger), []
    if turn.case.group is not None:
        _digest(turn, asked)
        return
    tiers = {one.trigger: tier_asked(turn, one) for one in asked}
    if any(one.always or tiers[one.trigger] > turn.case.tier for one in asked):
        _move(turn, max(tiers.values()), asked)
        return
    for track in TRACKS:
        rows = [one for one in asked if _track(turn, one) == track]
        if rows:
            _settle_track(turn, track, rows)


def tier_asked(turn: Turn, one: Asked) -> int:
    """Return the tier that the row asks for; the present one where it asks for none."""
    tier, severity = turn.case.tier, turn.case.severity
    match one.row.to:
        case "2" | "3":
            return int(one.row.to)
        case "up":
            return min(tier + 1, HIGHEST_TIER)
        case "up_not_S4":
            return tier if severity == "S4" else min(tier + 1, HIGHEST_TIER)
        case "3_or_product_if_S4":
            return tier if severity == "S4" else HIGHEST_TIER
        case "min2":
            return max(tier, 2)
        case "cell_start":
            return max(tier, one.least_tier)
        case _:
            return tier


def told(asked: Sequence[Asked]) -> list[tuple[Addressee, str]]:
    """Return everybody whom the rows name, each with the mode of the row."""
    found: list[tuple[Addressee, str]] = []
    for one in asked:
        for addressee in one.row.notify:
            if addressee.role == "cell_notify":
                found += [(member, one.row.mode) for member in one.people]
            else:
                found.append((addressee, one.row.mode))
    return found


def _digest(turn: Turn, asked: Sequence[Asked]) -> None:
    """A member of a group raises nothing; its account manager reads what a manager would have had."""
    digest_to = turn.policy.file.grouping.member_escalations.digest_to
    entry = {"role": digest_to, "mode": "digest", "fyi": True}
    for one in asked:
        if one.told_by is not None and one.row.track == "hierarchical":
            turn.tell(one.told_by, [entry], turn.internal_calendar)


def _move(turn: Turn, tier: int, asked: Sequence[Asked]) -> None:
    raise_functional(
        turn,
        tier,
        Raise(
            track="functional",
            target=f"t{tier}",
            triggers=_triggers(asked),
            people=told(asked),
            ack=_shortest(asked),
            mode=_mode(asked),
            ladder=turn.case.priority,
            arithmetic=_arithmetic(asked),
        ),
    )


def _settle_track(turn: Turn, track: str, rows: Sequence[Asked]) -> None:
    if track == "external":
        request = departments.Request(told=told(rows))
        departments.ask(turn, _PRODUCT, _triggers(rows), _mode(rows), request)
        return
    asking = [one for one in rows if _asks(one)]
    quiet = [one for one in rows if not _asks(one)]
    open_one = turn.case.open_on(track)
    target = _target(turn, track, asking or quiet)
    if open_one is not None and not (asking and _higher(track, target, open_one)):
        join(turn, open_one, _triggers(rows), told(rows), _arithmetic(rows))
        return
    _only_notify(turn, quiet)
    if asking:
        if open_one is not None:
            end(turn, open_one, "superseded")
        _open(turn, track, target, asking)


def _asks(one: Asked) -> bool:
    """Whether the row opens an escalation where it stays: it waits for somebody to acknowledge."""
    return one.row.ack is not None and one.row.to in _STAYING


def _open(turn: Turn, track: str, target: str, asking: Sequence[Asked]) -> None:
    case = turn.case
    asked = Raise(
        track=track,
        target=target,
        triggers=_triggers(asking),
        people=told(asking),
        ack=_shortest(asking),
        mode=_mode(asking),
        ladder=case.priority if track == "functional" else ("exec" if target == "exec" else None),
        renotify=min((r.row.renotify for r in asking if r.row.renotify is not None), default=None),
        arithmetic=_arithmetic(asking),
        debt=next((one.debt for one in asking if one.debt is not None), None),
    )
    if track == "functional":
        raise_functional(turn, case.tier, asked)
    else:
        raise_escalation(turn, asked)


def _only_notify(turn: Turn, rows: Sequence[Asked]) -> None:
    """Let the decision that made each row ask carry its people; without one, an open escalation."""
    for one in rows:
        if one.told_by is not None:
            notify = people.notices(told([one]), turn.case.tier)
            turn.tell(one.told_by, notify, turn.internal_calendar)
            continue
        carrier = turn.case.open_on("functional") or next(iter(turn.case.escalations), None)
        if carrier is not None:
            join(turn, carrier, [one.trigger], told([one]), one.arithmetic)


def _track(turn: Turn, one: Asked) -> str:
    """Return the track of the row; a row that asks for the product department is external."""
    to_product = one.row.to == _PRODUCT or (
        one.row.to == "3_or_product_if_S4" and turn.case.severity == "S4"
    )
    return "external" if to_product else str(one.row.track)


def _target(turn: Turn, track: str, rows: Sequence[Asked]) -> str:
    if track == "functional":
        return f"t{turn.case.tier}"
    if any(one.row.to == "exec" for one in rows):
        return "exec"
    acting = [people.resolved(one.role, turn.case.tier) for one, _ in told(rows) if not one.fyi]
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
    return people.most_urgent(one.row.mode for one in rows)

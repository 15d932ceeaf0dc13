"""Forms that were refused for what they lacked: kept until the person has sent them anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from shared.contract.acts import ActDrafted
from shared.contract.decisions import RefusalCode
from shared.contract.events import EVENT_MODELS, EVENT_TYPES

DRAFTED: Final = EVENT_TYPES[ActDrafted]
REFUSED: Final = "act.refused"
"""The type of the decision that refuses an act."""


class Line(NamedTuple):
    """One line of a ticket's timeline: its type, its event's id, when it was received, its data."""

    type: str
    id: str
    received_at: datetime
    data: Mapping[str, Any]


class Draft(NamedTuple):
    """A form that waits to be completed.

    `id` is the event that holds it, `act` the type of the act, and `form` what was filled in, key by
    key; `missing` and `allowed` are the refusal's.
    """

    id: str
    act: str
    by: str | None
    role: str | None
    form: Mapping[str, Any]
    missing: tuple[str, ...]
    allowed: tuple[str, ...]
    refused_at: datetime


def drafts(lines: Iterable[Line]) -> list[Draft]:
    """Return the drafts that are left of a timeline, whose *lines* come in order, the newest first.

    Of one person and one kind of act there is one draft at most, and none once the person has made
    such an act that was not refused for what it lacked.
    """
    made: dict[str, Line] = {}
    kept: dict[tuple[str | None, str], Draft] = {}
    for line in lines:
        said = line.data
        if line.type == DRAFTED:
            found = _draft(line.id, said["act"], said["form"], said, line.received_at)
            kept[found.by, found.act] = found
        elif line.type == REFUSED:
            act = made.get(said["act_id"])
            if act is not None and said["code"] == RefusalCode.MISSING_INFORMATION:
                found = _draft(act.id, act.type, act.data, said, line.received_at)
                kept[found.by, found.act] = found
        elif line.type in EVENT_MODELS:
            made[line.id] = line
            kept.pop((said.get("by"), line.type), None)
    return sorted(kept.values(), key=lambda one: one.refused_at, reverse=True)


def _draft(
    event_id: str, act: str, form: Mapping[str, Any], refusal: Mapping[str, Any], at: datetime
) -> Draft:
    return Draft(
        event_id,
        act,
        form.get("by"),
        form.get("role"),
        form,
        tuple(refusal.get("missing", ())),
        tuple(refusal.get("allowed", ())),
        at,
    )

"""What the helpdesk says of a ticket itself: whose it is, what it is about, who works on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.contract.events import TicketFacts
from shared.contract.times import Instant
from shared.review.lives import Life

TEAM: Final = ("assignment_group", "team", "group")
"""Under which names a helpdesk's events carry the group that works on a ticket."""

CHANNEL: Final = ("channel", "contact_type")
"""Under which names they carry the way on which it came."""

PLAIN: Final = ("service", "component", "symptom", "category", "requester", "owner", "title")
"""The facts that a life has under the name that the event gives them."""


def told(life: Life, data: TicketFacts, at: Instant) -> None:
    """Take what *data* says of the ticket, as far as the review asks for it, into *life*."""
    for name in PLAIN:
        if name in data.model_fields_set:
            setattr(life, name, getattr(data, name) or ("" if name == "title" else None))
    if data.tags is not None:
        life.tags = frozenset(tag.casefold() for tag in data.tags)
    if data.customer is not None:
        life.customer = data.customer.id or data.customer.name or life.customer
    extra: Mapping[str, Any] = data.model_extra or {}
    for name in TEAM:
        team = extra.get(name)
        if isinstance(team, str) and team and (not life.teams or life.teams[-1][1] != team):
            life.teams.append((at, team))
    for name in CHANNEL:
        if isinstance(extra.get(name), str) and extra[name]:
            life.channel = extra[name]
    if isinstance(extra.get("made_sla"), str):
        life.desk_kept = extra["made_sla"].upper() == "TRUE"

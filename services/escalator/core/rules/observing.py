"""A helpdesk that sends no differences shows the whole ticket; the changes are found here.

A fact is a change where it differs from what the helpdesk showed last, so that one change has one
effect however often it is shown, also where that effect was a refusal. What is decided on it is what
would be on its changes, told one after the other.
"""

from __future__ import annotations

from typing import Any, Final

from services.escalator.core import deadlines
from services.escalator.core.rules import conversation, facts, status
from services.escalator.core.turn import Turn
from shared.contract.events import (
    Implied,
    Lowering,
    StatusChanged,
    TicketFacts,
    TicketObserved,
    TicketOpened,
    TicketUpdated,
)


def note_opening(turn: Turn, data: TicketOpened | TicketObserved) -> None:
    """Remember what an opening showed; a snapshot may show a status too."""
    if isinstance(data, TicketObserved):
        turn.case.observed = _shown(data)
        if data.status is not None and str(data.status) != turn.case.status:
            _take_status(turn, data, "")


def hear_observed(turn: Turn, data: TicketObserved, act_id: str) -> None:
    """Take what has changed since the last snapshot, or since what is known."""
    case, shown = turn.case, _shown(data)
    last = case.observed or _known(turn)
    changed = {
        name: getattr(data, name)
        for name, value in shown.items()
        if name != "status" and value != last.get(name)
    }
    case.observed = {**case.observed, **shown}
    if changed:
        lowering = data.lowering or Lowering(role=data.role)
        update = TicketUpdated.model_construct(
            set(changed) | ({"by", "role"} & data.model_fields_set),
            **changed,
            by=data.by,
            role=lowering.role,
            reason=lowering.reason,
            evidence=lowering.evidence,
        )
        facts.hear_update(turn, update, act_id)
        deadlines.state(turn)
    if data.status is not None and str(data.status) != last.get("status"):
        _take_status(turn, data, act_id)


def _take_status(turn: Turn, data: TicketObserved, act_id: str) -> None:
    if data.status is not None and str(data.status) != turn.case.status:
        _take_implied(turn, data.implies)
        change = StatusChanged(status=data.status, by=data.by, role=data.role)
        status.hear_status(turn, change, act_id)


def _take_implied(turn: Turn, implies: Implied | None) -> None:
    """A status that nobody takes on without writing to the customer stands for what was written."""
    if implies is None or (implies is Implied.FIRST_REPLY and turn.case.first_reply_at is not None):
        return
    conversation.hear_reply(turn, asks=implies is Implied.QUESTION)
    deadlines.state(turn)


def _shown(data: TicketFacts) -> dict[str, Any]:
    """Return the facts of a snapshot as plain JSON."""
    plain: dict[str, Any] = data.model_dump(mode="json", exclude_unset=True)
    known = type(data).model_fields
    return {name: plain[name] for name in plain if name in known and name not in _NO_FACTS}


_NO_FACTS: Final = frozenset({"by", "role", "implies", "lowering"})


def _known(turn: Turn) -> dict[str, Any]:
    """Return what is known of a ticket that was never shown whole."""
    case = turn.case
    return {
        **case.facts,
        "severity": case.severity,
        "affected_users": case.users,
        "affected_orgs": case.orgs,
        "affected_share": case.share,
        "org_wide": case.org_wide,
        "flags": list(case.flags),
        "status": case.status,
    }

"""A merge or a cancellation is undone: the case becomes what it would be without it (Merging)."""

from __future__ import annotations

from services.escalator.core.case import CLOSED_STATUSES, Case
from services.escalator.core.inputs import Heard
from services.escalator.core.turn import Turn
from shared.contract.events import StatusChanged, TicketUnmerged
from shared.policy.document import PolicyTimeline


def note(turn: Turn, event_id: str) -> None:
    """Remember the event that merged or cancelled the case at this instant."""
    turn.case.to_undo, turn.case.to_undo_at = event_id, turn.at


def strikes(case: Case, heard: Heard, policies: PolicyTimeline) -> str | None:
    """Return the id of the event that *heard* undoes in *case* as it stands then, or None.

    A merge is undone from its offer on, whether or not the target has answered yet; if this hung
    on the answer, striking out the offer would take back what the undo stands on.
    """
    if heard.event is None or case.to_undo is None or case.to_undo_at is None:
        return None
    if heard.effective > case.to_undo_at + policies.at(heard.effective).undo_merge_within:
        return None
    match heard.event.data:
        case TicketUnmerged() if case.status != "cancelled":
            return case.to_undo
        case StatusChanged(status=wanted) if case.status == "cancelled":
            return case.to_undo if str(wanted) not in CLOSED_STATUSES else None
        case _:
            return None

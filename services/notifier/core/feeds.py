"""What is posted in the dedicated channels by itself: moves of cases, nobody having to subscribe.

A post asks for nothing and stands in nobody's way. A restricted case is posted where restricted
cases belong, and nowhere else (Channels and access).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from services.notifier.core.known import CLOSED, RAISED, Decided
from services.notifier.core.plan import Planned, for_information
from services.notifier.core.roster import Room, Roster
from services.notifier.core.subscriptions import PREFIX, topics_of
from shared.contract.deliveries import Suppression

CHANNEL: Final = "channel_"
"""What the role of a post begins with; the channel's name follows."""

RESTRICTED_CHANNEL: Final = "restricted_channel_"
"""The same for a channel of restricted cases."""

RESTRICTED: Final = "restricted"
EXECUTIVE: Final = "executive"

_WIDELY: Final = ("priority.P1",)
_HEARS: Final[Mapping[str, tuple[str, ...]]] = {
    "tier1": ("tier1",),
    "tier2": ("tier2",),
    "tier3": ("tier3",),
    "leads": ("tier2", "tier3"),
    "announce": _WIDELY,
    EXECUTIVE: (EXECUTIVE,),
    RESTRICTED: (RESTRICTED,),
}
_OPENED: Final = ("case.opened", "case.reopened", "group.opened")
_FIRST_TIER: Final = 1


def hears_by_default(channel: str) -> tuple[str, ...]:
    """Return the topics that *channel* hears of when the roster names none.

    A channel that is none of the policy's is a department's.
    """
    return _HEARS.get(channel, (f"department.{channel}",))


def is_unasked(role: str) -> bool:
    """Say whether *role* is no role of the policy, but stands for whoever only wants to hear."""
    return role.startswith((PREFIX, CHANNEL, RESTRICTED_CHANNEL))


def falls_when_restricted(role: str) -> bool:
    """Say whether what waits for *role* is not sent once the case is restricted."""
    return role.startswith((PREFIX, CHANNEL))


def posted(decision: Decided, rows: Sequence[Planned], roster: Roster) -> tuple[Planned, ...]:
    """Return the posts of *decision* in the channels of *roster*, beyond *rows*.

    Whoever is called by *rows* is told by that alone.
    """
    if not _is_a_move(decision):
        return ()
    topics = _topics(decision)
    told = {row.person for row in rows if row.suppressed is None and row.person is not None}
    planned = []
    for name, room in roster.rooms.items():
        if room.to is None or topics.isdisjoint(room.hears):
            continue
        row = _row(decision, name, room, roster)
        if row.suppressed is None and row.person in told:
            row = replace(row, suppressed=Suppression.SAME_PERSON)
        told.add(room.to)
        planned.append(row)
    return tuple(planned)


def _is_a_move(decision: Decided) -> bool:
    """Say whether a case changed its tier, was asked of another department or executives, or ended.

    What begins and ends in the first tier is its daily work; a raise to a tier is told with the move.
    """
    data = decision.data
    if decision.type == RAISED:
        return data.get("track") != "functional"
    if decision.type in (*_OPENED, *CLOSED):
        return int(data.get("tier") or _FIRST_TIER) > _FIRST_TIER
    return decision.type == "tier.changed"


def _topics(decision: Decided) -> frozenset[str]:
    if decision.restricted:
        return frozenset({RESTRICTED})
    if decision.type == RAISED and decision.data.get("target") == "exec":
        return topics_of(decision) | {EXECUTIVE}
    return topics_of(decision)


def _row(decision: Decided, name: str, room: Room, roster: Roster) -> Planned:
    contact = roster.contacts[room.to or ""]
    ways = roster.ways(contact, "chat")
    prefix = RESTRICTED_CHANNEL if decision.restricted else CHANNEL
    row = for_information(decision, prefix + name, contact, ways, "chat")
    return replace(row, suppressed=None if ways else Suppression.NOBODY_ON_SCHEDULE)

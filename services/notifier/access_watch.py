"""Looks every day whether everybody who is called is in the channels where they are called."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from services.notifier import metrics
from services.notifier.core.access import Access, access
from services.notifier.core.roster import Roster
from services.notifier.rosters import Rosters
from shared.runtime.clock import real_now
from shared.runtime.run import stopped_within

log = structlog.get_logger()

EVERY: Final = timedelta(days=1)
"""How often it looks, in real time; another roster is looked at within a minute."""

_LOOK_S: Final = 60.0


class Memberships(Protocol):
    """Whoever knows who really is in the channels of a roster: its own lists, or a chat."""

    async def members(self, roster: Roster) -> Mapping[str, frozenset[str]]:
        """Return who is in each channel, by keys of the roster; one that nobody knows is left out."""


class ListedMemberships:
    """The lists that the roster itself keeps."""

    async def members(self, roster: Roster) -> Mapping[str, frozenset[str]]:
        """Return the lists of *roster*; a channel without one is left out."""
        return {
            name: frozenset(room.members)
            for name, room in roster.rooms.items()
            if room.members is not None
        }


class AccessWatch:
    """Keeps the report of the last look."""

    def __init__(self, rosters: Rosters, memberships: Memberships) -> None:
        self._rosters = rosters
        self._memberships = memberships
        self._of: Roster | None = None
        self._at: datetime | None = None

    async def report(self) -> Access:
        """Look now, and return what is found."""
        roster = self._rosters.current
        found = access(roster, await self._memberships.members(roster))
        metrics.ACCESS_MISSING.set(len(found.missing) + len(found.unheld) + len(found.unlisted))
        return found

    async def run(self, stop: asyncio.Event) -> None:
        """Look every day, and at every other roster, until *stop*; say who is missing where."""
        while True:
            roster, now = self._rosters.current, real_now()
            if roster is not self._of or self._at is None or now >= self._at + EVERY:
                self._of, self._at = roster, now
                _tell(await self.report())
            if await stopped_within(stop, _LOOK_S):
                return


def _tell(found: Access) -> None:
    for one in found.missing:
        log.warning(
            "somebody is not in a channel they are called in",
            channel=one.channel,
            person=one.person,
            roles=list(one.roles),
        )
    for channel, role in found.unheld:
        log.warning("nobody can hold a role that posts here", channel=channel, role=role)
    for channel in found.unlisted:
        log.warning("nobody has said who is in this channel", channel=channel)

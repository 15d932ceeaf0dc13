"""Looks every day whether everybody who is called is in the channels where they are called."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from services.notifier import metrics
from services.notifier.channels.slack_api import SlackApi, SlackError
from services.notifier.core.access import Access, access
from services.notifier.core.roster import Roster
from services.notifier.rosters import Rosters
from shared.runtime.clock import real_now
from shared.runtime.run import stopped_within

log = structlog.get_logger()

EVERY: Final = timedelta(days=1)
"""How often it looks, in real time; another roster is looked at within a minute."""

_LOOK_S: Final = 60.0
_A_PAGE: Final = 200
_SLACK_CHANNELS: Final = ("C", "G")
"""How the ids of public and of older private channels begin; people's begin with U or W."""


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


class SlackMemberships:
    """Slack's own word for channels that post there, the roster's lists for all others.

    A channel is that of Slack whose id its group `to` has. Whoever is in it without being a member
    in the roster, an app for example, is nobody here.
    """

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._listed = ListedMemberships()

    async def members(self, roster: Roster) -> Mapping[str, frozenset[str]]:
        """Return who is in each channel; one that Slack does not tell of just now is left out."""
        found = dict(await self._listed.members(roster))
        people = {
            one.addresses["slack"]: key for key, one in roster.contacts.items() if one.has("slack")
        }
        for name, room in roster.rooms.items():
            to = None if room.to is None else roster.contacts.get(room.to)
            channel = "" if to is None else to.addresses.get("slack", "")
            if channel[:1] not in _SLACK_CHANNELS:
                continue
            try:
                inside = await self._inside(channel)
            except SlackError as error:
                log.warning("slack does not say who is in a channel", channel=name, why=str(error))
                found.pop(name, None)
            else:
                found[name] = frozenset(people[one] for one in inside if one in people)
        return found

    async def _inside(self, channel: str) -> list[str]:
        given = {"channel": channel, "limit": _A_PAGE}
        return [
            str(one)
            async for said in self._api.pages("conversations.members", given)
            for one in said.get("members") or ()
        ]


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

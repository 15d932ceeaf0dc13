"""Keeps Slack current: cards show how each case stands, and rooms open and close with it.

It holds what Slack shows against what is known and changes what differs, so that a process that
dies, or an outage, leaves nothing behind that the next look does not mend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import structlog

from services.notifier.channels.slack import Card
from services.notifier.channels.slack_api import SlackApi, SlackError
from services.notifier.core.known import OPEN, Known
from services.notifier.core.message import plain
from services.notifier.core.plan import ROOM
from services.notifier.core.retry import Failed, Refused
from services.notifier.core.slack import card_blocks, escaped
from services.notifier.rosters import Rosters
from services.notifier.store_cards import (
    Room,
    card_shows,
    drop_card,
    keep_card,
    outdated_cards,
    rooms_to_see_to,
    save_room,
)
from services.notifier.words import Words
from shared.contract.errors import TransientError
from shared.runtime.database import Database
from shared.runtime.run import stopped_within

log = structlog.get_logger()

EVERY_S: Final = 1.0
_AT_ONCE: Final = 20
_GONE: Final = frozenset({"message_not_found", "channel_not_found", "cant_update_message"})
_DONE: Final = frozenset(
    {"already_archived", "already_in_channel", "cant_invite_self", "is_archived"}
)
_NOT_BY_AN_APP: Final = frozenset({"missing_scope", "no_permission"})
"""What keeps our app from opening a room again, and from nothing else."""
_MOST_ROOMS: Final = 50
_AGAIN: Final = "The case is open again, and goes on here."
_LONGEST_NAME: Final = 80


class SlackKeeper:
    """Updates cards and keeps case rooms, one process's share of it."""

    def __init__(
        self,
        database: Database,
        api: SlackApi,
        rosters: Rosters,
        words: Words,
        *,
        rooms: bool,
        public_url: str | None,
    ) -> None:
        """Make a keeper.

        Args:
            database: Where cards and rooms are remembered.
            api: Slack.
            rosters: Who has which Slack member id.
            words: What things are called.
            rooms: Whether a P1 and a ticket in tier 3 get a room of their own.
            public_url: Where people reach the tracker's board.
        """
        self._database = database
        self._api = api
        self._rosters = rosters
        self._terms = words.terms()
        self._rooms = rooms
        self._public_url = public_url

    async def run(self, stop: asyncio.Event) -> None:
        """Look every second until *stop*; Slack asking for time gets it."""
        while True:
            wait_s = EVERY_S
            try:
                await self._look()
            except TransientError as error:
                log.warning("slack not kept current", why=error.reason)
            except SlackError as error:
                wait_s = _wait_s(error)
                log.warning("slack not kept current", why=error.outcome.why)
            if await stopped_within(stop, wait_s):
                return

    async def _look(self) -> None:
        if self._rooms:
            async with self._database.transaction() as conn:
                rooms = await rooms_to_see_to(conn, most=_AT_ONCE)
            for room, known, people in rooms:
                await self._see_to(room, known, people)
        async with self._database.transaction() as conn:
            cards = await outdated_cards(conn, most=_AT_ONCE)
        for place, known, card in cards:
            await self._update(place, known, card)

    async def _update(self, place: str, known: Known, card: Card) -> None:
        blocks = self._blocks(place, known)
        given = {
            "channel": card.channel,
            "ts": card.message,
            "text": _text(known),
            "blocks": blocks,
        }
        try:
            await self._api.call("chat.update", given)
        except SlackError as error:
            if error.code not in _GONE and error.code not in _DONE:
                raise
            if error.code in _GONE:
                async with self._database.transaction() as conn:
                    await drop_card(conn, place, known.ticket)
                return
        async with self._database.transaction() as conn:
            await card_shows(conn, place, known.ticket, known.version)

    def _blocks(self, place: str, known: Known) -> list[dict[str, Any]]:
        readers = [
            one
            for one in self._rosters.current.contacts.values()
            if one.addresses.get("slack") == place
        ]
        open_to_all = any(one.shared and not one.restricted for one in readers)
        veiled = known.restricted and place != ROOM and open_to_all
        url = None
        if self._public_url and not veiled:
            url = f"{self._public_url.rstrip('/')}/tickets/{known.ticket}"
        return card_blocks(known, self._rosters.current, self._terms, veiled=veiled, url=url)

    async def _see_to(self, room: Room, known: Known, people: tuple[str, ...]) -> None:
        if room.channel is None and known.status != OPEN:
            await self._save(replace(room, state="archived"))
            return
        if room.channel is None:
            room = await self._opened(room, known)
        elif room.state == "opening" and known.status == OPEN:
            room = await self._reopened(room, known)
        if known.status != OPEN:
            await self._archive(room, known)
            return
        await self._invite(room, people)

    async def _opened(self, room: Room, known: Known) -> Room:
        channel = await self._made(known)
        room = replace(room, channel=channel, state="open")
        given = {"channel": channel, "text": _text(known), "blocks": self._blocks(ROOM, known)}
        said = await self._api.call("chat.postMessage", given)
        async with self._database.transaction() as conn:
            await keep_card(
                conn, ROOM, known.ticket, Card(channel, str(said.get("ts")), known.version)
            )
            await save_room(conn, room)
        log.info("case room opened", ticket=known.ticket)
        return room

    async def _reopened(self, room: Room, known: Known) -> Room:
        """Open the room of a case that goes on; another one where Slack lets us not open the old."""
        try:
            await self._api.call("conversations.unarchive", {"channel": room.channel})
        except SlackError as error:
            if isinstance(error.outcome, Failed) and error.code not in _NOT_BY_AN_APP:
                raise
            if error.code != "not_archived":
                log.warning("case room stays archived, another is opened", why=error.outcome.why)
                async with self._database.transaction() as conn:
                    await drop_card(conn, ROOM, known.ticket)
                return await self._opened(room, known)
        await self._calmly("chat.postMessage", {"channel": room.channel, "text": _AGAIN})
        log.info("case room opened again", ticket=known.ticket)
        return replace(room, state="open")

    async def _made(self, known: Known) -> str:
        """Return the new room's channel; one that a process opened and died over is found again.

        The name of an archived room stays taken: the next one has a number behind it.
        """
        for number in range(1, _MOST_ROOMS + 1):
            name = room_name(known.ticket, number)
            given = {"name": name, "is_private": known.restricted}
            try:
                made = await self._api.call("conversations.create", given)
            except SlackError as error:
                if error.code != "name_taken":
                    raise
                found = await self._found(name)
                if found is not None:
                    return found
            else:
                return _id(made.get("channel"))
        raise SlackError(Refused("slack_name_taken"))

    async def _found(self, name: str) -> str | None:
        given = {
            "types": "public_channel,private_channel",
            "exclude_archived": True,
            "limit": 1000,
        }
        async for said in self._api.pages("conversations.list", given):
            for one in said.get("channels") or ():
                if isinstance(one, Mapping) and one.get("name") == name:
                    return _id(one)
        return None

    async def _invite(self, room: Room, people: tuple[str, ...]) -> None:
        new = [one for one in people if one not in room.invited]
        for person in new:
            contact = self._rosters.current.contacts.get(person)
            member = contact.addresses.get("slack", "") if contact is not None else ""
            if member[:1] in ("U", "W"):
                await self._calmly(
                    "conversations.invite", {"channel": room.channel, "users": member}
                )
        await self._save(replace(room, state="open", invited=(*room.invited, *new)))

    async def _archive(self, room: Room, known: Known) -> None:
        over = f"It is over: {known.status}."
        await self._calmly("chat.postMessage", {"channel": room.channel, "text": escaped(over)})
        await self._calmly("conversations.archive", {"channel": room.channel})
        await self._save(replace(room, state="archived"))
        log.info("case room archived", ticket=known.ticket)

    async def _calmly(self, method: str, given: Mapping[str, Any]) -> None:
        """Call *method*; what Slack refuses for good is said and left, so that the rest goes on."""
        try:
            await self._api.call(method, given)
        except SlackError as error:
            if isinstance(error.outcome, Failed):
                raise
            if error.code not in _DONE:
                log.warning("slack refused", method=method, why=error.outcome.why)

    async def _save(self, room: Room) -> None:
        async with self._database.transaction() as conn:
            await save_room(conn, room)


def room_name(ticket: str, number: int = 1) -> str:
    """Return what the room of *ticket* is called: ``esc-`` and its key, as Slack allows names.

    A later room of the same case has its *number* behind that.
    """
    spelled = "".join(one if one.isascii() and one.isalnum() else "-" for one in ticket.lower())
    behind = "" if number == 1 else f"-{number}"
    return f"esc-{spelled.strip('-')}"[: _LONGEST_NAME - len(behind)] + behind


def _text(known: Known) -> str:
    return escaped(plain(known.ticket))


def _id(channel: object) -> str:
    return str(channel.get("id") or "") if isinstance(channel, Mapping) else ""


def _wait_s(error: SlackError) -> float:
    wait = error.outcome.wait if isinstance(error.outcome, Failed) else None
    return EVERY_S if wait is None else max(wait.total_seconds(), EVERY_S)

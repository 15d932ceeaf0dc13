"""Slack: one thread for each case in each place; its first message is the card that is kept current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from services.notifier.channels.base import Notice
from services.notifier.channels.slack_api import SlackApi, SlackError
from services.notifier.core.known import Known
from services.notifier.core.plan import CASE_ROOM, ROOM, Purpose
from services.notifier.core.retry import Accepted, Failed, Outcome, Refused
from services.notifier.core.slack import card_blocks, digest_blocks, escaped, notice_blocks
from services.notifier.core.wording import Terms
from services.notifier.rosters import Rosters


@dataclass(frozen=True, slots=True)
class Card:
    """Where the one message of a ticket stands in a place, and the *version* that it shows."""

    channel: str
    message: str
    version: int


class Cards(Protocol):
    """Remembers which message is whose card."""

    async def find(self, place: str, ticket: str) -> tuple[Card | None, Known | None]:
        """Return the card of *ticket* in *place*, and how the ticket stands."""
        ...

    async def keep(self, place: str, ticket: str, card: Card) -> None:
        """Remember *card*, unless there is one already."""
        ...

    async def room(self, ticket: str) -> str | None:
        """Return the channel of the ticket's own room, None while there is none."""
        ...


class Slack:
    """Posts each notice: the first about a case as its card, every later one into its thread."""

    shows_lines: Final = True

    def __init__(self, api: SlackApi, cards: Cards, rosters: Rosters, terms: Terms) -> None:
        self._api = api
        self._cards = cards
        self._rosters = rosters
        self._terms = terms

    async def send(self, notice: Notice) -> Outcome:
        """Post *notice*; Slack has no key that drops repeats, so an unclear one may come twice."""
        try:
            return await self._send(notice)
        except SlackError as error:
            return error.outcome

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()

    async def _send(self, notice: Notice) -> Outcome:
        ticket = notice.decision.ticket
        place: str | None = ROOM
        channel: str | None
        if notice.role == CASE_ROOM:
            channel = await self._cards.room(ticket)
            if channel is None:
                return Failed("no_room_yet", gate=False)
        else:
            contact = notice.contact
            channel = place = None if contact is None else contact.addresses.get("slack")
        if channel is None or place is None:
            return Refused("no_slack_in_roster")
        if notice.parts:
            return await self._digest(notice, channel)
        card, known = await self._cards.find(place, ticket)
        if card is not None:
            return await self._reply(notice, card)
        return await self._first(notice, place, channel, known)

    async def _first(
        self, notice: Notice, place: str, channel: str, known: Known | None
    ) -> Outcome:
        message = notice.message.remarked(notice.remarks)
        state = None
        if known is not None:
            state = card_blocks(known, self._rosters.current, self._terms, veiled=notice.veiled)
        said = await self._post(
            notice, channel, message.subject, blocks=notice_blocks(message, state=state)
        )
        version = notice.decision.version if known is None else known.version
        card = Card(str(said.get("channel") or channel), str(said.get("ts")), version)
        await self._cards.keep(place, notice.decision.ticket, card)
        return Accepted(f"slack {card.channel} {card.message}", confirmed=True)

    async def _reply(self, notice: Notice, card: Card) -> Outcome:
        message = notice.message.remarked(notice.remarks)
        calls = notice.purpose is Purpose.NOTICE and not notice.fyi and notice.mode == "page"
        said = await self._post(
            notice,
            card.channel,
            message.subject,
            blocks=notice_blocks(message),
            thread_ts=card.message,
            # A call must be seen by who does not follow the thread.
            reply_broadcast=calls,
        )
        return Accepted(f"slack {card.channel} {said.get('ts')}", confirmed=True)

    async def _digest(self, notice: Notice, channel: str) -> Outcome:
        tickets = [part.decision.ticket for part in notice.parts]
        message = notice.message.remarked(notice.remarks)
        blocks = digest_blocks(message, tickets)
        said = await self._post(notice, channel, message.subject, blocks=blocks)
        return Accepted(f"slack {channel} {said.get('ts')}", confirmed=True)

    async def _post(
        self, notice: Notice, channel: str, text: str, **more: Any
    ) -> Mapping[str, Any]:
        return await self._api.call(
            "chat.postMessage",
            {
                "channel": channel,
                "text": escaped(text),
                "parse": "none",
                "link_names": False,
                "unfurl_links": False,
                "unfurl_media": False,
                "metadata": {
                    "event_type": "tierline_notice",
                    "event_payload": {"delivery_id": str(notice.id)},
                },
                **more,
            },
        )

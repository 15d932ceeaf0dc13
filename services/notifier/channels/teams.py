"""Microsoft Teams: an adaptive card to a workflow's address, which is a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import httpx2
from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.channels.egress import Egress
from services.notifier.channels.post import Posting
from services.notifier.core.message import Message, cut, defused
from services.notifier.core.retry import Outcome, Refused

MOST_BYTES: Final = 27 * 1024
"""What a card may weigh; Teams takes 28 KB with everything round it."""

_MARKS: Final = "\\`*_{}[]()#+-.!|<>~"


class Teams:
    """Posts cards to the address in the recipient's entry of the roster."""

    shows_lines: Final = True

    def __init__(
        self,
        egress: Egress,
        *,
        secrets: Callable[[str], SecretStr],
        now: Callable[[], datetime],
        timeout_s: float,
    ) -> None:
        self._secrets = secrets
        self._posting = Posting(egress, now=now, timeout_s=timeout_s)

    async def send(self, notice: Notice) -> Outcome:
        """Post *notice* once; a workflow answers 2xx when it has taken the card."""
        reference = notice.contact.addresses.get("teams") if notice.contact is not None else None
        if reference is None:
            return Refused("no_teams_in_roster")
        body = json.dumps(card(notice.message.remarked(notice.remarks)), ensure_ascii=False)
        url = self._secrets(reference).get_secret_value()
        return await self._posting.post(url, body, {"content-type": "application/json"})

    async def close(self) -> None:
        """Close the client."""
        await self._posting.close()


def card(message: Message) -> dict[str, Any]:
    """Return *message* as a card that a workflow takes, never larger than `MOST_BYTES`."""
    lines = list(message.lines)
    while True:
        made = _card(message, lines)
        if len(json.dumps(made, ensure_ascii=False).encode()) <= MOST_BYTES or not lines:
            return made
        lines = [*lines[: len(lines) // 2], "…"] if len(lines) > 1 else []


def _card(message: Message, lines: list[str]) -> dict[str, Any]:
    blocks = [
        {"type": "TextBlock", "text": shown(message.subject), "weight": "Bolder", "wrap": True},
        *({"type": "TextBlock", "text": shown(one), "wrap": True} for one in lines),
    ]
    actions = [
        {"type": "Action.OpenUrl", "title": cut(words, 60), "url": address}
        for words, address in message.links
        if httpx2.URL(address).scheme in ("https", "http")
    ]
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": blocks,
                    "actions": actions,
                },
            }
        ],
    }


def shown(text: str) -> str:
    """Return *text* so that a card shows it as it is, without Markdown and without mentions."""
    safe = defused(text).replace("<at>", "<\u200bat>")
    return "".join(f"\\{one}" if one in _MARKS else one for one in safe)

"""A Slack of one's own: its Web API as its documentation says, and members who press buttons."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx2

from tests.support.consuming import until
from tests.support.http_peer import Answer, Peer, Request, http_peer

TOKEN = "test-bot-token"  # noqa: S105  nobody's
SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"


@dataclass
class Posted:
    """A message as it stands now; *versions* counts its updates."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread: str | None = None
    broadcast: bool = False
    versions: int = 1

    @property
    def shown(self) -> str:
        """Everything that a reader sees."""
        return f"{self.text}\n{json.dumps(self.blocks, ensure_ascii=False)}"

    def button(self, act: str) -> dict[str, Any] | None:
        """Return the button or choice for *act*, as Slack sends it back when it is pressed."""
        for block in self.blocks:
            for element in block.get("elements", ()):
                if element.get("action_id") == f"tierline.{act}":
                    return {**element, "block_id": block.get("block_id", "")}
        return None


@dataclass
class SlackServer:
    """What the workspace holds. *per_s* limits messages of one channel; None: no limit.

    *apps_unarchive* is whether a bot token may open what is archived; Slack's may not.
    """

    peer: Peer
    per_s: float | None = None
    messages: list[Posted] = field(default_factory=list)
    ephemeral: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    limited: list[tuple[str, float]] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    failing: str | None = None
    apps_unarchive: bool = False
    page: int = 2
    _last: dict[str, float] = field(default_factory=dict)
    _closed_until: dict[str, float] = field(default_factory=dict)
    _clock: int = 1_700_000_000

    @property
    def url(self) -> str:
        """Where its Web API is."""
        return f"{self.peer.url}/api"

    def cards(self, channel: str | None = None) -> list[Posted]:
        """Return the messages that begin a thread."""
        return [
            one for one in self.messages if one.thread is None and channel in (None, one.channel)
        ]

    async def until_shows(self, words: str, *, within_s: float = 45) -> None:
        """Wait until some message shows *words*."""

        async def shows() -> bool:
            return any(words in one.shown for one in self.messages)

        await until(shows, within_s=within_s)

    async def respond(self, request: Request) -> Answer:
        """Answer a call of the Web API."""
        method = request.path.removeprefix("/api/")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _said(ok=False, error="invalid_auth")
        if self.failing is not None:
            return _said(ok=False, error=self.failing)
        given = _given(request, method)
        if given is None:
            return _said(ok=False, error="invalid_form_data")
        if method.startswith("chat.post") and (wait := self._limited(given["channel"])):
            self.limited.append((given["channel"], time.monotonic()))
            return Answer(429, {"retry-after": str(wait)}, b'{"ok":false,"error":"ratelimited"}')
        flaw = _flaw(given)
        if flaw is not None:
            self.refused.append(flaw)
            return _said(ok=False, error=flaw)
        handler = getattr(self, f"_{method.replace('.', '_').lower()}")
        answer: Answer = handler(given)
        return answer

    def _limited(self, channel: str) -> int | None:
        now = time.monotonic()
        if now < self._closed_until.get(channel, 0):
            self.early.append(channel)
            return 1
        if self.per_s is None:
            return None
        if now - self._last.get(channel, 0.0) < 1 / self.per_s:
            self._closed_until[channel] = now + 1
            return 1
        self._last[channel] = now
        return None

    def _chat_postmessage(self, given: Mapping[str, Any]) -> Answer:
        thread = given.get("thread_ts")
        channel = str(given["channel"]).replace("U", "D", 1)
        if thread is not None and not any(
            (one.channel, one.ts) == (channel, thread) for one in self.cards()
        ):
            return _said(ok=False, error="thread_not_found")
        self._clock += 1
        made = Posted(
            channel,
            f"{self._clock}.000100",
            given.get("text", ""),
            given.get("blocks", []),
            thread,
            given.get("reply_broadcast", False),
        )
        self.messages.append(made)
        return _said(ok=True, channel=channel, ts=made.ts)

    def _chat_update(self, given: Mapping[str, Any]) -> Answer:
        for one in self.messages:
            if (one.channel, one.ts) == (given["channel"], given["ts"]):
                one.text, one.blocks = given.get("text", ""), given.get("blocks", [])
                one.versions += 1
                return _said(ok=True, channel=one.channel, ts=one.ts)
        return _said(ok=False, error="message_not_found")

    def _chat_postephemeral(self, given: Mapping[str, Any]) -> Answer:
        self.ephemeral.append(dict(given))
        return _said(ok=True, message_ts="1.1")

    def _views_open(self, given: Mapping[str, Any]) -> Answer:
        self.views.append(given["view"])
        return _said(ok=True, view=given["view"])

    def _conversations_create(self, given: Mapping[str, Any]) -> Answer:
        name = given["name"]
        if any(one["name"] == name for one in self.rooms.values()):
            return _said(ok=False, error="name_taken")
        key = f"CROOM{len(self.rooms)}"
        self.rooms[key] = {
            "id": key,
            "name": name,
            "is_private": given["is_private"],
            "members": [],
            "archived": False,
        }
        return _said(ok=True, channel=self.rooms[key])

    def _conversations_list(self, given: Mapping[str, Any]) -> Answer:
        shown = [
            one
            for one in self.rooms.values()
            if not (given.get("exclude_archived") == "true" and one["archived"])
        ]
        return _said(ok=True, channels=shown, response_metadata={})

    def _conversations_members(self, given: Mapping[str, Any]) -> Answer:
        room = self.rooms.get(given["channel"])
        if room is None:
            return _said(ok=False, error="channel_not_found")
        first = int(given["cursor"] or 0)
        after = first + min(int(given["limit"]), self.page)
        more = str(after) if after < len(room["members"]) else ""
        return _said(
            ok=True,
            members=room["members"][first:after],
            response_metadata={"next_cursor": more},
        )

    def _conversations_unarchive(self, given: Mapping[str, Any]) -> Answer:
        if not self.apps_unarchive:
            return _said(ok=False, error="not_in_channel")
        self.rooms[given["channel"]]["archived"] = False
        return _said(ok=True)

    def _conversations_invite(self, given: Mapping[str, Any]) -> Answer:
        self.rooms[given["channel"]]["members"].append(given["users"])
        return _said(ok=True)

    def _conversations_archive(self, given: Mapping[str, Any]) -> Answer:
        self.rooms[given["channel"]]["archived"] = True
        return _said(ok=True)


def _given(request: Request, method: str) -> dict[str, Any] | None:
    """Return what a call says; None where a method that lists is not asked by a form."""
    is_form = request.headers["content-type"].startswith("application/x-www-form-urlencoded")
    if is_form:
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    given: dict[str, Any] = json.loads(request.body)
    return None if method in ("conversations.list", "conversations.members") else given


def _said(**document: Any) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(document).encode())


def _flaw(given: Mapping[str, Any]) -> str | None:
    """Return what Slack would refuse in *given*: too many or too long blocks, unknown marks."""
    blocks = given.get("blocks", [])
    if len(blocks) > 50:
        return "invalid_blocks"
    ids = [one["block_id"] for one in blocks if "block_id" in one]
    if len(ids) != len(set(ids)) or any(len(one) > 255 for one in ids):
        return "invalid_blocks"
    for block in blocks:
        if block["type"] == "section" and not 0 < len(block["text"]["text"]) <= 3000:
            return "invalid_blocks"
        for element in block.get("elements", ()):
            if len(element.get("value", "")) > 2000:
                return "invalid_blocks"
    return "msg_too_long" if len(given.get("text", "")) > 40_000 else None


def signed(body: bytes, *, at: int | None = None, by: str = SIGNING) -> dict[str, str]:
    """Return the headers with which Slack would send *body* at the Unix second *at*."""
    when = int(time.time()) if at is None else at
    base = f"v0:{when}:".encode() + body
    digest = hmac.new(by.encode(), base, sha256).hexdigest()
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": str(when),
        "x-slack-signature": f"v0={digest}",
    }


async def press(
    notifier: httpx2.AsyncClient, message: Posted, act: str, *, user: str, chosen: str | None = None
) -> httpx2.Response:
    """Press the button for *act* of *message* as member *user*."""
    action = message.button(act)
    assert action is not None, f"no button {act} in {message.shown}"
    if chosen is not None:
        action["selected_option"] = {"value": chosen}
    return await send(
        notifier,
        {
            "type": "block_actions",
            "trigger_id": "trigger",
            "user": {"id": user},
            "channel": {"id": message.channel},
            "message": {"ts": message.ts, "blocks": message.blocks},
            "actions": [action],
        },
    )


async def fill(
    notifier: httpx2.AsyncClient, view: Mapping[str, Any], *, user: str, **fields: str
) -> httpx2.Response:
    """Send the form *view*, filled with *fields*, as member *user*."""
    values = {
        name: {
            name: {"selected_option": {"value": text}} if name == "reason_code" else {"value": text}
        }
        for name, text in fields.items()
    }
    return await send(
        notifier,
        {
            "type": "view_submission",
            "user": {"id": user},
            "view": {
                "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": {"values": values},
            },
        },
    )


async def send(notifier: httpx2.AsyncClient, payload: Mapping[str, Any]) -> httpx2.Response:
    """Send *payload* as Slack does: in a form, signed."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    return await notifier.post("/v1/answers/slack", content=body, headers=signed(body))


@asynccontextmanager
async def slack_server(*, per_s: float | None = None) -> AsyncIterator[SlackServer]:
    """Run a Slack."""
    async with http_peer() as peer:
        server = SlackServer(peer, per_s)
        peer.respond = server.respond
        yield server

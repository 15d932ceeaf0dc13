"""Text messages and calls through a provider: a port, a provider as Twilio's, and a file for trying out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Protocol
from xml.sax.saxutils import escape

import httpx2
from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.core.message import Message, cut, plain
from services.notifier.core.retry import Accepted, Failed, Outcome, Refused, http_outcome

Kind = Literal["sms", "voice"]
LONGEST_TEXT: Final = 480
"""Characters of a text: three messages' worth, with the link."""

LONGEST_SPEECH: Final = 600


class Provider(Protocol):
    """Whoever carries texts and calls."""

    async def text(self, number: str, words: str, *, key: str) -> Outcome:
        """Send *words* to *number*; *key* is the same for the same message."""
        ...

    async def call(self, number: str, words: str, *, key: str) -> Outcome:
        """Call *number* and say *words*."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Phone:
    """One of the two ways that a telephone is reached by."""

    shows_lines: Final = False

    def __init__(self, kind: Kind, provider: Provider) -> None:
        self._kind: Kind = kind
        self._provider = provider

    async def send(self, notice: Notice) -> Outcome:
        """Hand *notice* to the provider; that it was taken does not mean that it was heard."""
        number = notice.contact.addresses.get(self._kind) if notice.contact is not None else None
        if number is None:
            return Refused(f"no_{self._kind}_in_roster")
        message = notice.message.remarked(notice.remarks)
        if self._kind == "sms":
            return await self._provider.text(number, in_short(message), key=str(notice.id))
        return await self._provider.call(number, aloud(message), key=str(notice.id))

    async def close(self) -> None:
        """Let go of connections."""
        await self._provider.close()


class PhoneFile:
    """A provider that carries nothing: it writes a line for each text and each call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def text(self, number: str, words: str, *, key: str) -> Outcome:
        """Write the text down."""
        return await self._write("text", number, words, key)

    async def call(self, number: str, words: str, *, key: str) -> Outcome:
        """Write the call down."""
        return await self._write("call", number, words, key)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _write(self, kind: str, number: str, words: str, key: str) -> Outcome:
        line = json.dumps({"kind": kind, "to": number, "words": words, "key": key})
        try:
            await asyncio.to_thread(_append, self._path, line)
        except OSError as error:
            return Failed(type(error).__name__)
        return Accepted(provider_ref="file")


class Twilio:
    """A provider with an API in the shape of Twilio's: one form for a text, one for a call."""

    def __init__(
        self,
        url: str,
        *,
        account: str,
        token: SecretStr,
        sender: str,
        now: Callable[[], datetime],
        timeout_s: float,
    ) -> None:
        self._base = f"{url.rstrip('/')}/Accounts/{account}"
        self._sender = sender
        self._now = now
        self._client = httpx2.AsyncClient(
            auth=(account, token.get_secret_value()),
            headers={"user-agent": "tierline-notifier"},
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    async def text(self, number: str, words: str, *, key: str) -> Outcome:
        """Send a text."""
        return await self._post("Messages", key, {"To": number, "Body": words})

    async def call(self, number: str, words: str, *, key: str) -> Outcome:
        """Call, and say the words twice: whoever was asleep misses the first time."""
        said = f"<Say>{escape(words)}</Say>"
        twiml = f'<Response>{said}<Pause length="1"/>{said}</Response>'
        return await self._post("Calls", key, {"To": number, "Twiml": twiml})

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def _post(self, what: str, key: str, form: Mapping[str, str]) -> Outcome:
        try:
            answer = await self._client.post(
                f"{self._base}/{what}.json",
                data={**form, "From": self._sender},
                headers={"idempotency-key": key},
            )
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return Failed(type(error).__name__)
        except httpx2.HTTPError as error:
            return Failed(type(error).__name__, unclear=True)
        outcome = http_outcome(
            answer.status_code, answer.headers.get("retry-after"), now=self._now()
        )
        # Taken by the provider, as by a mail relay; nobody has heard it yet.
        return Accepted(_reference(answer)) if isinstance(outcome, Accepted) else outcome


def in_short(message: Message) -> str:
    """Return *message* as a text: what happened, what is asked, and one link."""
    link = message.links[0][1] if message.links else ""
    room = LONGEST_TEXT - len(link) - 1 if len(link) < LONGEST_TEXT // 2 else LONGEST_TEXT
    words = cut(" ".join(one for one in (message.subject, message.asked) if one), room)
    return f"{words} {link}" if link and room < LONGEST_TEXT else words


def aloud(message: Message) -> str:
    """Return *message* as it is said: without links, which nobody can hear."""
    return cut(plain(f"Tierline. {message.subject}. {message.asked}"), LONGEST_SPEECH)


def _reference(answer: httpx2.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return "phone"
    return f"phone {said.get('sid', '')}"[:100] if isinstance(said, Mapping) else "phone"


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as out:
        out.write(f"{line}\n")

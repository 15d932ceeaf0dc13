"""The running notifier, asked about dead letters and told what to do with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from services.notifier.answers import Letter, Letters, Result

NOTIFIER: Final = "http://127.0.0.1:8083"
"""Where `tierline up` puts the notifier."""

Kind = Literal["notice", "record"]
Deed = Literal["replay", "discard"]

Answer = TypeVar("Answer", bound=BaseModel)

_PAGE: Final = 200
_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 60.0
_NOT_TO_US: Final = (401, 403)
_ITS_OWN_TROUBLE: Final = 500
_NOBODY: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)
"""What goes wrong before anything was sent."""


class NotifierError(Exception):
    """Nobody answers, or not to us; the message says what to do."""


class UnsureError(NotifierError):
    """The notifier broke off: what was ordered may be done, or not."""


class RefusedError(Exception):
    """The notifier would not do it to this letter; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant.

    Attributes:
        kinds: Notices that were given up, records that could not be read, or both.
        ticket: Only this ticket's key.
        why: Only those that failed for this reason, a word of the column *why*.
    """

    kinds: tuple[Kind, ...] = ("notice", "record")
    ticket: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Notifier:
    """A client of one notifier."""

    client: httpx2.Client

    def letters(self, wanted: Wanted) -> Iterator[Letter]:
        """Yield the letters that nobody has dealt with: each kind with its newest first.

        Raises:
            NotifierError: It does not answer as a notifier does, or refuses the filters.
        """
        for kind in wanted.kinds:
            asked = {"kind": kind, "limit": str(_PAGE)}
            if wanted.ticket is not None:
                asked["ticket"] = wanted.ticket
            if wanted.why is not None:
                asked["why"] = wanted.why
            cursor: str | None = ""
            while cursor is not None:
                query = {**asked, "cursor": cursor} if cursor else asked
                try:
                    page = self._ask(Letters, "GET", "", query)
                except RefusedError as error:
                    raise NotifierError(str(error)) from None
                yield from page.letters
                cursor = page.cursor

    def letter(self, name: str) -> Letter:
        """Return the letter *name*, also one that somebody has dealt with.

        Raises:
            RefusedError: There is none.
            NotifierError: It does not answer as a notifier does.
        """
        return self._ask(Letter, "GET", f"/{quote(name, safe='')}", {})

    def act(self, deed: Deed, name: str, *, actor: str, reason: str) -> str:
        """Have *deed* done to the letter *name*, and return what came of it, in a few words.

        Raises:
            RefusedError: It cannot be done to this one.
            UnsureError: The notifier broke off over it.
            NotifierError: It does not answer, or takes no orders from us.
        """
        said = {"actor": actor, "reason": reason}
        return self._ask(Result, "POST", f"/{quote(name, safe='')}/{deed}", {}, said).result

    def _ask(
        self,
        model: type[Answer],
        method: str,
        path: str,
        query: dict[str, str],
        said: dict[str, str] | None = None,
    ) -> Answer:
        where = str(self.client.base_url).rstrip("/")
        try:
            answer = self.client.request(method, f"/v1/dead-letters{path}", params=query, json=said)
        except _NOBODY as error:
            msg = (
                f"nobody answers at {where} ({type(error).__name__}); start `tierline up`, or say"
                " where the notifier is with --notifier"
            )
            raise NotifierError(msg) from None
        except httpx2.HTTPError as error:
            msg = f"the notifier at {where} broke off ({type(error).__name__}); is it well?"
            raise UnsureError(msg) from None
        try:
            if answer.is_success:
                return model.model_validate_json(answer.content)
            problem = answer.json()
            told = f"{problem['title']}: {problem['detail'].rstrip('.')}. {problem['do']}"
        except (ValueError, LookupError, TypeError, AttributeError):
            msg = f"what answers at {where} is no notifier: it said {answer.status_code}"
            raise NotifierError(msg) from None
        if answer.status_code >= _ITS_OWN_TROUBLE:
            raise UnsureError(told)
        if answer.status_code in _NOT_TO_US:
            raise NotifierError(told)
        raise RefusedError(told)


@contextmanager
def notifier_at(url: str, key: str | None = None) -> Iterator[Notifier]:
    """Give a client of the notifier at *url*, whose operator key is *key*.

    Raises:
        NotifierError: The address is none.
    """
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    timeout = httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S)
    try:
        client = httpx2.Client(
            base_url=url.rstrip("/"), trust_env=False, timeout=timeout, headers=headers
        )
    except httpx2.InvalidURL as error:
        msg = f"{url} is no address ({error}); write it as {NOTIFIER}"
        raise NotifierError(msg) from None
    with client:
        yield Notifier(client)

"""Who asks, and whether now: the key behind a question, guesses by address, each reader's share."""

from __future__ import annotations

import math
from typing import Annotated, Final

from fastapi import Depends, Request

from services.tracker import metrics
from services.tracker.core.readers import Reader, secret_of
from shared.access.keys import KeyRing, Scope
from shared.runtime.buckets import Buckets
from shared.runtime.clock import real_now
from shared.runtime.problems import Problem

_GUESSES_PER_MINUTE: Final = 10


class Access:
    """The door of the API and of the pages."""

    def __init__(self, keys: KeyRing | None, shares: Buckets) -> None:
        """Open the door.

        Args:
            keys: The keys that hold; None lets everybody in who reaches it.
            shares: How many questions each key, or without keys each address, may ask.
        """
        self._keys = keys
        self._shares = shares
        self._guesses = Buckets(_GUESSES_PER_MINUTE / 60, _GUESSES_PER_MINUTE)

    def know(self, keys: KeyRing) -> None:
        """Let *keys* be the ones that hold from now on."""
        self._keys = keys

    async def let_in(self, request: Request) -> None:
        """Find out who asks; a dependency of every route that tells of tickets, before `Who`.

        Raises:
            Problem: 401 without a known key, 403 where it may not read, 429 after too many
                guesses or questions.
        """
        address = "" if request.client is None else request.client.host
        reader = Reader(f"@{address}")
        if self._keys is not None:
            reader = self._known(self._keys, request.headers.get("authorization"), address)
        wait_s = self._shares.take(reader.name)
        if wait_s:
            raise _refused(_too_many(wait_s))
        request.state.reader = reader

    def _known(self, keys: KeyRing, authorization: str | None, address: str) -> Reader:
        if self._guesses.empty(address):
            raise _refused(_too_many(60 / _GUESSES_PER_MINUTE))
        secret = secret_of(authorization)
        key = None if secret is None else keys.known(secret, real_now())
        if key is None:
            if authorization is not None:
                # Who shows nothing has not guessed: a browser asks once before it shows anything.
                self._guesses.take(address)
            raise _refused(_unauthorized())
        if Scope.READ not in key.scopes:
            raise _refused(_forbidden())
        return Reader(key.name, key.source, Scope.ACT in key.scopes, key.roles)


async def _reader(request: Request) -> Reader:
    reader: Reader = request.state.reader
    return reader


Who = Annotated[Reader, Depends(_reader)]
"""Who asks, in a route of a router that has `Access.let_in` among its dependencies."""


def for_all(reader: Reader) -> None:
    """Refuse *reader* what tells of the whole installation, where it sees one helpdesk alone.

    Raises:
        Problem: 403.
    """
    if reader.source is not None:
        raise _refused(
            Problem(
                status=403,
                code="one_source_only",
                title="This tells of all helpdesks",
                detail=f"the key {reader.name!r} sees the tickets of {reader.source!r} alone",
                do="Ask for tickets, or use a key whose source is '*'.",
            )
        )


def _refused(problem: Problem) -> Problem:
    metrics.REFUSED.labels(problem.code).inc()
    return problem


def _unauthorized() -> Problem:
    return Problem(
        status=401,
        code="unauthorized",
        title="A key is needed",
        detail="no key that is known was shown",
        do="Send `Authorization: Bearer tl_…`; in a browser the key is the password.",
        # One scheme alone: a browser that finds two in a line asks for nothing.
        headers={"www-authenticate": 'Basic realm="Tierline", charset="UTF-8"'},
    )


def _forbidden() -> Problem:
    return Problem(
        status=403,
        code="forbidden",
        title="The key may not do that",
        detail=f"it lacks the scope {Scope.READ.value!r}",
        do=f"Ask the operators for a key with the scope {Scope.READ.value!r}.",
    )


def _too_many(wait_s: float) -> Problem:
    return Problem(
        status=429,
        code="too_many_requests",
        title="Too many questions",
        detail="the share of this key or address is used up",
        do="Try again after the seconds that Retry-After names; or listen to /v1/stream instead.",
        headers={"retry-after": str(max(1, math.ceil(wait_s)))},
    )

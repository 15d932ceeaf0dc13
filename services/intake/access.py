"""Who posts: the key behind a request, or the reason why not."""

from __future__ import annotations

from typing import Final

from services.intake import problems
from services.intake.core.keys import ApiKey, KeyRing, Scope
from services.intake.gate import Buckets

_GUESSES_PER_MINUTE: Final = 10

ANONYMOUS: Final = ApiKey("anonymous", "", None, frozenset({Scope.INGEST}))
"""Who posts where anybody may."""


class Access:
    """The door: API keys, guesses counted by address, and each key's share."""

    def __init__(self, keys: KeyRing | None, shares: Buckets) -> None:
        """Open the door.

        Args:
            keys: The keys that are known; None lets everybody in.
            shares: How many events each key may post.
        """
        self._keys = keys
        self._shares = shares
        self._guesses = Buckets(_GUESSES_PER_MINUTE / 60, _GUESSES_PER_MINUTE)

    @property
    def is_open(self) -> bool:
        """Whether anybody may post."""
        return self._keys is None

    def let_in(
        self, authorization: bytes | None, client: tuple[str, int] | None, scope: Scope
    ) -> ApiKey:
        """Return whose request it is.

        Args:
            authorization: The header of that name.
            client: Who is connected: address and port.
            scope: What the request needs.

        Raises:
            Problem: 401 without a known key, 403 without *scope*, 429 after too many guesses.
        """
        if self._keys is None:
            return ANONYMOUS
        address = "" if client is None else client[0]
        if self._guesses.empty(address):
            raise problems.too_fast(60 / _GUESSES_PER_MINUTE)
        key = self._keys.find(None if authorization is None else authorization.decode("latin-1"))
        if key is None:
            self._guesses.take(address)
            raise problems.unauthorized()
        if scope not in key.scopes:
            raise problems.forbidden(scope)
        return key

    def count(self, key: ApiKey, events: int) -> None:
        """Take *events* from the share of *key*.

        Raises:
            Problem: 429, its share is used up.
        """
        wait_s = self._shares.take(key.name, events)
        if wait_s:
            raise problems.too_fast(wait_s)

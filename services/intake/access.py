"""Who posts: the key or the token behind a request, or the reason why not."""

from __future__ import annotations

from typing import Final

from services.intake import problems
from services.intake.core.callers import Caller, holder_of
from services.intake.tokens.provider import ProviderAwayError
from services.intake.tokens.verify import TokenRefusedError, Tokens, token_in
from services.intake.uses import Uses
from shared.access.keys import ApiKey, KeyRing, Scope
from shared.runtime.buckets import Buckets
from shared.runtime.clock import real_now

_GUESSES_PER_MINUTE: Final = 10

ANONYMOUS: Final = ApiKey("anonymous", "", None, frozenset({Scope.INGEST}))
"""Who posts where anybody may."""


class Access:
    """The door: API keys, people's tokens, guesses counted by address, and everybody's share."""

    def __init__(
        self,
        keys: KeyRing | None,
        shares: Buckets,
        *,
        tokens: Tokens | None = None,
        uses: Uses | None = None,
    ) -> None:
        """Open the door.

        Args:
            keys: The keys that are known; None lets everybody in.
            shares: How many events each caller may post.
            tokens: Checks people's tokens; None where nobody has one.
            uses: Where it is noted that a key was used.
        """
        self._keys = keys
        self._shares = shares
        self._tokens = tokens
        self._uses = uses
        self._guesses = Buckets(_GUESSES_PER_MINUTE / 60, _GUESSES_PER_MINUTE)

    @property
    def is_open(self) -> bool:
        """Whether anybody may post."""
        return self._keys is None

    @property
    def keys(self) -> KeyRing | None:
        """The keys that are known."""
        return self._keys

    def know(self, keys: KeyRing) -> None:
        """Let in by *keys* from now on, and by no other."""
        self._keys = keys

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
        header = None if authorization is None else authorization.decode("latin-1")
        key = self._key(self._keys, header, self._guesser(client))
        if scope not in key.scopes:
            raise problems.forbidden(scope)
        return key

    async def admit(
        self, authorization: str | None, client: tuple[str, int] | None, *scopes: Scope
    ) -> Caller:
        """Return whose request it is, by a key or by a person's token.

        Args:
            authorization: The header of that name.
            client: Who is connected: address and port.
            scopes: What the request needs: any one of these.

        Raises:
            Problem: 401 without a known key or a good token, 403 without one of *scopes*, 429 after
                too many guesses, 503 while a token cannot be checked.
        """
        if self._keys is None:
            return Caller(ANONYMOUS.name, None, frozenset(Scope))
        guesser = self._guesser(client)
        token = None if self._tokens is None else token_in(authorization)
        if self._tokens is None or token is None:
            caller = holder_of(self._key(self._keys, authorization, guesser))
        else:
            caller = await self._person(self._tokens, token, guesser)
        if caller.scopes.isdisjoint(scopes):
            raise problems.forbidden(scopes[0])
        return caller

    def count(self, caller: ApiKey | Caller, events: int) -> None:
        """Take *events* from the share of *caller*.

        Raises:
            Problem: 429, its share is used up.
        """
        wait_s = self._shares.take(caller.name, events)
        if wait_s:
            raise problems.too_fast(wait_s)

    def _guesser(self, client: tuple[str, int] | None) -> str:
        address = "" if client is None else client[0]
        if self._guesses.empty(address):
            raise problems.too_fast(60 / _GUESSES_PER_MINUTE)
        return address

    def _key(self, keys: KeyRing, authorization: str | None, guesser: str) -> ApiKey:
        now = real_now()
        key = keys.find(authorization, now)
        if key is None:
            self._guesses.take(guesser)
            raise problems.unauthorized()
        if self._uses is not None:
            self._uses.note(key, now)
        return key

    async def _person(self, tokens: Tokens, token: str, guesser: str) -> Caller:
        try:
            return await tokens.verify(token)
        except TokenRefusedError as error:
            self._guesses.take(guesser)
            raise problems.bad_token(error) from None
        except ProviderAwayError as error:
            raise problems.provider_away(error) from error

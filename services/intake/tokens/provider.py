"""The keys with which one issuer signs: found by its discovery document, kept for a while.

A provider is asked rarely, whatever tokens come: once in ten minutes for what is known, once in a
minute for a key that is not known, once in five seconds while it is away. While it is away, keys
that it gave within a day still count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2
import structlog
from pydantic_core import from_json

from services.intake.tokens.issuers_file import is_safe
from shared.contract.errors import Reason, TransientError
from shared.runtime.clock import monotonic

log = structlog.get_logger()

FRESH_S: Final = 600.0
"""So long the keys of a provider are taken for its keys."""

STALE_S: Final = 86_400.0
"""So long they still count where it cannot be asked."""

UNKNOWN_S: Final = 60.0
"""So long a key that it does not have is not asked for again."""

AWAY_S: Final = 5.0
"""So long a provider that did not answer is left in peace."""

MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100

_DISCOVERY: Final = "/.well-known/openid-configuration"

Jwk = Mapping[str, Any]


class ProviderAwayError(TransientError):
    """A token cannot be checked, since its provider does not answer."""

    reason = Reason.DEADLINE_PASSED


class Provider:
    """One issuer's keys."""

    def __init__(
        self, issuer: str, client: httpx2.AsyncClient, *, now: Callable[[], float] = monotonic
    ) -> None:
        """Ask nothing yet.

        Args:
            issuer: The issuer's name, which is its address.
            client: What it is asked with.
            now: Seconds that never go back.
        """
        self._issuer = issuer
        self._client = client
        self._now = now
        self._keys: dict[str, Jwk] = {}
        self._fetched_at = float("-inf")
        self._failed_at = float("-inf")
        self._turn = asyncio.Lock()

    async def key(self, kid: str | None) -> Jwk | None:
        """Return the public key *kid*; without a name the only one; None where there is none.

        Raises:
            ProviderAwayError: It has to be asked, and does not answer.
        """
        found = self._find(kid)
        if found is not None and self._age() < FRESH_S:
            return found
        async with self._turn:
            # Whoever waited for the turn profits from what was fetched meanwhile.
            found = self._find(kid)
            if self._age() < (UNKNOWN_S if found is None else FRESH_S):
                return found
            try:
                await self._fetch()
            except ProviderAwayError as error:
                if found is None or self._age() >= STALE_S:
                    raise
                log.warning(
                    "provider away, its old keys count", issuer=self._issuer, why=str(error)
                )
                return found
            return self._find(kid)

    def _find(self, kid: str | None) -> Jwk | None:
        if kid is not None:
            return self._keys.get(kid)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    def _age(self) -> float:
        return self._now() - self._fetched_at

    async def _fetch(self) -> None:
        if self._now() - self._failed_at < AWAY_S:
            msg = f"{self._issuer} did not answer a moment ago"
            raise ProviderAwayError(msg)
        try:
            listed = (await self._json(await self._address())).get("keys")
        except ProviderAwayError:
            self._failed_at = self._now()
            raise
        found = [one for one in listed or () if isinstance(one, dict)][:MAX_KEYS]
        self._keys = {str(one.get("kid", "")): one for one in found if _signs(one)}
        self._fetched_at = self._now()
        log.info("keys of a provider learnt", issuer=self._issuer, keys=len(self._keys))

    async def _address(self) -> str:
        """Return where the keys are, as the issuer itself says."""
        document = await self._json(self._issuer.rstrip("/") + _DISCOVERY)
        if document.get("issuer") != self._issuer:
            msg = f"{self._issuer} calls itself {str(document.get('issuer'))[:200]!r}"
            raise ProviderAwayError(msg)
        address = document.get("jwks_uri")
        if not isinstance(address, str) or not is_safe(address):
            msg = f"{self._issuer} has its keys at {str(address)[:200]!r}"
            raise ProviderAwayError(msg)
        return address

    async def _json(self, url: str) -> dict[str, Any]:
        parts: list[bytes] = []
        size = 0
        try:
            async with self._client.stream("GET", url) as answer:
                answer.raise_for_status()
                async for part in answer.aiter_bytes():
                    size += len(part)
                    if size > MAX_BYTES:
                        msg = f"{url} answers with more than {MAX_BYTES} bytes"
                        raise ProviderAwayError(msg)
                    parts.append(part)
            content = from_json(b"".join(parts))
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            msg = f"{url}: {type(error).__name__}"
            raise ProviderAwayError(msg) from error
        if not isinstance(content, dict):
            msg = f"{url} answers with no object"
            raise ProviderAwayError(msg)
        return content


def _signs(jwk: Jwk) -> bool:
    """Whether *jwk* is a public key for signatures; a shared secret is none."""
    return jwk.get("kty") in {"RSA", "EC", "OKP"} and jwk.get("use", "sig") == "sig"

"""API keys: who may post, and for which source. Only their hashes are kept."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

_INDEXED: Final = 8
_SHOWN: Final = 12
_BEARER: Final = "bearer "


class Scope(StrEnum):
    """What a key may do."""

    INGEST = "ingest"
    ACT = "act"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without its secret.

    Attributes:
        name: Who holds it, for logs and limits.
        digest: The SHA-256 of the whole key, 64 hexadecimal digits.
        source: The only source that it speaks for; None for any.
        scopes: What it may do.
        roles: The only roles in which its acts may be made; None for any.
        created: When it was made, where that is known.
        expires: From when on it is no longer known; None for never.
    """

    name: str
    digest: str
    source: str | None
    scopes: frozenset[Scope]
    roles: frozenset[str] | None = None
    created: datetime | None = None
    expires: datetime | None = None

    @property
    def id(self) -> str:
        """What tells it from others in lists; nobody finds the key by it."""
        return self.digest[:_SHOWN]


class KeyRing:
    """The keys that are known."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_start: dict[str, list[ApiKey]] = {}
        for key in keys:
            self._by_start.setdefault(key.digest[:_INDEXED], []).append(key)

    def all(self) -> list[ApiKey]:
        """Return every key, also those that have expired."""
        return [key for alike in self._by_start.values() for key in alike]

    def find(self, authorization: str | None, now: datetime) -> ApiKey | None:
        """Return the key that ``Authorization: Bearer tl_…`` presents, if it is known at *now*.

        How long it takes says nothing about the secret: hashes are compared in constant time, and
        where one starts cannot be chosen by who does not know the key.
        """
        if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
            return None
        return self.known(authorization[len(_BEARER) :].strip(), now)

    def known(self, secret: str, now: datetime) -> ApiKey | None:
        """Return the key whose whole text is *secret*, if it is known at *now*."""
        digest = digest_of(secret)
        for key in self._by_start.get(digest[:_INDEXED], ()):
            if hmac.compare_digest(key.digest, digest):
                return key if key.expires is None or now < key.expires else None
        return None


def digest_of(secret: str) -> str:
    """Return the SHA-256 of *secret* as a key file holds it."""
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()

"""API keys: who may post, and for which source. Only their hashes are kept."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

_INDEXED: Final = 8
_BEARER: Final = "bearer "


class Scope(StrEnum):
    """What a key may do."""

    INGEST = "ingest"
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
    """

    name: str
    digest: str
    source: str | None
    scopes: frozenset[Scope]


class KeyRing:
    """The keys that are known."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_start: dict[str, list[ApiKey]] = {}
        for key in keys:
            self._by_start.setdefault(key.digest[:_INDEXED], []).append(key)

    def find(self, authorization: str | None) -> ApiKey | None:
        """Return the key that ``Authorization: Bearer tl_…`` presents, if it is known.

        How long it takes says nothing about the secret: hashes are compared in constant time, and
        where one starts cannot be chosen by who does not know the key.
        """
        if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
            return None
        digest = digest_of(authorization[len(_BEARER) :].strip())
        for key in self._by_start.get(digest[:_INDEXED], ()):
            if hmac.compare_digest(key.digest, digest):
                return key
        return None


def digest_of(secret: str) -> str:
    """Return the SHA-256 of *secret* as a key file holds it."""
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()

"""Who may ask: API keys, of which only the hashes are kept, and what each may see."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

READ: Final = "read"
"""The scope that a reader's key must have."""

_BEARER: Final = "bearer "
_BASIC: Final = "basic "


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks.

    Attributes:
        name: The key's name, for limits.
        source: The only helpdesk whose tickets it sees; None for all, and for sums.
    """

    name: str
    source: str | None = None

    def sees(self, ticket: str) -> bool:
        """Return whether the ticket with the key *ticket* is there for this reader."""
        return self.source is None or ticket.startswith(f"{self.source}:")


@dataclass(frozen=True, slots=True)
class ReadKey:
    """One key.

    Attributes:
        digest: The SHA-256 of its text.
        reader: Whose it is.
        may_read: Whether it has the scope.
        expires: From when on it is no key any more, aware; None for never.
    """

    digest: str
    reader: Reader
    may_read: bool
    expires: datetime | None = None


class ReadKeys:
    """The keys that are known."""

    def __init__(self, keys: Iterable[ReadKey]) -> None:
        self._keys = tuple(keys)

    def find(self, authorization: str | None, now: datetime) -> ReadKey | None:
        """Return the key that the header *authorization* shows, if it is known and holds *now*.

        A program says `Bearer tl_…`; a browser asks for name and password, and the password is
        the key. How long it takes says nothing about a key: each is compared in constant time.
        """
        secret = secret_of(authorization)
        if secret is None:
            return None
        digest = sha256(secret.encode(errors="surrogateescape")).hexdigest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        expired = found is not None and found.expires is not None and found.expires <= now
        return None if expired else found


def secret_of(authorization: str | None) -> str | None:
    """Return the key that the header *authorization* shows; None where it shows none."""
    if authorization is None:
        return None
    scheme = authorization.lower()
    if scheme.startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    if not scheme.startswith(_BASIC):
        return None
    try:
        pair = b64decode(authorization[len(_BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return pair.partition(":")[2]

"""Who asks, what they may see, and how a request shows the key."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import Final

_BEARER: Final = "bearer "
_BASIC: Final = "basic "


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks.

    Attributes:
        name: The key's name, for limits.
        source: The only helpdesk whose tickets it sees; None for all, and for sums.
        may_act: Whether intake would take an act that comes with its key.
        roles: The only roles in which its acts may be made; None for any.
    """

    name: str
    source: str | None = None
    may_act: bool = True
    roles: frozenset[str] | None = None

    def sees(self, ticket: str) -> bool:
        """Return whether the ticket with the key *ticket* is there for this reader."""
        return self.source is None or ticket.startswith(f"{self.source}:")


def secret_of(authorization: str | None) -> str | None:
    """Return the key that the header *authorization* shows; None where it shows none.

    A program says `Bearer tl_…`; a browser asks for name and password, and the password is the key.
    """
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

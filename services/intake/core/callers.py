"""Whoever is let in: for which sources they speak, who they are, and in which roles they act."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from shared.access.keys import ApiKey, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in, by a key or by a token.

    Attributes:
        name: Who it is, for logs and limits.
        sources: Whose tickets may be spoken of; None for any.
        scopes: What may be done.
        roles: The roles in which may be acted; None for any.
        person: Who acts, where that is proven; None where the caller says it, as a helpdesk does.
    """

    name: str
    sources: Set[str] | None
    scopes: Set[Scope]
    roles: Set[str] | None = None
    person: str | None = None

    def speaks_for(self, source: str) -> bool:
        """Whether tickets of *source* may be spoken of."""
        return self.sources is None or source in self.sources


def holder_of(key: ApiKey) -> Caller:
    """Return whoever shows *key*."""
    sources = None if key.source is None else frozenset({key.source})
    return Caller(key.name, sources, key.scopes, key.roles)

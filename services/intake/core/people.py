"""A person's token, once it is proven, into who they are: name, roles of the policy, scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.intake.core.callers import Caller
from shared.access.keys import Scope
from shared.contract.errors import PermanentError, Reason

_LONGEST_NAME: Final = 256


class NobodyError(PermanentError):
    """A token that is good names no person."""

    reason = Reason.INVALID_FIELD


@dataclass(frozen=True, slots=True)
class Reading:
    """How the claims of one issuer are read.

    Attributes:
        person: The claim that names the person.
        groups: The claims that list what the person belongs to; dots lead into objects.
        roles: What is listed there, to roles of the policy.
        scopes: What is listed there, to scopes beside `act`.
        sources: Whose tickets the people may speak of; None for any.
    """

    person: str
    groups: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    scopes: Mapping[str, tuple[Scope, ...]]
    sources: frozenset[str] | None


def person_of(claims: Mapping[str, Any], reading: Reading) -> Caller:
    """Return who *claims*, proven, speak of.

    Whoever has a role may act in it. Who is in no group that is listed may do nothing.

    Raises:
        NobodyError: The claim of the person is missing, or no text.
    """
    name = _at(claims, reading.person)
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        msg = f"the claim {reading.person!r} names nobody"
        raise NobodyError(msg)
    groups = [one for claim in reading.groups for one in _listed(_at(claims, claim))]
    roles = frozenset(role for group in groups for role in reading.roles.get(group, ()))
    scopes = {scope for group in groups for scope in reading.scopes.get(group, ())}
    if roles:
        scopes.add(Scope.ACT)
    return Caller(f"person {name}", reading.sources, frozenset(scopes), roles, name)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    # A claim may have dots in its own name, as those that are addresses do.
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(step)
    return found


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    return []

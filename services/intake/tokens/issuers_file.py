"""The file of issuers: whose tokens are trusted, and what their claims mean here.

issuers:
- issuer: https://login.example.com/realms/support
audience: [tierline]             # one of them must be in the token
person: preferred_username       # the claim that names who acts; sub, where left out
groups: [realm_access.roles]     # the claims that list what a person belongs to
roles:                           # what is listed there, to roles of the policy
support-tier-1: [t1_agent]
support-leads: [t1_lead, t2_lead]
scopes:                          # and to scopes; whoever has a role has `act`
support-admins: [admin, operate]
sources: [desk]                  # whose tickets; any, where left out
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field

from services.intake.core.people import Reading
from shared.access.keys import Scope
from shared.mapping.file import Incoherence, MappingError, parse_file
from shared.policy.shape.base import Section, suggestion
from shared.runtime.settings import SettingsError

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""What tokens may be signed with: nothing with a shared secret, and never nothing."""

_SEE: Final = "See docs/posting.md, People's tokens, for how it is written."

Word = Annotated[str, Field(min_length=1, max_length=256)]


class _Issuer(Section):
    issuer: Annotated[str, Field(min_length=8, max_length=500)]
    audience: Annotated[tuple[Word, ...], Field(min_length=1)]
    algorithms: Annotated[tuple[str, ...], Field(min_length=1)] = ("RS256", "ES256")
    person: Word = "sub"
    groups: tuple[Word, ...] = ()
    roles: Mapping[str, tuple[Word, ...]] = Field(default_factory=dict)
    scopes: Mapping[str, tuple[Scope, ...]] = Field(default_factory=dict)
    sources: Annotated[tuple[Word, ...], Field(min_length=1)] | None = None
    leeway_s: Annotated[int, Field(ge=0, le=300)] = 60


class _Document(Section):
    issuers: Annotated[tuple[_Issuer, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Issuer:
    """One provider whose tokens are trusted.

    Attributes:
        issuer: Its name, which is also its address.
        audience: One of these must be whom a token is meant for.
        algorithms: What a token may be signed with.
        leeway_s: By how much its clock and ours may differ, seconds.
        reading: What its claims mean.
    """

    issuer: str
    audience: tuple[str, ...]
    algorithms: tuple[str, ...]
    leeway_s: int
    reading: Reading


def load_issuers(path: Path) -> list[Issuer]:
    """Return whose tokens the file at *path* trusts.

    Raises:
        SettingsError: It cannot be used; the message names each line that is wrong.
    """
    try:
        text = path.read_text("utf-8")
        document = parse_file(text, _Document, name=str(path), see=_SEE, incoherent=_flaws)
    except (OSError, UnicodeDecodeError) as error:
        msg = f"INTAKE_ISSUERS_FILE={path}: {error}"
        raise SettingsError(msg) from None
    except MappingError as error:
        msg = f"INTAKE_ISSUERS_FILE:\n{error}"
        raise SettingsError(msg) from None
    return [
        Issuer(
            one.issuer,
            one.audience,
            one.algorithms,
            one.leeway_s,
            Reading(
                one.person,
                one.groups,
                one.roles,
                one.scopes,
                None if one.sources is None else frozenset(one.sources),
            ),
        )
        for one in document.issuers
    ]


def is_safe(url: str) -> bool:
    """Whether what *url* answers can be believed: https, or this machine's own loopback."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    host = parts.hostname or ""
    try:
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _flaws(document: _Document) -> Iterator[Incoherence]:
    names: Sequence[str] = [one.issuer for one in document.issuers]
    for number, one in enumerate(document.issuers):
        at = ("issuers", number)
        if names.index(one.issuer) < number:
            yield (*at, "issuer"), "it is listed twice", "List every issuer once."
        if not is_safe(one.issuer):
            yield (
                (*at, "issuer"),
                "its keys would come unprotected",
                "Write an address with https://; http:// goes with this machine's loopback alone.",
            )
        for place, name in enumerate(one.algorithms):
            if name not in ALGORITHMS:
                yield (
                    (*at, "algorithms", place),
                    f"`{name}` is no signature that we trust",
                    suggestion(name, ALGORITHMS),
                )
        if (one.roles or one.scopes) and not one.groups:
            yield at, "nothing says where groups are listed", "Name the claim under groups."

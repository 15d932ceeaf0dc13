"""The file of API keys: read, followed as it changes, and written.

    keys:
      - name: helpdesk
        sha256: 5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5
        source: desk                     # the only source it speaks for, or "*"
        scopes: [ingest]
        roles: [t1_agent]                # with the scope act: in which roles; any, where left out
        created: 2026-03-02T10:00:00Z
        expires: 2026-04-02T10:00:00Z    # never, where left out

A key is ``tl_<prefix>_<secret>``; the file holds only its SHA-256: ``printf %s "$KEY" | sha256sum``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import structlog
from prometheus_client import Gauge
from pydantic import AwareDatetime, Field

from shared.access.keys import ApiKey, KeyRing, Scope, digest_of
from shared.mapping.file import Incoherence, MappingError, parse_file
from shared.policy.shape.base import Section
from shared.runtime.files import why_unreadable
from shared.runtime.run import stopped_within
from shared.runtime.settings import SettingsError

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
"""How soon a change of the file holds, at the latest."""

ANY_SOURCE: Final = "*"

EXAMPLES: Final = frozenset(
    {
        "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5",
        "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
    }
)
"""The hashes that the documentation shows: anybody may know what they are of."""

_SEE: Final = (
    "`tierline keys create` writes an entry; docs/posting.md, API keys, says what it holds."
)


class _Entry(Section):
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    source: Annotated[str, Field(min_length=1, max_length=256)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    roles: Annotated[frozenset[str], Field(min_length=1)] | None = None
    created: AwareDatetime | None = None
    expires: AwareDatetime | None = None


class _Document(Section):
    keys: tuple[_Entry, ...]


class NewKey(NamedTuple):
    """A fresh API key: *text* is shown once, *sha256* goes into the file."""

    text: str
    sha256: str


def new_key(prefix: str) -> NewKey:
    """Return a fresh key of 32 random bytes; *prefix* lets people tell keys apart."""
    text = f"tl_{prefix}_{secrets.token_urlsafe(32)}"
    return NewKey(text, digest_of(text))


def load_keys(path: Path) -> KeyRing:
    """Return the keys in the file at *path*.

    Raises:
        SettingsError: It cannot be read, or an entry is wrong; the message says which and how.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The file of keys {path}: {why_unreadable(error)}"
        raise SettingsError(msg) from None
    return KeyRing(read_keys(text, name=str(path)))


def read_keys(text: str, *, name: str) -> list[ApiKey]:
    """Return the keys that *text* lists; *name* is how errors call the file.

    Raises:
        SettingsError: An entry is wrong; the message says which and how.
    """
    try:
        document = parse_file(text, _Document, name=name, see=_SEE, incoherent=_flaws)
    except MappingError as error:
        msg = f"The file of keys means nothing:\n{error}"
        raise SettingsError(msg) from None
    return [
        ApiKey(
            one.name,
            one.sha256,
            None if one.source == ANY_SOURCE else one.source,
            one.scopes,
            one.roles,
            one.created,
            one.expires,
        )
        for one in document.keys
    ]


async def follow(
    path: Path, know: Callable[[KeyRing], None], stop: asyncio.Event, broken: Gauge
) -> None:
    """Tell *know* the keys of the file at *path* whenever they change, until *stop* is set.

    A file that cannot be used changes nothing: the keys before it hold until it is mended, and
    *broken* is 1 meanwhile.
    """
    # What it was at the start is not known here, so the first look may learn it once more.
    before: bytes | None = None
    while not await stopped_within(stop, LOOK_EVERY_S):
        try:
            now: bytes | None = await asyncio.to_thread(path.read_bytes)
        except OSError:
            now = None
        if now == before:
            continue
        before = now
        try:
            ring = await asyncio.to_thread(load_keys, path)
        except SettingsError as error:
            broken.set(1)
            log.error("file of keys not taken; the keys before it hold", error=str(error))  # noqa: TRY400
            continue
        broken.set(0)
        know(ring)
        log.info("keys learnt", keys=len(ring.all()))


def _flaws(document: _Document) -> Iterator[Incoherence]:
    seen: set[str] = set()
    for number, one in enumerate(document.keys):
        at = ("keys", number)
        if one.sha256 in seen:
            yield (*at, "sha256"), "the same key is listed twice", "List every key once."
        seen.add(one.sha256)
        if one.sha256 in EXAMPLES:
            yield (
                (*at, "sha256"),
                "it is the example of the documentation, which everybody knows",
                "Make a key of your own: tierline keys create.",
            )
        if one.roles is not None and Scope.INGEST in one.scopes:
            yield (
                (*at, "roles"),
                "a key with the scope ingest reports whatever its helpdesk says, in any role",
                "Leave roles out, or give the key the scope act alone.",
            )

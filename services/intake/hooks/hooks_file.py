"""The file of hooks: which helpdesks may post, read by which mapping, proven by which secrets.

    hooks:
      - source: zendesk                   # they post to /v1/hooks/zendesk
        secrets: [file:/run/secrets/zendesk, env:ZENDESK_OLD]   # any of them, for a change of secrets
      - source: desk-emea
        mapping: freshdesk                # left out, it is called like the source
      - source: hubspot
        secrets: [file:/run/secrets/hubspot]
        public_url: https://hooks.example.com/v1/hooks/hubspot  # where the product signs its address

A secret is written as a reference, ``env:NAME`` or ``file:PATH``, never itself. A source without
secrets is open to who shows an API key for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from services.intake.core.hooks.shape import HookMapping
from services.intake.core.hooks.signing import key_of
from shared.mapping.file import Incoherence, MappingError, parse_file
from shared.policy.findings import Finding
from shared.policy.shape.base import Section, suggestion
from shared.runtime.secret import MissingSecretError, is_reference, resolve
from shared.runtime.settings import SettingsError

_SEE: Final = "See docs/operations.md, Webhooks of helpdesks, for how it is written."


class _Entry(Section):
    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")]
    mapping: str | None = None
    secrets: tuple[str, ...] = ()
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None

    @property
    def read_by(self) -> str:
        """The name of its mapping."""
        return self.mapping or self.source


class _Document(Section):
    hooks: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One helpdesk that may post.

    Attributes:
        name: The source of its events, and the end of its address.
        mapping: How its bodies are read.
        secrets: Any of them may have signed; none: an API key is asked for.
        public_url: How the product calls its address; None where it does not sign it.
    """

    name: str
    mapping: HookMapping
    secrets: tuple[bytes, ...] = ()
    public_url: str | None = None


def load_sources(
    path: Path | None, mappings: Mapping[str, HookMapping], environ: Mapping[str, str]
) -> Mapping[str, Source]:
    """Return who may post, by name: each mapping under its own name, and what *path* says.

    Raises:
        SettingsError: The file cannot be used; the message names each line that is wrong.
    """
    found = {name: Source(name, mapping) for name, mapping in mappings.items()}
    if path is None:
        return found

    def incoherent(document: _Document) -> Iterator[Incoherence]:
        for number, entry in enumerate(document.hooks):
            yield from _flaws(("hooks", number), entry, mappings, environ)

    try:
        text = path.read_text("utf-8")
        document = parse_file(text, _Document, name=str(path), see=_SEE, incoherent=incoherent)
    except (OSError, UnicodeDecodeError) as error:
        flaw = Finding(None, "", "error", f"it cannot be read: {error}", "Name a file of hooks.")
        msg = f"INTAKE_HOOKS_FILE: {flaw.text(str(path))}"
        raise SettingsError(msg) from None
    except MappingError as error:
        msg = f"INTAKE_HOOKS_FILE:\n{error}"
        raise SettingsError(msg) from None
    for entry in document.hooks:
        mapping = mappings[entry.read_by]
        keys = tuple(_key(secret, mapping, environ) for secret in entry.secrets)
        found[entry.source] = Source(entry.source, mapping, keys, entry.public_url)
    return found


def _key(secret: str, mapping: HookMapping, environ: Mapping[str, str]) -> bytes:
    text = resolve(secret, environ).get_secret_value()
    if mapping.signature is None:
        msg = f"{mapping.product} signs nothing"
        raise ValueError(msg)
    return key_of(text, mapping.signature)


def _flaws(
    at: tuple[str, int],
    entry: _Entry,
    mappings: Mapping[str, HookMapping],
    environ: Mapping[str, str],
) -> Iterator[Incoherence]:
    mapping = mappings.get(entry.read_by)
    if mapping is None:
        remedy = f"{suggestion(entry.read_by, list(mappings))} Name one under mapping."
        yield at, f"there is no mapping `{entry.read_by}`", remedy
        return
    signature = mapping.signature
    if entry.secrets and signature is None:
        yield (
            (*at, "secrets"),
            f"{mapping.product} signs nothing",
            f"Leave secrets out, and let it show an API key for the source {entry.source}.",
        )
        return
    if entry.secrets and signature and "{url}" in signature.signed and entry.public_url is None:
        yield (
            at,
            f"{mapping.product} signs the address that it posts to",
            "Write it as public_url, exactly as it is set there.",
        )
    for number, secret in enumerate(entry.secrets):
        path = (*at, "secrets", number)
        if not is_reference(secret):
            remedy = "Write env:NAME or file:PATH, and keep the secret there."
            yield path, "a secret stands in the file itself", remedy
            continue
        try:
            _key(secret, mapping, environ)
        except MissingSecretError as error:
            yield path, f"nothing is found at {secret}", str(error).partition(": ")[2].capitalize()
        except ValueError as error:
            yield path, f"what {secret} holds is no secret of {mapping.product}: {error}", _SEE

"""The file of API keys.

    keys:
      - name: helpdesk
        sha256: 5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5
        source: desk        # the only source it speaks for, or "*"
        scopes: [ingest]

A key is ``tl_<prefix>_<secret>``; the file holds only its SHA-256: ``printf %s "$KEY" | sha256sum``.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from services.intake.core.keys import ApiKey, KeyRing, Scope, digest_of
from shared.runtime.settings import SettingsError


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    source: Annotated[str, Field(min_length=1, max_length=256)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Annotated[tuple[_Entry, ...], Field(min_length=1)]


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
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        entries = _Document.model_validate(content).keys
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        msg = f"INTAKE_KEYS_FILE={path}: {error}"
        raise SettingsError(msg) from None
    except ValidationError as error:
        flaws = "\n".join(
            f"{'.'.join(str(step) for step in flaw['loc'])}: {flaw['msg']}"
            for flaw in error.errors(include_input=False, include_url=False)
        )
        msg = f"INTAKE_KEYS_FILE={path}:\n{flaws}"
        raise SettingsError(msg) from None
    return KeyRing(
        ApiKey(one.name, one.sha256, None if one.source == "*" else one.source, one.scopes)
        for one in entries
    )

"""The file of API keys, which intake reads too: here only who may read, and of which source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from services.tracker.core.keys import READ, Reader, ReadKey, ReadKeys
from shared.runtime.settings import SettingsError


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    source: Annotated[str, Field(min_length=1, max_length=256)]
    scopes: Annotated[frozenset[str], Field(min_length=1)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Annotated[tuple[_Entry, ...], Field(min_length=1)]


def load_read_keys(path: Path) -> ReadKeys:
    """Return the keys in the file at *path*; those without the scope `read` are known and refused.

    Raises:
        SettingsError: It cannot be read, or an entry is wrong; the message says which and how.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        entries = _Document.model_validate(content).keys
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        msg = f"TRACKER_KEYS_FILE={path}: {error}"
        raise SettingsError(msg) from None
    except ValidationError as error:
        flaws = "\n".join(
            f"{'.'.join(str(step) for step in flaw['loc'])}: {flaw['msg']}"
            for flaw in error.errors(include_input=False, include_url=False)
        )
        msg = f"TRACKER_KEYS_FILE={path}:\n{flaws}"
        raise SettingsError(msg) from None
    return ReadKeys(
        ReadKey(
            one.sha256,
            Reader(one.name, None if one.source == "*" else one.source),
            READ in one.scopes,
        )
        for one in entries
    )

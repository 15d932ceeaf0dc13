"""The file of API keys, which intake reads too: here only who may read, and of which source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from services.tracker.core.keys import READ, Reader, ReadKey, ReadKeys
from shared.runtime.clock import monotonic
from shared.runtime.settings import SettingsError

log = structlog.get_logger()

_LOOK_EVERY_S: Final = 1.0


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    source: Annotated[str, Field(min_length=1, max_length=256)]
    scopes: Annotated[frozenset[str], Field(min_length=1)]
    roles: Annotated[frozenset[str], Field(min_length=1)] | None = None
    created: AwareDatetime | None = None
    expires: AwareDatetime | None = None


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[_Entry, ...]


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
            one.expires,
        )
        for one in entries
    )


class KeysFile:
    """The keys in a file, as they change; a change holds after a second at the latest."""

    def __init__(self, path: Path) -> None:
        """Read the file at *path*.

        Raises:
            SettingsError: It cannot be read, or an entry is wrong.
        """
        self._path = path
        self._keys = load_read_keys(path)
        self._changed_ns = self._stamp()
        self._looked_at = monotonic()

    def current(self) -> ReadKeys:
        """Return the keys that hold; those of before, while the file means nothing."""
        if monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = monotonic()
            self._look()
        return self._keys

    def _look(self) -> None:
        changed_ns = self._stamp()
        if changed_ns == self._changed_ns:
            return
        self._changed_ns = changed_ns
        try:
            self._keys = load_read_keys(self._path)
        except SettingsError as error:
            log.error("the old keys hold on", error=str(error))  # noqa: TRY400  no trace says more

    def _stamp(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

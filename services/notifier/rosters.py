"""The roster in force, read anew when its file changes, without a restart."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from services.notifier import metrics
from services.notifier.core.roster import Roster
from shared.runtime.run import stopped_within
from shared.runtime.settings import SettingsError

log = structlog.get_logger()

EVERY_S: Final = 2.0
"""How often the file is looked at, in real seconds."""


@dataclass(slots=True)
class Rosters:
    """Holds the roster that is in force.

    Attributes:
        current: The roster to plan and send by.
        file: Where it was read from; None for one that never changes.
        load: Reads it again; raises SettingsError when it cannot be used.
        refused: Why the file as it stands now is not in force; None when it is.
    """

    current: Roster
    file: Path | None = None
    load: Callable[[], Roster] | None = None
    refused: str | None = None
    _seen: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, file: Path, load: Callable[[], Roster]) -> "Rosters":
        """Return the roster of *file* as it stands now.

        Raises:
            SettingsError: It cannot be used.
        """
        seen = _content(file)
        made = cls(load(), file, load)
        made._seen = seen
        metrics.ROSTER_VERSION.set(made.current.version)
        metrics.ROSTER_REFUSED.set(0)
        return made

    def look(self) -> bool:
        """Read the file again if it has changed, and say whether another roster is in force.

        One that cannot be used leaves the old one in force, and says so: in the log, as a metric,
        and under ``/health/ready``.
        """
        if self.file is None or self.load is None:
            return False
        content = _content(self.file)
        if content == self._seen:
            return False
        self._seen = content
        try:
            loaded = self.load()
        except SettingsError as error:
            self.refused = str(error)
            metrics.ROSTER_REFUSED.set(1)
            log.error(  # noqa: TRY400  the sentence says it all
                "the changed roster cannot be used, the old one stays in force",
                version=self.current.version,
                why=self.refused,
            )
            return False
        self.current, self.refused = loaded, None
        metrics.ROSTER_VERSION.set(loaded.version)
        metrics.ROSTER_REFUSED.set(0)
        log.info("another roster is in force", roster=loaded.name, version=loaded.version)
        return True

    def notes(self) -> dict[str, str]:
        """Return what whoever asks after the service's health should know of the roster."""
        return (
            {} if self.refused is None else {"roster": f"the old one is in force. {self.refused}"}
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the file every two seconds until *stop*."""
        while not await stopped_within(stop, EVERY_S):
            await asyncio.to_thread(self.look)


def _content(file: Path) -> bytes | None:
    """Return what *file* holds; None when it cannot be read, which `load` then says in words."""
    try:
        return file.read_bytes()
    except OSError:
        return None

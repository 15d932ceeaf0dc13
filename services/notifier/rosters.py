"""The roster in force, read anew when its file changes, without a restart."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import structlog

from services.notifier import metrics
from services.notifier.core.roster import Roster
from services.notifier.known_calendars import KnownCalendars
from services.notifier.roster_file import is_address
from shared.runtime.clock import real_now
from shared.runtime.run import stopped_within
from shared.runtime.settings import SettingsError

log = structlog.get_logger()

EVERY_S: Final = 2.0
"""How often the file is looked at, in real seconds."""

Load = Callable[[Mapping[str, str]], Roster]
"""Reads the roster with the calendars that were fetched; SettingsError when it cannot be used."""


@dataclass(slots=True)
class Rosters:
    """Holds the roster that is in force.

    Attributes:
        current: The roster to plan and send by.
        file: Where it was read from.
        load: Reads it again.
        calendars: Those that it names by an address, or by a reference to one.
        refused: Why the file as it stands now is not in force; None when it is.
    """

    current: Roster
    file: Path
    load: Load
    calendars: KnownCalendars
    refused: str | None = None
    _seen: object = field(default=None, repr=False)

    @classmethod
    def of(cls, file: Path, load: Load, calendars: KnownCalendars) -> Self:
        """Return the roster of *file* as it stands now, calendars at addresses not yet fetched.

        Raises:
            SettingsError: It cannot be used.
        """
        made = cls(load({}), file, load, calendars)
        made._seen = made._content()
        metrics.ROSTER_VERSION.set(made.current.version)
        metrics.ROSTER_REFUSED.set(0)
        return made

    def look(self) -> bool:
        """Read the file again if anything has changed, and say whether another roster is in force.

        One that cannot be used leaves the old one in force, and says so: in the log, as a metric,
        and under ``/health/ready``. A new day counts as a change: calendars repeat on.
        """
        content = self._content()
        if content == self._seen:
            return False
        self._seen = content
        try:
            loaded = self.load(self.calendars.texts)
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
        self._seen = self._content()
        metrics.ROSTER_VERSION.set(loaded.version)
        metrics.ROSTER_REFUSED.set(0)
        log.info("another roster is in force", roster=loaded.name, version=loaded.version)
        return True

    async def refresh(self) -> None:
        """Look at the file, and fetch the calendars that live at an address, if that is due.

        A calendar is kept for the next start only while the roster is in force with it.
        """
        await self.calendars.recall()
        await asyncio.to_thread(self.look)
        if await self.calendars.renew(self._addresses()):
            await asyncio.to_thread(self.look)
        if self.refused is None:
            await self.calendars.keep_only(self._addresses())

    def notes(self) -> dict[str, str]:
        """Return what whoever asks after the service's health should know of the roster."""
        found = {}
        if self.refused is not None:
            found["roster"] = f"the old one is in force. {self.refused}"
        if (note := self.calendars.note()) is not None:
            found["calendars"] = note
        return found

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the file every two seconds until *stop*."""
        while not await stopped_within(stop, EVERY_S):
            await self.refresh()

    def _addresses(self) -> set[str]:
        return {one for one in self.current.calendars if is_address(one)}

    def _content(self) -> object:
        """Return all that the roster in force follows from; what cannot be read is None."""
        files = [self.file]
        files += [self.file.parent / one for one in self.current.calendars if not is_address(one)]
        texts = self.calendars.texts
        known = {one: texts.get(one) for one in self._addresses()}
        return [_read(file) for file in files], known, real_now().date()


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None

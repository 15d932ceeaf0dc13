"""The roster in force, read anew when its file changes, without a restart."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import structlog

from services.notifier import metrics
from services.notifier.core.roster import Roster
from services.notifier.roster_file import is_address
from shared.runtime.clock import real_now
from shared.runtime.run import stopped_within
from shared.runtime.secret import is_reference
from shared.runtime.settings import SettingsError

log = structlog.get_logger()

EVERY_S: Final = 2.0
"""How often the file is looked at, in real seconds."""

FETCH_EVERY: Final = timedelta(minutes=15)
"""How often calendars are fetched that live at an address, in real time."""

Fetch = Callable[[Iterable[str]], Awaitable[tuple[dict[str, str], dict[str, str]]]]
"""Fetches calendars; their texts by what the roster calls them, and why there is none."""

Load = Callable[[Mapping[str, str]], Roster]
"""Reads the roster with the calendars that were fetched; SettingsError when it cannot be used."""


@dataclass(slots=True)
class Rosters:
    """Holds the roster that is in force.

    Attributes:
        current: The roster to plan and send by.
        file: Where it was read from.
        load: Reads it again.
        fetch: Fetches the calendars that it names by an address, or by a reference to one.
        refused: Why the file as it stands now is not in force; None when it is.
        unfetched: Why a calendar could not be fetched, by its address; its last text counts.
    """

    current: Roster
    file: Path
    load: Load
    fetch: Fetch
    refused: str | None = None
    unfetched: Mapping[str, str] = field(default_factory=dict)
    _fetched: dict[str, str] = field(default_factory=dict, repr=False)
    _fetched_at: datetime | None = None
    _seen: object = field(default=None, repr=False)

    @classmethod
    def of(cls, file: Path, load: Load, fetch: Fetch) -> Self:
        """Return the roster of *file* as it stands now, calendars at addresses not yet fetched.

        Raises:
            SettingsError: It cannot be used.
        """
        made = cls(load({}), file, load, fetch)
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
            loaded = self.load(self._fetched)
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
        """Fetch the calendars that live at an address, if that is due, and look at the file."""
        await asyncio.to_thread(self.look)
        addresses = {one for one in self.current.calendars if is_address(one)}
        due = self._fetched_at is None or real_now() >= self._fetched_at + FETCH_EVERY
        if not addresses or not (due or addresses - self._fetched.keys() - self.unfetched.keys()):
            return
        self._fetched_at = real_now()
        texts, self.unfetched = await self.fetch(addresses)
        self._fetched |= texts
        for address, why in self.unfetched.items():
            log.warning("a calendar was not fetched", address=_host(address), why=why)
        await asyncio.to_thread(self.look)

    def notes(self) -> dict[str, str]:
        """Return what whoever asks after the service's health should know of the roster."""
        found = {}
        if self.refused is not None:
            found["roster"] = f"the old one is in force. {self.refused}"
        if self.unfetched:
            hosts = (f"{_host(address)}: {why}" for address, why in self.unfetched.items())
            found["calendars"] = f"not fetched, the last text counts: {'; '.join(sorted(hosts))}"
        return found

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the file every two seconds until *stop*."""
        while not await stopped_within(stop, EVERY_S):
            await self.refresh()

    def _content(self) -> object:
        """Return all that the roster in force follows from; what cannot be read is None."""
        files = [self.file]
        files += [self.file.parent / one for one in self.current.calendars if not is_address(one)]
        return [_read(file) for file in files], dict(self._fetched), real_now().date()


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _host(address: str) -> str:
    """Return the host of *address*; the rest may be as good as a password. References are shown."""
    return address if is_reference(address) else urlsplit(address).hostname or "?"

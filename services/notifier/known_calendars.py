"""What is known of calendars that live at an address: fetched now and then, kept over a restart."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urlsplit

import structlog

from shared.contract.errors import TransientError
from shared.runtime.clock import real_now
from shared.runtime.secret import is_reference

log = structlog.get_logger()

FETCH_EVERY: Final = timedelta(minutes=15)
"""How often calendars are fetched that live at an address, in real time."""

Fetch = Callable[[Iterable[str]], Awaitable[tuple[dict[str, str], dict[str, str]]]]
"""Fetches calendars; their texts by what the roster calls them, and why there is none."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The text of a calendar, and when it was fetched, in real time."""

    text: str
    at: datetime


class KeptCalendars(Protocol):
    """Where calendars are kept over a restart, by what the roster calls them."""

    async def load(self) -> dict[str, Fetched]:
        """Return what is kept; TransientError while it cannot be read."""
        ...

    async def save(self, calendars: Mapping[str, Fetched]) -> None:
        """Keep *calendars* as they are, and no others; TransientError while that is not possible."""
        ...


@dataclass(slots=True)
class KnownCalendars:
    """The last text of each calendar, here and where it is kept for the next start.

    Attributes:
        fetch: Fetches calendars.
        kept: Keeps them; without it a start knows none until they are fetched.
        unfetched: Why one could not be fetched, by its address; its last text counts.
    """

    fetch: Fetch
    kept: KeptCalendars | None = None
    unfetched: Mapping[str, str] = field(default_factory=dict)
    _known: dict[str, Fetched] = field(default_factory=dict, repr=False)
    _fetched_at: datetime | None = None
    _kept: dict[str, Fetched] | None = field(default=None, repr=False)

    @property
    def texts(self) -> dict[str, str]:
        """The last text of each, by its address."""
        return {address: one.text for address, one in self._known.items()}

    async def recall(self) -> None:
        """Take, once, what an earlier process has kept; what was fetched here is newer."""
        if self.kept is None or self._kept is not None:
            return
        try:
            self._kept = await self.kept.load()
        except TransientError as error:
            log.warning("kept calendars cannot be read yet", why=error.reason)
            return
        self._known = self._kept | self._known

    async def renew(self, addresses: AbstractSet[str]) -> bool:
        """Fetch the calendars at *addresses*, if that is due or one is new, and say whether it was."""
        due = self._fetched_at is None or real_now() >= self._fetched_at + FETCH_EVERY
        if not addresses or not (due or addresses - self._known.keys() - self.unfetched.keys()):
            return False
        self._fetched_at = moment = real_now()
        texts, self.unfetched = await self.fetch(addresses)
        self._known |= {address: Fetched(text, moment) for address, text in texts.items()}
        for address, why in self.unfetched.items():
            log.warning(
                "a calendar was not fetched",
                address=_host(address),
                why=why,
                instead=self._instead(address),
            )
        return True

    async def keep_only(self, addresses: AbstractSet[str]) -> None:
        """Let go of all but *addresses*, here and where they are kept, and keep these as they are.

        What cannot be kept now is kept the next time.
        """
        self._known = {one: known for one, known in self._known.items() if one in addresses}
        self.unfetched = {one: why for one, why in self.unfetched.items() if one in addresses}
        if self.kept is None or self._kept is None or self._kept == self._known:
            return
        try:
            await self.kept.save(self._known)
        except TransientError as error:
            log.warning("calendars cannot be kept yet", why=error.reason)
            return
        self._kept = dict(self._known)

    def note(self) -> str | None:
        """Return which calendars could not be fetched, why, and how old what counts is instead."""
        if not self.unfetched:
            return None
        each = (
            f"{_host(address)}: {why}, {self._instead(address)}"
            for address, why in self.unfetched.items()
        )
        return f"not fetched: {'; '.join(sorted(each))}"

    def _instead(self, address: str) -> str:
        last = self._known.get(address)
        if last is None:
            return "and nothing is known of it"
        return f"its text of {last.at:%Y-%m-%d %H:%M} UTC counts"


def _host(address: str) -> str:
    """Return the host of *address*; the rest may be as good as a password. References are shown."""
    return address if is_reference(address) else urlsplit(address).hostname or "?"

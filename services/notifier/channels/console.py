"""The console: one line per notice on standard output, for a first look and for dry runs."""

import sys
from typing import Final, TextIO

from typing_extensions import override

from services.notifier.channels.base import Notice
from services.notifier.core.retry import Accepted, Outcome


class Console:
    """Prints each notice as a line."""

    shows_lines: Final = False

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    async def send(self, notice: Notice) -> Outcome:
        """Print *notice*; whoever reads the terminal has it then."""
        who = notice.contact.name if notice.contact is not None else notice.role
        repeat = " (may be a repeat)" if notice.remarks.repeat else ""
        line = f"{notice.mode} to {who} ({notice.role}): {notice.message.subject}{repeat}\n"
        self._out.write(line)
        self._out.flush()
        return Accepted(confirmed=True)

    async def close(self) -> None:
        """Nothing is held open."""


class DryRun(Console):
    """Prints what would go out, whatever the channel, and says so in the ledger."""

    @override
    async def send(self, notice: Notice) -> Outcome:
        """Print *notice*; nobody has got it."""
        await super().send(notice)
        return Accepted(provider_ref="dry run")

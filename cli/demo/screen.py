"""The demo while it runs: a live table at a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.demo.figures import Figures
from shared.runtime.clock import monotonic

_LINE_EVERY_S: Final = 10.0
_MAILS_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Moment:
    """What is shown at one moment.

    Attributes:
        now: The installation's clock.
        posted: Events posted so far.
        events: Events of the whole run.
        mails: Messages that have come to people.
        acknowledgements: Messages that people have answered.
        figures: What the services say.
    """

    now: datetime
    posted: int
    events: int
    mails: int
    acknowledgements: int
    figures: Figures


class Screen:
    """Shows moments on standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._mails: deque[str] = deque(maxlen=_MAILS_SHOWN)
        self._line_at = monotonic()

    def mail(self, mail: EmailMessage) -> None:
        """Note that somebody was told."""
        name, address = parseaddr(str(mail["To"]))
        self._mails.append(f"{name or address}: {mail['Subject']}")

    def show(self, moment: Moment) -> None:
        """Show *moment*; without a terminal only every ten seconds."""
        if self._live is not None:
            self._live.update(self._table(moment))
        elif monotonic() >= self._line_at:
            self._line_at = monotonic() + _LINE_EVERY_S
            self._console.print(_line(moment), markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _table(self, moment: Moment) -> Group:
        figures = moment.figures
        table = Table(show_header=False, box=None, padding=(0, 2))
        table.add_column(style="bold")
        table.add_row("clock", f"{moment.now:%A %d %B %Y, %H:%M} UTC")
        table.add_row("events posted", ProgressBar(moment.events, moment.posted, width=40))
        table.add_row("", f"{moment.posted:,} of {moment.events:,}")
        table.add_row("open tickets", f"{_tiers(figures)}   of {figures.total:,} in all")
        table.add_row("escalations raised", f"{figures.raised:,}   {_triggers(figures)}")
        table.add_row("notices", _notices(figures))
        table.add_row(
            "mail", f"{moment.mails:,} delivered, {moment.acknowledgements:,} acknowledgements"
        )
        table.add_row("decisions", f"{figures.decisions:,}, {figures.late:,} more than 1 s late")
        table.add_row("lag", "starting" if figures.lag_ms is None else f"{figures.lag_ms:,} ms")
        told = Text("\n".join(self._mails), style="dim", no_wrap=True, overflow="ellipsis")
        return Group(table, Text("\n  last told", style="bold"), told)


def _line(moment: Moment) -> str:
    figures = moment.figures
    return (
        f"{moment.now:%a %d %b %Y %H:%M} UTC: {moment.posted}/{moment.events} events posted,"
        f" open {_tiers(figures)}, {figures.raised} escalations raised,"
        f" notices {_notices(figures)},"
        f" {moment.mails} mails, {moment.acknowledgements} acknowledgements,"
        f" {figures.late} of {figures.decisions} decisions late,"
        f" lag {'-' if figures.lag_ms is None else figures.lag_ms} ms"
    )


def _tiers(figures: Figures) -> str:
    return ", ".join(f"tier {tier}: {count}" for tier, count in sorted(figures.tiers.items()))


def _triggers(figures: Figures) -> str:
    first = sorted(figures.triggers.items(), key=lambda one: (-one[1], one[0]))[:6]
    return "  ".join(f"{trigger} {count}" for trigger, count in first)


def _notices(figures: Figures) -> str:
    return ", ".join(f"{count} {state}" for state, count in figures.notices.items() if count) or "0"

"""What a long command is doing: one line for each step, with a moving sign at a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from shared.runtime.clock import monotonic


class Steps:
    """Says each step on standard error, and how long the one before took."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._step: str | None = None
        self._since = monotonic()

    def tell(self, step: str) -> None:
        """Begin *step*; the one before is done."""
        self._done()
        self._step, self._since = step, monotonic()
        if self._status is not None:
            self._status.update(step)
        else:
            self._console.print(f"{step} …", markup=False)

    def _done(self) -> None:
        if self._step is not None and self._status is not None:
            took = f"{monotonic() - self._since:.1f} s"
            self._console.print(f"[green]✓[/green] {self._step} [dim]{took}[/dim]")
        self._step = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._done()
        if self._status is not None:
            self._status.stop()
            self._status = None

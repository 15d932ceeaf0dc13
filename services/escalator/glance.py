"""A look at cases that locks nothing and keeps nothing: for questions, not for decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from services.escalator.core.decide import Case, Heard
from services.escalator.core.engine import NotAtHandError
from services.escalator.store import read_case
from services.escalator.store_events import histories
from shared.runtime.database import Connection

Answer = TypeVar("Answer")


class Glance:
    """The engine's view of the database (`core.engine.Cases`), as far as it was looked at."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._cases: dict[str, Case | None] = {}
        self._histories: dict[str, list[Heard]] = {}

    def case(self, key: str) -> Case | None:
        """Return the case *key* as it is stored."""
        if key not in self._cases:
            raise NotAtHandError([key], "case")
        return self._cases[key]

    def history(self, key: str) -> list[Heard]:
        """Return what the case *key* has heard."""
        if key not in self._histories:
            raise NotAtHandError([key], "history")
        return self._histories[key]

    async def ask(self, question: Callable[[], Answer]) -> Answer:
        """Return the answer to *question*, which asks the engine of this, with all that it needs."""
        while True:
            try:
                # A long history takes a while to go through again; deciding must not wait for it.
                return await asyncio.to_thread(question)
            except NotAtHandError as error:
                if error.part == "history":
                    self._histories |= await histories(self._conn, error.keys)
                else:
                    for key in error.keys:
                        self._cases[key] = await read_case(self._conn, key)

"""What one transaction works on: the cases it has locked, and what it has made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from uuid import UUID

from services.escalator import metrics
from services.escalator.core.decide import Case, Decision, Heard
from services.escalator.core.engine import NotAtHandError, Outcome
from services.escalator.memory import Memory
from services.escalator.store import ContendedError, Row, Turn, lock_rows, save, try_lock
from services.escalator.store_events import announce, append, histories
from services.escalator.tables import ANYWHERE
from shared.contract.errors import PermanentError, Reason
from shared.policy.document import PolicyTimeline
from shared.runtime.database import Connection


class UndecidableError(PermanentError):
    """The engine failed on an input: an error of ours, which the same input will meet again."""

    reason = Reason.HANDLER_CRASHED


class Desk:
    """The engine's view of the database (`core.engine.Cases`), and all that is to be written."""

    def __init__(self, conn: Connection, memory: Memory) -> None:
        self._conn = conn
        self._memory = memory
        self._rows: dict[str, Row | None] = {}
        self._cases: dict[str, Case] = {}
        self._histories: dict[str, list[Heard]] = {}
        self._partitions: dict[str, int] = {}
        self._reached: set[str] = set()
        self._heard: list[tuple[str, Heard]] = []
        self._decisions: list[Decision] = []

    def case(self, key: str) -> Case | None:
        """Return the case *key* as it stands by now."""
        if key in self._cases:
            return self._cases[key]
        if key not in self._rows:
            raise NotAtHandError([key], "case")
        row = self._rows[key]
        return None if row is None else row.case

    def history(self, key: str) -> list[Heard]:
        """Return what the case *key* has heard by now."""
        if key not in self._histories:
            raise NotAtHandError([key], "history")
        return self._histories[key]

    async def take(self, keys: Iterable[str]) -> None:
        """Lock the cases *keys*, in the one order that everybody keeps to."""
        wanted = set(keys) - self._rows.keys()
        rows = await lock_rows(self._conn, {key: self._memory.of(key) for key in wanted})
        self._rows |= dict.fromkeys(wanted)
        self._rows |= {row.key: row for row in rows}

    async def do(
        self,
        step: Callable[[], Outcome],
        *,
        partition: int,
        mark: Callable[[Decision], None] | None = None,
    ) -> Outcome:
        """Let the engine take a *step*, with whatever it needs; keep and return what comes of it.

        Args:
            step: Asks the engine, of this desk; it may be called several times.
            partition: Where the input comes from.
            mark: What else to put into each decision.

        Raises:
            ContendedError: Somebody has a case locked that is needed.
            UndecidableError: The engine failed; nothing was kept.
        """
        outcome = await self._outcome(step)
        if mark is not None:
            for decision in outcome.decisions:
                mark(decision)
        for key, case in outcome.cases.items():
            self._cases[key] = case
            self._partitions[key] = self._partition(key, partition)
        for key, heard in outcome.heard:
            self._heard.append((key, heard))
            if key in self._histories:
                self._histories[key].append(heard)
        self._decisions += outcome.decisions
        return outcome

    async def save(self, policies: PolicyTimeline, turn: Turn) -> dict[str, tuple[UUID, Case]]:
        """Write everything; return what `Memory` may keep once it is committed.

        Raises:
            StartOverError: Somebody has made one of our new cases meanwhile.
        """
        cases = {key: (case, self._partitions[key]) for key, case in self._cases.items()}
        existing = {key for key, row in self._rows.items() if row is not None}
        tokens = await save(self._conn, cases, existing=existing, policies=policies, turn=turn)
        await append(self._conn, self._heard)
        await announce(self._conn, self._decisions)
        return {key: (tokens[key], case) for key, case in self._cases.items()}

    def count(self) -> None:
        """Say what was decided; to be called once it is committed."""
        for kind, n in Counter(one.type for one in self._decisions).items():
            metrics.DECISIONS.labels(kind).inc(n)

    async def _outcome(self, step: Callable[[], Outcome]) -> Outcome:
        while True:
            try:
                return step()
            except NotAtHandError as error:
                await self._fetch(error)
            except Exception as error:
                raise UndecidableError(repr(error)) from error

    async def _fetch(self, error: NotAtHandError) -> None:
        if error.part == "history":
            self._histories |= await histories(self._conn, error.keys)
            for key, heard in self._heard:
                if key in error.keys:
                    self._histories[key].append(heard)
            return
        self._reached |= set(error.keys)
        try:
            self._rows |= await try_lock(self._conn, error.keys)
        except ContendedError:
            # Who comes back has all that was reached so far locked in order from the beginning.
            raise ContendedError(frozenset(self._reached)) from None

    def _partition(self, key: str, partition: int) -> int:
        """Return where the events of *key* come from, now that it was reached from *partition*."""
        if key in self._partitions:
            known = self._partitions[key]
        else:
            row = self._rows.get(key)
            known = partition if row is None else row.partition
        return known if known == partition else ANYWHERE

"""Takes batches of the three topics into the read model, each once, with the position."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog
from pydantic_core import from_json

from services.tracker import metrics
from services.tracker.core.counts import Counts, What, count
from services.tracker.core.erasing import forget
from services.tracker.core.message import Kind, Message, read
from services.tracker.core.notices import Notice, further, noticed
from services.tracker.core.projection import TicketRow, project
from services.tracker.store import (
    RowTakenError,
    add_up,
    count_repeats,
    hold,
    is_ours,
    load_rows,
    park,
    remember,
    save_rows,
)
from services.tracker.store_erasing import erasures_of
from services.tracker.store_notices import load_notices, save_notices
from shared.contract.erasure import ERASED, Erasures
from shared.contract.errors import InvalidEventError, Reason, TransientError
from shared.runtime import progress
from shared.runtime.database import Connection, Database
from shared.runtime.failpoints import failpoint
from shared.runtime.kafka import Batch, Incoming, StaleDataError
from shared.runtime.telemetry import DEAD_LETTERS

log = structlog.get_logger()

# How a repeat may differ from what was said first: intake stamps every receipt.
_STAMPED: Final = frozenset({"receivedat", "traceparent"})

Dead = tuple[Incoming, str, str]
"""A record that could not be taken, the reason, and the error in words."""

Known = Callable[[Connection, Sequence[Message]], Awaitable[Sequence[datetime | None]]]
"""Gives when each message came into the read model; None for one that comes only now."""


@dataclass(frozen=True, slots=True)
class Worker:
    """The projection, wired to the database.

    Attributes:
        database: Where the read model is.
        kinds: What each topic, by its full name, carries.
        late_after_s: A decision made more virtual seconds after its effective time is late.
        known: Asked of all messages where they are not heard for the first time; None where they are.
    """

    database: Database
    kinds: Mapping[str, Kind]
    late_after_s: float
    known: Known | None = None

    async def handle(self, batch: Batch) -> None:
        """Take *batch* in once, as `handle_together` does."""
        await self.handle_together((batch,))

    async def handle_together(self, batches: Sequence[Batch]) -> None:
        """Take *batches*, each of another topic, in once: all that they do in one transaction.

        That is timeline, rows, sums and positions; a row is written once for all that is said of
        its ticket. A record that is no message is parked as it came; one whose effect cannot be
        stored is found by taking the records in one by one, and parked too. No record stops its
        partition.
        """
        try:
            await self._take(batches)
        except (TransientError, StaleDataError):
            raise
        except Exception as error:
            if is_ours(error):
                raise
            log.exception("taken one by one", topics=[batch.topic for batch in batches])
            for batch in batches:
                for alone in batch.one_by_one():
                    await self._take_alone(alone)

    async def _take_alone(self, batch: Batch) -> None:
        try:
            await self._take((batch,))
        except (TransientError, StaleDataError):
            raise
        except Exception as error:
            if is_ours(error):
                raise
            dead = [(batch.records[0], str(Reason.HANDLER_CRASHED), repr(error))]
            async with self.database.transaction() as conn:
                await hold(conn)
                positions = await progress.lock(conn, batch.topic, batch.next_offsets)
                if batch.beyond(positions).records:
                    await park(conn, batch.topic, dead)
                    await progress.advance(conn, batch.topic, batch.next_offsets)
            _said_dead(batch, dead)

    async def _take(self, batches: Sequence[Batch]) -> None:
        """Take *batches* in; where another topic was first with a new ticket, at once again.

        An event and the decision about it come at nearly the same time, so this is no exception.
        """
        while True:
            try:
                await self._attempt(batches)
            except RowTakenError:
                metrics.STARTED_OVER.inc()
            else:
                return

    async def _attempt(self, batches: Sequence[Batch]) -> None:
        async with self.database.transaction() as conn:
            await hold(conn)
            heard = [one for batch in batches if (one := await self._hear(conn, batch)) is not None]
            if not heard:
                return
            fresh = [message for one in heard for message in one.fresh]
            counts = count(fresh, late_after_s=self.late_after_s)
            if repeats := sum(one.repeats for one in heard):
                counts[What.REPEATS, "all"] += repeats
            counts.update(await _take_notices(conn, fresh))
            counts.update(await self._project(conn, fresh))
            # Any partition whose progress we hold would do.
            await add_up(conn, heard[0].batch.topic, min(heard[0].batch.next_offsets), counts)
            failpoint("tracker.before_commit")
        failpoint("tracker.after_commit")
        for one in heard:
            metrics.PROJECTED.labels(one.batch.topic).inc(len(one.fresh))
            _said_dead(one.batch, one.dead)

    async def _hear(self, conn: Connection, batch: Batch) -> _Heard | None:
        """Put what is new in *batch* into the timeline, and move its positions; None where nothing is."""
        positions = await progress.lock(conn, batch.topic, batch.next_offsets)
        left = batch.beyond(positions)
        if not left.records:
            return None
        messages, dead = _read(self.kinds[batch.topic], left.records)
        erasures = await erasures_of(conn, {one.ticket for one in messages})
        messages = [forget(one, erasures) for one in messages]
        fresh, repeats = await self._remember(conn, left, messages, erasures)
        if dead:
            await park(conn, batch.topic, [_emptied(one, erasures) for one in dead])
        await progress.advance(conn, batch.topic, left.next_offsets)
        return _Heard(left, fresh, repeats, dead)

    async def _remember(
        self, conn: Connection, batch: Batch, messages: Sequence[Message], erasures: Erasures
    ) -> tuple[list[Message], int]:
        """Put *messages* into the timeline; return those that are new, and how many were not."""
        if not messages:
            return [], 0
        first: dict[bytes, Message] = {}
        again = [one for one in messages if first.setdefault(one.identity, one) is not one]
        said = list(first.values())
        new = await remember(conn, said, () if self.known is None else await self.known(conn, said))
        again += [one for one in said if one.identity not in new]
        if again:
            told = await count_repeats(conn, Counter(one.identity for one in again))
            # Said again after an erasure it is whole, but what it was first said with is not.
            _compare(batch, [forget(one, erasures.for_good()) for one in again], told)
        return [one for one in said if one.identity in new], len(again)

    async def _project(self, conn: Connection, fresh: Sequence[Message]) -> Counts:
        """Project *fresh* into the rows of their tickets; return how many stand otherwise now."""
        by_ticket: dict[str, list[Message]] = defaultdict(list)
        for message in fresh:
            if message.kind is not Kind.DELIVERY:
                by_ticket[message.ticket].append(message)
        if not by_ticket:
            return Counter()
        known = await load_rows(conn, by_ticket)
        rows = []
        for key, messages in by_ticket.items():
            row = known[key].row if key in known else TicketRow(key)
            for message in messages:
                row = project(row, message, late_after_s=self.late_after_s)
            rows.append(row)
        return await save_rows(conn, rows, loaded=known)


class _Heard(NamedTuple):
    """What of a batch had not been applied: its records, messages, and what could not be taken."""

    batch: Batch
    fresh: list[Message]
    repeats: int
    dead: list[Dead]


def _read(kind: Kind, records: Sequence[Incoming]) -> tuple[list[Message], list[Dead]]:
    messages: list[Message] = []
    dead: list[Dead] = []
    for record in records:
        try:
            place = (record.partition, record.offset)
            messages.append(read(kind, record.value, record.headers, place=place))
        except InvalidEventError as error:
            dead.append((record, str(error.reason), str(error)))
    return messages, dead


def _emptied(dead: Dead, erasures: Erasures) -> Dead:
    """Return *dead* without its bytes, where they name somebody who is erased."""
    record, reason, _ = dead
    if not erasures or not erasures.mentioned_in((record.value or b"").decode(errors="replace")):
        return dead
    return record._replace(value=None, headers=()), reason, ERASED


async def _take_notices(conn: Connection, fresh: Sequence[Message]) -> Counts:
    """Move the notices that *fresh* speak of on; return how many came into and left each state."""
    heard = [notice for notice in map(noticed, fresh) if notice is not None]
    counts: Counts = Counter()
    if not heard:
        return counts
    known = await load_notices(conn, {notice.id for notice in heard})
    now: dict[UUID, Notice] = dict(known)
    for notice in heard:
        now[notice.id] = further(now.get(notice.id), notice)
    changed = [one for key, one in now.items() if one is not known.get(key)]
    for one in changed:
        before = known[one.id].state if one.id in known else None
        counts[What.NOTICES, one.state] += 1
        if before is not None:
            counts[What.NOTICES, before] -= 1
        if one.suppressed is not None and before != one.state:
            counts[What.SUPPRESSED, one.suppressed] += 1
    if changed:
        await save_notices(conn, changed)
    return counts


def _compare(batch: Batch, again: Iterable[Message], told: Mapping[bytes, str]) -> None:
    """Count repeats, and those that say something else than the first time."""
    for message in again:
        metrics.REPEATS.labels(batch.topic).inc()
        if _content(message.text) != _content(told[message.identity]):
            metrics.CONFLICTS.labels(batch.topic).inc()
            log.error(
                "said again with another content",
                topic=batch.topic,
                ticket=message.ticket,
                type=message.type,
                id=message.id,
            )


def _content(text: str) -> dict[str, Any]:
    plain: dict[str, Any] = from_json(text)
    return {name: part for name, part in plain.items() if name not in _STAMPED}


def _said_dead(batch: Batch, dead: Sequence[Dead]) -> None:
    for record, reason, error in dead:
        DEAD_LETTERS.labels(batch.topic, reason).inc()
        log.warning(
            "record parked",
            topic=batch.topic,
            partition=record.partition,
            offset=record.offset,
            why=reason,
            error=error,
        )

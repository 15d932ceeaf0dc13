"""Takes batches of events into their cases: hear, decide, remember, announce, all in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from heapq import merge
from itertools import accumulate, groupby
from typing import Final, NamedTuple

import structlog

from services.escalator import metrics
from services.escalator.content import content_of
from services.escalator.core import engine
from services.escalator.core.decide import Heard, hear_of
from services.escalator.core.engine import Outcome
from services.escalator.desk import Desk
from services.escalator.memory import Memory
from services.escalator.policies import Policies
from services.escalator.store import (
    ContendedError,
    PolicyChangedError,
    StartOverError,
    Turn,
    begin_turn,
    share_policies,
)
from services.escalator.store_events import Dead, Identity, Seen, digests, park, remember
from shared.contract.errors import InvalidEventError, Reason, TransientError
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant, Seconds, instant
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.responsibility import WITHOUT_RIGHT, OutsideRole, act_outside_role
from shared.runtime import progress
from shared.runtime.database import Connection, Database
from shared.runtime.failpoints import failpoint
from shared.runtime.kafka import Batch, Incoming, StaleDataError
from shared.runtime.telemetry import DEAD_LETTERS

log = structlog.get_logger()

# Deciding is computing: every so many events the other tasks have their turn.
_EVENTS_AT_A_STRETCH: Final = 25


Place = tuple[int, int]
"""A partition and an offset in it."""


class Report(NamedTuple):
    """An event as it was delivered.

    `partition` and `offset` are its place in the topic, `received` when it reached Tierline, `ticket` its
    ticket's key, and `content` is it as JSON.
    """

    partition: int
    offset: int
    event: TicketEvent
    identity: Identity
    received: Instant
    ticket: str
    content: str

    @property
    def place(self) -> Place:
        """Which record of the topic it is."""
        return (self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class Worker:
    """The engine, wired to the events.

    Attributes:
        database: The escalator's own.
        policies: What is decided by.
        memory: Cases that need not be read again.
        allowance: A delay, virtual, up to which an event is not late.
        wake: Set whenever decisions wait to be published.
    """

    database: Database
    policies: Policies
    memory: Memory
    allowance: timedelta
    wake: asyncio.Event

    async def handle(self, batch: Batch) -> None:
        """Take *batch* in once: cases, histories, decisions and position in one transaction.

        A record that is no event is parked as it came; one that the engine cannot take is found by
        taking the batch in one by one, and parked too. No record stops its partition.
        """
        try:
            await self._take(batch)
        except (TransientError, StaleDataError):
            raise
        except Exception:
            log.exception("batch taken one by one", topic=batch.topic)
            for alone in batch.one_by_one():
                await self._take_alone(alone)

    async def _take_alone(self, batch: Batch) -> None:
        try:
            await self._take(batch)
        except (TransientError, StaleDataError):
            raise
        except Exception as error:  # noqa: BLE001  what fails twice, alone, is parked
            dead = [Dead(batch.records[0], str(Reason.HANDLER_CRASHED), repr(error))]
            async with self.database.transaction() as conn:
                positions = await progress.lock(conn, batch.topic, batch.next_offsets)
                if batch.beyond(positions).records:
                    await park(conn, batch.topic, dead)
                    await progress.advance(conn, batch.topic, batch.next_offsets)
            _said_dead(batch, dead)

    async def _take(self, batch: Batch) -> None:
        needed: set[str] = set()
        while True:
            try:
                await self._attempt(batch, needed)
            except StartOverError as error:
                metrics.STARTED_OVER.labels(error.why).inc()
                if isinstance(error, PolicyChangedError):
                    await self.policies.refresh()
                elif isinstance(error, ContendedError):
                    needed |= error.keys
            else:
                return

    async def _attempt(self, batch: Batch, needed: Iterable[str]) -> None:
        """Take *batch* in, with the cases *needed* locked from the beginning."""
        async with self.database.transaction() as conn:
            await share_policies(conn)
            positions = await progress.lock(conn, batch.topic, batch.next_offsets)
            left = batch.beyond(positions)
            if not left.records:
                return
            turn = await begin_turn(conn)
            policies = self.policies.timeline(turn.epoch)
            reports, dead = _read(left.records)
            fresh = await _fresh(conn, reports)
            desk = Desk(conn, self.memory)
            await desk.take({one.ticket for one in reports}.union(needed))
            failpoint("escalator.after_lock")
            beyond = await self._decide(desk, reports, fresh, policies, turn)
            written = await desk.save(policies, turn)
            await park(conn, batch.topic, dead)
            await progress.advance(conn, batch.topic, left.next_offsets)
            failpoint("escalator.before_commit")
        failpoint("escalator.after_commit")
        self.memory.keep(written)
        self.wake.set()
        metrics.EVENTS.inc(len(fresh))
        metrics.DUPLICATES.inc(len(reports) - len(fresh))
        desk.count()
        _said_dead(batch, dead)
        _said_beyond(beyond)

    async def _decide(
        self,
        desk: Desk,
        reports: Sequence[Report],
        fresh: set[Place],
        policies: PolicyTimeline,
        turn: Turn,
    ) -> list[OutsideRole]:
        """Let the engine hear *reports*; those whose place is not among *fresh* are repeats.

        Returns:
            The acts that went beyond their role.
        """
        beyond: list[OutsideRole] = []
        now = instant(turn.now)
        allowance = Seconds(round(self.allowance.total_seconds()))
        for n, (report, heard) in enumerate(_in_tie_order(reports, policies, allowance)):
            if n % _EVENTS_AT_A_STRETCH == _EVENTS_AT_A_STRETCH - 1:
                await asyncio.sleep(0)
            if report.place in fresh:
                # Whose clock is behind has not yet had what has reached us.
                at = max(now, report.received)
                step = partial(engine.hear, desk, heard, policies, at)
            else:
                step = partial(engine.repeat, desk, report.ticket)
            outcome = await desk.do(step, partition=report.partition)
            if report.place in fresh and report.event.data.role is not None:
                found = _beyond(report.event, outcome, policies.at(report.received))
                beyond += [] if found is None else [found]
        return beyond


def _beyond(event: TicketEvent, outcome: Outcome, policy: Policy) -> OutsideRole | None:
    """Return in which way *event*, of which *outcome* came, went beyond its role (RACI).

    Whether its department had ever been asked for help only the whole log tells: the review does.
    """
    refused = any(
        one.type == "act.refused" and one.data["code"] in WITHOUT_RIGHT for one in outcome.decisions
    )
    asked = dict.fromkeys(policy.departments, Instant(0))
    return act_outside_role(event, policy, refused=refused, asked=asked)


def _said_beyond(beyond: Iterable[OutsideRole]) -> None:
    for one in beyond:
        metrics.OUTSIDE_ROLE.labels(one.beyond.value).inc()
        log.warning(
            "act outside a role",
            ticket=one.ticket,
            event_id=one.event,
            act=one.act,
            by=one.by,
            role=one.role,
            how=one.beyond.value,
        )


def _read(records: Sequence[Incoming]) -> tuple[list[Report], list[Dead]]:
    reports, dead = [], []
    for record in records:
        try:
            event = decode_event(record.value, record.headers)
        except InvalidEventError as error:
            dead.append(Dead(record, str(error.reason), str(error)))
        else:
            reports.append(
                Report(
                    record.partition,
                    record.offset,
                    event,
                    Identity(event.source, event.id),
                    instant(event.receivedat or event.time),
                    event.ticket,
                    content_of(event),
                )
            )
    return reports, dead


async def _fresh(conn: Connection, reports: Sequence[Report]) -> set[Place]:
    """Remember *reports*; return the places of those that were never seen before."""
    first: dict[Identity, Report] = {}
    again = [one for one in reports if first.setdefault(one.identity, one) is not one]
    unknown = await remember(
        conn, {key: Seen(one.ticket, _digest(one)) for key, one in first.items()}
    )
    again += [one for key, one in first.items() if key not in unknown]
    if again:
        _compare(again, await digests(conn, [one.identity for one in again]))
    return {one.place for key, one in first.items() if key in unknown}


def _compare(again: Iterable[Report], told: dict[Identity, bytes]) -> None:
    """Count the repeats that say something else than the first time."""
    for one in again:
        if told[one.identity] != _digest(one):
            metrics.CONFLICTS.inc()
            log.error(
                "said again with another content",
                ticket=one.ticket,
                source=one.event.source,
                id=one.event.id,
            )


def _digest(report: Report) -> bytes:
    return sha256(report.content.encode()).digest()


def _in_tie_order(
    reports: Sequence[Report], policies: PolicyTimeline, allowance: Seconds
) -> Iterable[tuple[Report, Heard]]:
    """Yield *reports* as they are heard; of one second, the helpdesk's before acts of people."""
    for received, together in groupby(_as_received(reports), key=lambda one: one.received):
        policy = policies.at(received)
        heard = [
            (one, hear_of(one.event, one.offset, policy, allowance=allowance)) for one in together
        ]
        yield from sorted(heard, key=lambda pair: pair[1].order[1:])


def _as_received(reports: Sequence[Report]) -> Iterable[Report]:
    """Yield *reports*, which come by partition, as they were received, each partition in its order.

    What tickets cause in each other is then heard in the order of time, as it would have been had
    each event been taken when it came; another order would do, but at the price of folding anew.
    """
    partitions = (list(own) for _, own in groupby(reports, key=lambda one: one.partition))
    timed = (
        zip(accumulate((one.received for one in own), max), own, strict=True) for own in partitions
    )
    return (one for _, one in merge(*timed, key=lambda pair: pair[0]))


def _said_dead(batch: Batch, dead: Sequence[Dead]) -> None:
    for one in dead:
        DEAD_LETTERS.labels(batch.topic, one.reason).inc()
        log.warning(
            "record parked",
            topic=batch.topic,
            partition=one.record.partition,
            offset=one.record.offset,
            why=one.reason,
            error=one.error,
        )

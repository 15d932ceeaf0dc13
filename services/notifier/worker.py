"""Hears decisions: plans their deliveries and keeps them, in one transaction with the position."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.notifier import metrics
from services.notifier.core.desk import Desk, alert_of, asked_of_ledger
from services.notifier.core.gathering import about_of
from services.notifier.core.known import Decided, Place
from services.notifier.core.roster import Roster
from services.notifier.rosters import Rosters
from services.notifier.store import (
    Now,
    load_alerted,
    load_earlier,
    load_early,
    load_known,
    load_slots,
    now,
    save_dead_letters,
    save_early,
    save_known,
    save_slots,
)
from services.notifier.store_ledger import save_fan_outs, suppress_settled
from services.notifier.store_subscriptions import Subscriptions
from shared.contract.decisions import DecisionEvent, decode_decision
from shared.contract.errors import InvalidEventError, Reason, TransientError
from shared.runtime import progress
from shared.runtime.database import Connection, Database
from shared.runtime.failpoints import failpoint
from shared.runtime.kafka import Batch, Incoming, StaleDataError
from shared.runtime.telemetry import DEAD_LETTERS

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that is no decision, and why."""

    record: Incoming
    error_class: str
    error: str


@dataclass(frozen=True, slots=True)
class Worker:
    """The planning half of the notifier; `sender` is the other.

    Attributes:
        database: Where the ledger is.
        rosters: Who holds which role, as the file has it now.
        subscriptions: Who wants to hear what, as the database has it now.
        alerts: Whether the engine can be told of empty seats.
        due: Set when there may be something to send.
        told: Set when there may be something to relay.
    """

    database: Database
    rosters: Rosters
    subscriptions: Subscriptions
    alerts: bool
    due: asyncio.Event
    told: asyncio.Event

    async def handle(self, batch: Batch) -> None:
        """Take *batch* in once: ledger, what is known, outbox and position together.

        A record that is no decision is parked as it came; one that cannot be stored is found by
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
        self.due.set()
        self.told.set()

    async def _take_alone(self, batch: Batch) -> None:
        try:
            await self._take(batch)
        except (TransientError, StaleDataError):
            raise
        except Exception as error:  # noqa: BLE001  what fails twice, alone, is parked
            unread = Unread(batch.records[0], str(Reason.HANDLER_CRASHED), repr(error))
            async with self.database.transaction() as conn:
                positions = await progress.lock(conn, batch.topic, batch.next_offsets)
                if batch.beyond(positions).records:
                    await _park(conn, batch, [unread], await now(conn))
                    await progress.advance(conn, batch.topic, batch.next_offsets)

    async def _take(self, batch: Batch) -> None:
        async with self.database.transaction() as conn:
            positions = await progress.lock(conn, batch.topic, batch.next_offsets)
            left = batch.beyond(positions)
            if not left.records:
                return
            found = [read(record) for record in left.records]
            moment = await now(conn)
            desk = await open_desk(
                conn,
                [one for one in found if isinstance(one, Decided)],
                self.rosters.current,
                self.subscriptions,
                moment,
                alerts=self.alerts,
            )
            dead = []
            for record, one in zip(left.records, found, strict=True):
                if isinstance(one, Unread):
                    dead.append(one)
                    continue
                before = len(desk.unplanned)
                desk.hear(one)
                dead += [
                    Unread(record, str(Reason.HANDLER_CRASHED), why)
                    for _, why in desk.unplanned[before:]
                ]
            await _park(conn, batch, dead, moment)
            await close_desk(conn, desk, moment)
            await progress.advance(conn, batch.topic, left.next_offsets)
            failpoint("notifier.before_commit")
        failpoint("notifier.after_commit")
        _count(desk)


async def _park(conn: Connection, batch: Batch, dead: Sequence[Unread], moment: Now) -> None:
    rows = [
        {
            "topic": batch.topic,
            "partition": one.record.partition,
            "offset": one.record.offset,
            "raw": one.record.value,
            "headers": {name: value.decode("latin-1") for name, value in one.record.headers},
            "error_class": one.error_class,
            "error": one.error,
            "created_at": moment.real,
        }
        for one in dead
    ]
    await save_dead_letters(conn, rows)
    for row in rows:
        DEAD_LETTERS.labels(batch.topic, row["error_class"]).inc()
        log.warning(
            "record parked",
            topic=batch.topic,
            partition=row["partition"],
            offset=row["offset"],
            why=row["error_class"],
            error=row["error"],
        )


async def open_desk(
    conn: Connection,
    decisions: Sequence[Decided],
    roster: Roster,
    subscriptions: Subscriptions,
    moment: Now,
    *,
    alerts: bool,
) -> Desk:
    """Load what is known of the tickets that *decisions* speak of, and lock them."""
    tickets = {decision.ticket for decision in decisions}
    known = await load_known(conn, tickets)
    early = await load_early(conn, tickets)
    spoken = (*decisions, *(one for kept in early.values() for one in kept.values()))
    asked: dict[str, tuple[str, ...]] = {}
    for decision in spoken:
        asked |= asked_of_ledger(decision)
    earlier = await load_earlier(conn, asked)
    alerts_now = any(alert_of(one) is not None for one in spoken)
    return Desk(
        roster=roster,
        alerts=alerts,
        now=moment.virtual,
        known=known,
        early=early,
        earlier=earlier,
        subscriptions=await subscriptions.current(conn),
        slots=await load_slots(conn, {about for one in spoken if (about := about_of(one))}),
        alerted=await load_alerted(conn, moment) if alerts_now else set(),
    )


async def close_desk(conn: Connection, desk: Desk, moment: Now) -> None:
    """Keep everything that the desk has gathered."""
    await save_slots(conn, desk.slots)
    await save_known(conn, (desk.known[ticket] for ticket in desk.touched))
    await save_early(conn, desk.parked, desk.released, moment)
    # Before new rows are there: those are held against what is known now as they are written.
    settled = {ticket: desk.known[ticket] for ticket in desk.settled}
    await suppress_settled(conn, settled, desk.newest, moment)
    fan_outs = [
        (one, {row.id: desk.stale_now(one, row) for row in one.rows}) for one in desk.fan_outs
    ]
    await save_fan_outs(conn, fan_outs, desk.roster, moment)


def read(record: Incoming) -> Decided | Unread:
    """Return the decision in *record*, or why it is none."""
    try:
        return decided(decode_decision(record.value, record.headers))
    except InvalidEventError as error:
        return Unread(record, str(error.reason), str(error))
    except ValueError as error:
        return Unread(record, str(Reason.INVALID_FIELD), str(error))


def decided(event: DecisionEvent) -> Decided:
    """Return *event* as the core reads it.

    Raises:
        ValueError: Its id is none that Tierline derives.
    """
    return Decided(
        id=UUID(event.id),
        type=event.type,
        ticket=event.ticket,
        version=event.data.version,
        at=event.time,
        data=event.data.model_dump(mode="json", by_alias=True, exclude_unset=True),
        traceparent=event.traceparent,
    )


def _count(desk: Desk) -> None:
    for where, count in desk.places.items():
        metrics.DECISIONS.labels(where).inc(count)
    if desk.places[Place.CONFLICT]:
        log.error("a version was decided twice, differently", count=desk.places[Place.CONFLICT])
    for decision in desk.parked:
        log.warning(
            "an earlier version is missing",
            ticket=decision.ticket,
            version=decision.version,
            heard=desk.known[decision.ticket].version if decision.ticket in desk.known else 0,
        )

"""Sends what is due: claim, send once within a deadline, write the result down."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from services.notifier import metrics
from services.notifier.channels.base import Channel, Notice
from services.notifier.core.plan import Purpose
from services.notifier.core.retry import Failed, Outcome, Refused
from services.notifier.core.roster import Roster
from services.notifier.core.settle import State
from services.notifier.core.wording import word
from services.notifier.store import now
from services.notifier.store_results import Recorded, record
from services.notifier.store_sending import Claim, Claimed, Terms, claim, expire_leases
from shared.runtime.database import Database

log = structlog.get_logger()

POLL: Final = 0.25
SWEEP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How a sender behaves.

    Attributes:
        terms: What a claim may take.
        at_once: How many messages one process sends at a time.
        deadline_s: Real seconds after which a send has failed; under half of the lease.
        hold: Channels on which a message of unknown fate is not sent again.
        tracker_url: Where readers find a ticket's history.
        speed: How fast the schema's clock runs, to turn its spans into real ones.
    """

    terms: Terms
    at_once: int
    deadline_s: float
    hold: tuple[str, ...]
    tracker_url: str | None
    speed: float


class Sender:
    """One process's share of the sending; several work on one ledger side by side."""

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel],
        roster: Roster,
        limits: Limits,
        wake: asyncio.Event,
    ) -> None:
        self._database = database
        self._channels = channels
        self._roster = roster
        self._limits = limits
        self._wake = wake
        self._under_way: set[asyncio.Task[None]] = set()
        self._alerts = "intake" in channels

    async def run(self, stop: asyncio.Event) -> None:
        """Send until *stop*, then let what is under way end (it has a deadline)."""
        sweeping = asyncio.create_task(self._sweep(stop))
        try:
            while not stop.is_set():
                claimed = await self._claim()
                for one in claimed.taken:
                    task = asyncio.create_task(self._deliver(one))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                if not claimed.found:
                    await self._rest()
        finally:
            await asyncio.gather(sweeping, *self._under_way)

    async def _claim(self) -> Claim:
        free = self._limits.at_once - len(self._under_way)
        if free <= 0:
            return Claim((), 0)
        async with self._database.transaction() as conn:
            return await claim(conn, free, self._limits.terms, await now(conn))

    async def _rest(self) -> None:
        """Wait until something may be due: new rows, a finished send, or a moment's passing."""
        self._wake.clear()
        waker = asyncio.create_task(self._wake.wait())
        await asyncio.wait(
            {waker, *self._under_way}, timeout=POLL, return_when=asyncio.FIRST_COMPLETED
        )
        waker.cancel()

    async def _sweep(self, stop: asyncio.Event) -> None:
        """Find deliveries whose sender died over them, once a second."""
        while not stop.is_set():
            async with self._database.transaction() as conn:
                count = await expire_leases(conn, self._limits.hold, await now(conn))
            if count:
                log.warning("deliveries of unknown fate found", count=count)
                self._wake.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SWEEP)

    async def _deliver(self, one: Claimed) -> None:
        outcome = await self._send(one)
        async with self._database.transaction() as conn:
            recorded = await record(conn, one, outcome, roster=self._roster, alerts=self._alerts)
        self._account(one, outcome, recorded)

    async def _send(self, one: Claimed) -> Outcome:
        """Send once; whatever a channel raises is a failure of that way."""
        channel = self._channels.get(one.row["channel"])
        if channel is None:
            return Refused("channel_not_configured")
        if one.gone:
            return Refused("address_gone", gone=True)
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                return await channel.send(self._notice(one))
        except TimeoutError:
            return Failed("deadline_passed")
        except Exception as error:
            log.exception("channel crashed", channel=one.row["channel"], delivery_id=str(one.id))
            return Failed(f"crashed_{type(error).__name__}", gate=False)

    def _notice(self, one: Claimed) -> Notice:
        row = one.row
        purpose = Purpose(row["purpose"])
        message = word(
            one.decision,
            role=row["role"],
            purpose=purpose,
            fyi=row["fyi"],
            facts=one.facts,
            tracker_url=self._limits.tracker_url,
        )
        return Notice(
            id=one.id,
            attempt=one.attempt,
            purpose=purpose,
            role=row["role"],
            mode=row["mode"],
            fyi=row["fyi"],
            contact=self._roster.contacts.get(row["person"] or ""),
            decision=one.decision,
            facts=one.facts,
            message=message,
            remarks=one.remarks,
            planned_at=row["planned_at"],
            code=row["code"],
        )

    def _account(self, one: Claimed, outcome: Outcome, recorded: Recorded) -> None:
        channel = one.row["channel"]
        metrics.ATTEMPTS.labels(channel, type(outcome).__name__.lower()).inc()
        if recorded.shut:
            log.warning("gate shut after failures in a row", gate=one.row["gate"])
        settled = recorded.settled
        if settled is None:
            log.warning("result came after the lease", delivery_id=str(one.id))
            return
        waited_s = (recorded.at - recorded.due).total_seconds() / self._limits.speed
        if settled.state in (State.SENT, State.DELIVERED):
            metrics.LATENCY.labels(channel).observe(max(waited_s, 0.0))
        say = log.warning if settled.state is State.DEAD else log.info
        say(
            "delivery attempted",
            delivery_id=str(one.id),
            ticket=one.row["ticket"],
            role=one.row["role"],
            channel=channel,
            attempt=one.attempt,
            state=settled.state,
            why=settled.why,
            waited_s=round(waited_s, 3),
        )

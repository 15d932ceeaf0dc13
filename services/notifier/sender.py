"""Sends what is due: claim, send once within a deadline, write the result down."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from services.notifier import metrics
from services.notifier.channels.base import Channel, Notice
from services.notifier.core.answering import Seal
from services.notifier.core.message import Message, Remarks
from services.notifier.core.plan import CALLS, Purpose
from services.notifier.core.retry import Failed, Outcome, Refused
from services.notifier.core.roster import Contact
from services.notifier.core.settle import State
from services.notifier.core.wording import Told
from services.notifier.store import Now, now
from services.notifier.store_claims import Claimed, Parcel, Terms, claim, expire_leases, look
from services.notifier.store_results import Recorded, Results, record
from services.notifier.tokens import AnswerLinks
from services.notifier.words import Words
from shared.contract.errors import TransientError
from shared.runtime import tracing
from shared.runtime.clock import monotonic
from shared.runtime.database import Connection, Database, retrying
from shared.runtime.failpoints import failpoint

log = structlog.get_logger()

POLL_S: Final = 0.25
SWEEP_S: Final = 1.0
# While most places are taken, free ones are gathered for so long, to be filled by one claim.
GATHER_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sender behaves.

    Attributes:
        terms: What a claim may take.
        at_once: How many messages one process sends at a time.
        deadline_s: Real seconds after which a send has failed; well under the lease.
        hold: Channels on which a message of unknown fate is not sent again.
        words: What notices say.
        answers: Makes the links by which people answer; None where there are none.
        speed: How fast the schema's clock runs, to turn its spans into real ones.
    """

    terms: Terms
    at_once: int
    deadline_s: float
    hold: tuple[str, ...]
    words: Words
    answers: AnswerLinks | None
    speed: float


class Sender:
    """One process's share of the sending; several work on one ledger side by side.

    Claims are made in one transaction after the other, and so, beside them, are results written
    down: each takes up what has come in during the last. The messages themselves go out meanwhile,
    each as a task of its own.
    """

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel],
        manner: Manner,
        *,
        due: asyncio.Event,
        told: asyncio.Event,
    ) -> None:
        """Make a sender.

        Args:
            database: Where the ledger is.
            channels: The ways out, by name.
            manner: How to behave.
            due: Set whenever something new may be due; by whoever plans, and by the sender itself.
            told: Set here whenever there is something to be relayed.
        """
        self._database = database
        self._channels = channels
        self._manner = manner
        self._due = due
        self._told = told
        self._under_way: set[asyncio.Task[None]] = set()
        self._crowded = False
        self._ended: list[tuple[Parcel, Outcome]] = []
        self._some_ended = asyncio.Event()
        self._swept_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Send until *stop*; then let what is under way end, and write its results down."""
        try:
            async with asyncio.TaskGroup() as group:
                claiming = group.create_task(self._claim_on(stop))
                group.create_task(self._record_on(stop, claiming))
        finally:
            for task in self._under_way:
                task.cancel()

    async def _claim_on(self, stop: asyncio.Event) -> None:
        with contextlib.suppress(TransientError):
            while not stop.is_set():
                if not await retrying(self._claim, stop=stop, what="claim notices"):
                    await self._rest()
        # Whoever writes results down waits for the last of them, which may have come before.
        self._some_ended.set()

    async def _record_on(self, stop: asyncio.Event, claiming: asyncio.Task[None]) -> None:
        try:
            while self._ended or self._under_way or not claiming.done():
                await self._some_ended.wait()
                self._some_ended.clear()
                await retrying(self._record, stop=stop, what="write results down")
        except TransientError as error:
            # Whoever comes next finds the claims, and sends again what this one may have sent.
            log.warning("results not written down", count=len(self._ended), why=error.reason)

    async def _claim(self) -> bool:
        """Claim what is due; say whether to go on at once."""
        sweeping = monotonic() - self._swept_at > SWEEP_S
        if not self._free() and not sweeping:
            return False
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            async with self._database.transaction() as conn:
                moment, waiting = await look(conn)
                if sweeping:
                    await self._sweep(conn, moment)
                # Counted this late, since more have become free while it looked.
                found = await claim(conn, waiting, self._free(), self._manner.terms, moment)
                for parcel in found.parcels:
                    self._take_up(parcel, committed)
        except BaseException:
            # Whether it is ours is not known: nothing is sent.
            committed.cancel()
            raise
        if found.parcels:
            failpoint("sender.after_claim")
        committed.set_result(None)
        if found.more:
            self._told.set()
        self._crowded = not self._free()
        return found.more and not self._crowded

    def _take_up(self, parcel: Parcel, committed: asyncio.Future[None]) -> None:
        task = asyncio.create_task(self._deliver(parcel, committed))
        self._under_way.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._some_ended.set()
        if self._crowded:
            self._due.set()

    def _free(self) -> int:
        """Return how many more messages may go out beside those under way."""
        return self._manner.at_once - len(self._under_way)

    async def _record(self) -> None:
        """Write down what has ended."""
        ended = tuple(self._ended)
        if not ended:
            return
        async with self._database.transaction() as conn:
            results = await record(
                conn,
                ended,
                roster=self._manner.terms.roster,
                hold=self._manner.hold,
                alerts="intake" in self._channels,
                moment=await now(conn),
            )
            failpoint("sender.before_record")
        failpoint("sender.after_record")
        del self._ended[: len(ended)]
        self._account(results)
        self._told.set()
        # What these have kept waiting may go: the next of their tickets, or of their far sides.
        self._due.set()

    async def _sweep(self, conn: Connection, moment: Now) -> None:
        """Find deliveries whose sender died over them."""
        self._swept_at = monotonic()
        count = await expire_leases(conn, self._manner.hold, moment)
        if count:
            log.warning("deliveries of unknown fate found", count=count)

    async def _rest(self) -> None:
        """Wait until there may be something to claim: new rows, a free place, a moment's passing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._due.wait()
        self._due.clear()
        if 2 * len(self._under_way) > self._manner.at_once:
            await asyncio.sleep(GATHER_S)

    async def _deliver(self, parcel: Parcel, committed: asyncio.Future[None]) -> None:
        # The claim's commit goes out first; while it waits for the disk, the letter is written.
        await asyncio.sleep(0)
        prepared = await self._prepared(parcel)
        await committed
        with tracing.sending(parcel.channel, (one.decision.traceparent for one in parcel.parts)):
            outcome = await self._send(parcel, prepared)
            tracing.noted(
                delivery_id=str(parcel.id),
                attempt=parcel.parts[0].attempt,
                outcome=type(outcome).__name__.lower(),
            )
        failpoint("sender.after_send")
        self._ended.append((parcel, outcome))

    async def _prepared(self, parcel: Parcel) -> Notice | Failed | Refused:
        """Return *parcel* as it goes out, or why it cannot."""
        if parcel.channel not in self._channels:
            return Refused("channel_not_configured")
        if parcel.gone:
            return Refused("address_gone", gone=True)
        try:
            if len(parcel.parts) == 1:
                return self._notice(parcel)
            # A thousand letters take a second, in which nothing else would be sent.
            return await asyncio.to_thread(self._notice, parcel)
        except Exception as error:
            log.exception("letter not written", channel=parcel.channel, delivery_id=str(parcel.id))
            return _crashed(error)

    async def _send(self, parcel: Parcel, prepared: Notice | Failed | Refused) -> Outcome:
        """Send once; whatever a channel raises is a failure of that way."""
        if not isinstance(prepared, Notice):
            return prepared
        try:
            async with asyncio.timeout(self._manner.deadline_s):
                return await self._channels[parcel.channel].send(prepared)
        except TimeoutError:
            return Failed("deadline_passed", unclear=True)
        except Exception as error:
            log.exception("channel crashed", channel=parcel.channel, delivery_id=str(parcel.id))
            return _crashed(error)

    def _notice(self, parcel: Parcel) -> Notice:
        notices = tuple(self._single(part) for part in parcel.parts)
        if len(notices) == 1:
            return notices[0]
        contact = notices[0].contact
        asks = [one.purpose in CALLS and not one.fyi for one in notices]
        return replace(
            notices[0],
            id=parcel.id,
            message=self._manner.words.digest(
                [
                    (one.decision, one.message.subject, asked)
                    for one, asked in zip(notices, asks, strict=True)
                ],
                language=None if contact is None else contact.language,
            ),
            remarks=Remarks(
                repeat=any(one.remarks.repeat for one in notices),
                missed=sum(one.remarks.missed for one in notices),
                held_since=min(
                    (since for one in notices if (since := one.remarks.held_since)), default=None
                ),
            ),
            parts=notices,
        )

    def _single(self, part: Claimed) -> Notice:
        row = part.row
        purpose = Purpose(row["purpose"])
        contact = self._manner.terms.roster.contacts.get(row["person"] or "")
        receipts = self._manner.terms.roster.receipts if purpose is Purpose.RECEIPT else None
        open_room = contact is not None and contact.shared and not contact.restricted
        veiled = part.decision.restricted and (open_room or purpose is Purpose.RECEIPT)
        told = Told(
            part.decision, row["role"], purpose, fyi=row["fyi"], facts=part.facts, veiled=veiled
        )
        reader = contact or receipts
        message = self._manner.words.message(
            told,
            language=None if reader is None else reader.language,
            apart=not self._channels[row["channel"]].shows_lines,
        )
        return Notice(
            id=part.id,
            attempt=part.attempt,
            purpose=purpose,
            role=row["role"],
            mode=row["mode"],
            fyi=row["fyi"],
            contact=contact,
            decision=part.decision,
            facts=part.facts,
            message=self._answerable(message, row, contact),
            veiled=veiled,
            remarks=part.remarks,
            planned_at=row["planned_at"],
            code=row["code"],
        )

    def _answerable(
        self, message: Message, row: Mapping[str, Any], contact: Contact | None
    ) -> Message:
        """Return *message* with the link by which its reader answers, where an answer is asked."""
        answers = self._manner.answers
        asks = row["purpose"] in CALLS and not row["fyi"] and row["escalation"]
        if answers is None or contact is None or not asks:
            return message
        link = answers.link(
            Seal(row["ticket"], row["escalation"], contact.key, row["role"]),
            since=row["planned_at"],
        )
        words = self._manner.words.terms(contact.language).phrases.get("answer", "Answer")
        return replace(message, links=((words, link), *message.links))

    def _account(self, results: Results) -> None:
        for gate in results.shut:
            log.warning("gate shut after failures in a row", gate=gate)
        for one in results.recorded:
            self._account_for(one)

    def _account_for(self, one: Recorded) -> None:
        row, settled = one.of.row, one.settled
        metrics.ATTEMPTS.labels(row["channel"], type(one.outcome).__name__.lower()).inc()
        if settled is None:
            log.warning("result came after the lease", delivery_id=str(one.of.id))
            return
        if settled.state in (State.SENT, State.DELIVERED):
            waited_s = one.waited.total_seconds() / self._manner.speed
            metrics.LATENCY.labels(row["channel"]).observe(max(waited_s, 0.0))
            return
        log.warning(
            "delivery failed",
            delivery_id=str(one.of.id),
            ticket=row["ticket"],
            role=row["role"],
            channel=row["channel"],
            attempt=one.of.attempt,
            state=settled.state,
            why=settled.why,
        )


def _crashed(error: Exception) -> Failed:
    return Failed(f"crashed_{type(error).__name__}", gate=False, unclear=True)

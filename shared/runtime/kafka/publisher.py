"""The one publisher: acknowledged by all in-sync replicas within a deadline, or an error.

aiokafka's idempotent producer never gives up on a record while Kafka is away, so the deadline is
ours; and after any other error its sequence numbers cannot be trusted, so it is thrown away.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from shared.contract.errors import PermanentError, Reason, TransientError
from shared.contract.topics import MAX_MESSAGE_BYTES
from shared.runtime.clock import monotonic
from shared.runtime.kafka.admin import KafkaUnavailableError
from shared.runtime.kafka.client import client_options
from shared.runtime.kafka.records import Landed, Record
from shared.runtime.kafka.sending import Sender, look_at, stop
from shared.runtime.settings import KafkaAccess
from shared.runtime.telemetry import (
    PRODUCER_RESTARTS,
    PUBLISH_FAILURES,
    PUBLISH_SECONDS,
    PUBLISHED,
)
from shared.runtime.tracing import outgoing, publishing, traceparent

log = structlog.get_logger()

_FAILURES_IN_A_ROW: Final = 3
_STALLED_S: Final = 30.0
_PATIENCE_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)


class PublishTimeoutError(TransientError):
    """No acknowledgement within the deadline: the records may have been accepted, or may yet be.

    Publish the same records again, with the same ids; readers drop repeats.
    """

    reason = Reason.DEADLINE_PASSED


class PublishFailedError(TransientError):
    """Kafka refused, or the producer failed: some of the records may have been accepted."""

    reason = Reason.KAFKA_UNAVAILABLE


class RecordTooLargeError(PermanentError):
    """A record is larger than its topic takes: that one was not accepted, others may have been."""

    reason = Reason.TOO_LARGE


class PublisherBrokenError(RuntimeError):
    """Three producers in a row have failed: the process must end and be started anew."""


class Publisher:
    """Publishes records and waits for all in-sync replicas to have them.

    Safe for many tasks at once; what they publish at the same time shares requests. It connects by
    itself when first used, and again after Kafka was away.
    """

    def __init__(
        self,
        access: KafkaAccess,
        *,
        client_id: str,
        deadline_s: float = 10.0,
        max_batch_bytes: int = 128 * 1024,
    ) -> None:
        """Describe the publisher; nothing is connected yet.

        Args:
            access: How to reach Kafka.
            client_id: Who we are in the broker's logs: ``tierline-intake``.
            deadline_s: Seconds after which `publish` gives up waiting.
            max_batch_bytes: How much one batch for one partition may hold; two of them, one under
                way and one that fills, bound memory.
        """
        self._options: dict[str, Any] = {
            **client_options(access),
            "client_id": client_id,
            "enable_idempotence": True,
            "acks": "all",
            "max_batch_size": max_batch_bytes,
            "max_request_size": MAX_MESSAGE_BYTES,
        }
        self._deadline_s = deadline_s
        self._sender: Sender | None = None
        self._starting: asyncio.Task[Sender] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._acknowledged_at = -math.inf
        self._broken: PublisherBrokenError | None = None
        self._broke = asyncio.Event()

    async def start(self) -> None:
        """Connect now instead of at the first publishing.

        Raises:
            KafkaUnavailableError: No broker answers; publishing will try again.
        """
        await self._ready()

    async def publish(self, records: Sequence[Record]) -> list[Landed]:
        """Publish *records*, and return where each is once all in-sync replicas have them.

        Records of one key keep their order. When it raises, nothing is known of any of them.

        Raises:
            PublishTimeoutError: The deadline passed; they may have been accepted.
            PublishFailedError: Kafka refused; a new producer serves the next call.
            KafkaUnavailableError: No broker answers.
            RecordTooLargeError: One is too large; publish them one by one to know which.
            PublisherBrokenError: The third failure in a row.
        """
        _refuse_large(records)
        began = monotonic()
        sender: Sender | None = None
        try:
            async with asyncio.timeout(self._deadline_s):
                sender = self._sender or await self._ready()
                with publishing(one.topic for one in records):
                    landed = await sender.send(_traced(records))
        except (TimeoutError, KafkaTimeoutError):
            PUBLISH_FAILURES.labels(Reason.DEADLINE_PASSED).inc()
            self._replace_if_stalled(sender)
            msg = f"no acknowledgement from Kafka within {self._deadline_s:g} s"
            raise PublishTimeoutError(msg) from None
        except MessageSizeTooLargeError as error:
            # The sequence numbers of this producer have a hole now.
            self._replace(sender)
            raise RecordTooLargeError(str(error) or "Kafka refused a record as too large") from None
        except (KafkaError, KafkaUnavailableError, OSError) as error:
            PUBLISH_FAILURES.labels(Reason.KAFKA_UNAVAILABLE).inc()
            self._discard(sender, error)
            if isinstance(error, KafkaUnavailableError):
                raise
            raise PublishFailedError(str(error) or type(error).__name__) from error
        self._failures = 0
        self._acknowledged_at = monotonic()
        PUBLISH_SECONDS.observe(self._acknowledged_at - began)
        if landed:
            PUBLISHED.labels(records[0].topic).inc(len(landed))
        return landed

    @property
    def acknowledged_age_s(self) -> float:
        """Seconds since Kafka last acknowledged something; infinite before it first did."""
        return monotonic() - self._acknowledged_at

    async def answers(self, topic: str, *, within_s: float = 2.0) -> bool:
        """Return whether a broker answers within *within_s* seconds, and has *topic*."""
        try:
            async with asyncio.timeout(within_s):
                sender = self._sender or await self._ready()
                cluster = await sender.producer.client.fetch_all_metadata()
        except (KafkaError, TransientError, OSError, TimeoutError):
            return False
        return topic in cluster.topics()

    async def until_broken(self) -> None:
        """Return never; run it beside what publishes, so that its error ends the process.

        Raises:
            PublisherBrokenError: Three producers in a row have failed.
        """
        await self._broke.wait()
        if self._broken is not None:
            raise self._broken

    async def close(self) -> None:
        """Send what waits, as far as five seconds suffice, and leave."""
        if self._starting is not None:
            self._starting.cancel()
        if self._sender is not None:
            sender, self._sender = self._sender, None
            await sender.stop()
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _ready(self) -> Sender:
        if self._sender is not None:
            return self._sender
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._build())
            # Nobody may be left to see it fail.
            self._starting.add_done_callback(look_at)
        # A caller whose deadline passes must not take the others' connection with it.
        return await asyncio.shield(self._starting)

    async def _build(self) -> Sender:
        """Connect, each time with more patience.

        A broker that is about to be ready takes connections and leaves them without an answer;
        the next one that it takes may be answered at once.
        """
        where = self._options["bootstrap_servers"]
        for patience_s in _PATIENCE_S:
            producer = AIOKafkaProducer(**self._options)
            try:
                async with asyncio.timeout(patience_s):
                    await producer.start()
            except TimeoutError:
                await stop(producer)
            except BaseException as error:
                await stop(producer)
                if isinstance(error, KafkaError | OSError):
                    msg = f"Kafka at {where} does not answer: {error!r}"
                    raise KafkaUnavailableError(msg) from error
                raise
            else:
                self._sender = Sender(producer)
                self._acknowledged_at = monotonic()
                return self._sender
        msg = f"Kafka at {where} does not answer within {_PATIENCE_S[-1]:g} s"
        raise KafkaUnavailableError(msg)

    def _replace(self, sender: Sender | None) -> None:
        if sender is not None and sender is self._sender:
            self._leave(sender)

    def _replace_if_stalled(self, sender: Sender | None) -> None:
        """Take a new producer where the present one has been silent for long though in use."""
        if sender is None or sender is not self._sender:
            return
        if self.acknowledged_age_s > _STALLED_S:
            self._leave(sender)

    def _discard(self, sender: Sender | None, error: Exception) -> None:
        if sender is None or sender is not self._sender:
            return
        self._leave(sender)
        # A partition without a leader is Kafka's trouble, which no restart of ours would end.
        if not getattr(error, "retriable", False):
            self._failures += 1
        log.warning("producer replaced", error=repr(error), in_a_row=self._failures)
        if self._failures >= _FAILURES_IN_A_ROW:
            msg = f"{self._failures} producers failed in a row: {error!r}"
            self._broken = PublisherBrokenError(msg)
            self._broke.set()
            raise self._broken from error

    def _leave(self, sender: Sender) -> None:
        self._sender = None
        PRODUCER_RESTARTS.inc()
        leaving = asyncio.create_task(sender.stop())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


def _traced(records: Sequence[Record]) -> Sequence[Record]:
    """Return *records* with the span that is under way, where there is one."""
    here = traceparent()
    if here is None:
        return records
    return [one._replace(headers=outgoing(one.headers, here)) for one in records]


def _refuse_large(records: Iterable[Record]) -> None:
    size_of = DefaultRecordBatchBuilder.estimate_size_in_bytes
    for _, key, value, headers in records:
        size = size_of(key, value, headers)  # type: ignore[arg-type]  # headers are only read
        if size > MAX_MESSAGE_BYTES:
            msg = f"the record has {size} bytes in a batch of its own; at most {MAX_MESSAGE_BYTES} fit"
            raise RecordTooLargeError(msg)

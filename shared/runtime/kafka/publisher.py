"""The one publisher: acknowledged by all in-sync replicas within a deadline, or an error.

aiokafka's idempotent producer never gives up on a record while Kafka is away, so the deadline is
ours; and after any other error its sequence numbers cannot be trusted, so it is thrown away.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from shared.contract.errors import PermanentError, Reason, TransientError
from shared.contract.topics import MAX_MESSAGE_BYTES
from shared.runtime.clock import monotonic
from shared.runtime.kafka.admin import KafkaUnavailableError
from shared.runtime.kafka.client import START_S, client_options, let_go
from shared.runtime.kafka.records import Landed, Record
from shared.runtime.kafka.sending import look_at, send
from shared.runtime.settings import KafkaAccess
from shared.runtime.telemetry import (
    PRODUCER_RESTARTS,
    PUBLISH_FAILURES,
    PUBLISH_SECONDS,
    PUBLISHED,
)
from shared.runtime.tracing import outgoing, publishing

log = structlog.get_logger()

# A record batch has a header, and the record itself lengths and offsets.
_MAX_RECORD_BYTES: Final = MAX_MESSAGE_BYTES - 1024
_FAILURES_IN_A_ROW: Final = 3
_STALLED_S: Final = 30.0


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
        linger_ms: int = 5,
        max_batch_bytes: int = 128 * 1024,
    ) -> None:
        """Describe the publisher; nothing is connected yet.

        Args:
            access: How to reach Kafka.
            client_id: Who we are in the broker's logs: ``tierline-intake``.
            deadline_s: Seconds after which `publish` gives up waiting.
            linger_ms: How long a batch waits for company; 0 where each record is waited for.
            max_batch_bytes: How much may be waiting for one partition; it bounds memory.
        """
        self._options: dict[str, Any] = {
            **client_options(access),
            "client_id": client_id,
            "enable_idempotence": True,
            "acks": "all",
            "linger_ms": linger_ms,
            "max_batch_size": max_batch_bytes,
            "max_request_size": MAX_MESSAGE_BYTES,
        }
        self._deadline_s = deadline_s
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
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
        for record in records:
            _refuse_large(record)
        began = monotonic()
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._deadline_s):
                producer = self._producer or await self._ready()
                with publishing(one.topic for one in records):
                    landed = await send(
                        producer, [one._replace(headers=outgoing(one.headers)) for one in records]
                    )
        except (TimeoutError, KafkaTimeoutError):
            PUBLISH_FAILURES.labels(Reason.DEADLINE_PASSED).inc()
            self._replace_if_stalled(producer)
            msg = f"no acknowledgement from Kafka within {self._deadline_s:g} s"
            raise PublishTimeoutError(msg) from None
        except MessageSizeTooLargeError as error:
            # The sequence numbers of this producer have a hole now.
            self._replace(producer)
            raise RecordTooLargeError(str(error) or "Kafka refused a record as too large") from None
        except (KafkaError, KafkaUnavailableError, OSError) as error:
            PUBLISH_FAILURES.labels(Reason.KAFKA_UNAVAILABLE).inc()
            self._discard(producer, error)
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
                producer = self._producer or await self._ready()
                cluster = await producer.client.fetch_all_metadata()
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
        if self._producer is not None:
            producer, self._producer = self._producer, None
            # Stopping flushes once more; where that is hopeless it would only take longer.
            await (_stop(producer) if await let_go(producer.flush()) else _abandon(producer))
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is not None:
            return self._producer
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._build())
            # Nobody may be left to see it fail.
            self._starting.add_done_callback(look_at)
        # A caller whose deadline passes must not take the others' connection with it.
        return await asyncio.shield(self._starting)

    async def _build(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**self._options)
        try:
            async with asyncio.timeout(START_S):
                await producer.start()
        except BaseException as error:
            await _stop(producer)
            if isinstance(error, KafkaError | OSError | TimeoutError):
                msg = f"Kafka at {self._options['bootstrap_servers']} does not answer: {error!r}"
                raise KafkaUnavailableError(msg) from error
            raise
        self._producer = producer
        self._acknowledged_at = monotonic()
        return producer

    def _replace(self, producer: AIOKafkaProducer | None) -> None:
        if producer is not None and producer is self._producer:
            self._leave(producer)

    def _replace_if_stalled(self, producer: AIOKafkaProducer | None) -> None:
        """Take a new producer where the present one has been silent for long though in use."""
        if producer is None or producer is not self._producer:
            return
        if self.acknowledged_age_s > _STALLED_S:
            self._leave(producer)

    def _discard(self, producer: AIOKafkaProducer | None, error: Exception) -> None:
        if producer is None or producer is not self._producer:
            return
        self._leave(producer)
        # A partition without a leader is Kafka's trouble, which no restart of ours would end.
        if not getattr(error, "retriable", False):
            self._failures += 1
        log.warning("producer replaced", error=repr(error), in_a_row=self._failures)
        if self._failures >= _FAILURES_IN_A_ROW:
            msg = f"{self._failures} producers failed in a row: {error!r}"
            self._broken = PublisherBrokenError(msg)
            self._broke.set()
            raise self._broken from error

    def _leave(self, producer: AIOKafkaProducer) -> None:
        self._producer = None
        PRODUCER_RESTARTS.inc()
        leaving = asyncio.create_task(_stop(producer))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


def _refuse_large(record: Record) -> None:
    size = len(record.key) + len(record.value or b"")
    size += sum(map(len, chain.from_iterable(record.headers)))
    if size > _MAX_RECORD_BYTES:
        msg = f"the record has {size} bytes with its headers; at most {_MAX_RECORD_BYTES} fit"
        raise RecordTooLargeError(msg)


async def _stop(producer: AIOKafkaProducer) -> None:
    if not await let_go(producer.stop()):
        await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """End a producer that cannot send what it holds, and would try for as long as we live."""
    sending = producer._sender.sender_task  # noqa: SLF001  there is no public way
    if sending is not None:
        sending.cancel()
    # The first does nothing where stopping was tried before, the second nothing where it was not.
    await let_go(producer.stop())
    await let_go(producer.client.close())

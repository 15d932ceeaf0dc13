"""Accepted events into Kafka: a place in the queue, a deadline, and where each one lies."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter

from services.intake import metrics
from services.intake.core.report import Accepted
from services.intake.gate import Gate
from shared.runtime.failpoints import failpoint
from shared.runtime.kafka import (
    KafkaUnavailableError,
    Landed,
    Publisher,
    PublishFailedError,
    PublishTimeoutError,
    Record,
)


class Ingest:
    """The way from an accepted event to the log of record."""

    def __init__(
        self,
        publisher: Publisher,
        gate: Gate,
        topic: str,
        *,
        counted: Counter = metrics.ACCEPTED,
    ) -> None:
        self._publisher = publisher
        self._counted = counted
        self._gate = gate
        self._topic = topic

    async def take(self, events: Sequence[Accepted]) -> list[Landed]:
        """Publish *events* and return where all in-sync replicas have them.

        Raises:
            OverloadedError: Too much waits already; nothing was sent.
            SilentKafkaError: Kafka has been silent; nothing was sent.
            PublishTimeoutError: They may have been accepted.
            PublishFailedError: Likewise.
            KafkaUnavailableError: No broker answers; nothing was sent.
        """
        if not events:
            return []
        records = [
            Record(self._topic, event.ticket.encode(), event.value, event.headers)
            for event in events
        ]
        with self._gate.passing(len(records)):
            try:
                landed = await self._publisher.publish(records)
            except (PublishTimeoutError, PublishFailedError, KafkaUnavailableError):
                self._gate.missed()
                raise
        failpoint("intake.after_publish")
        self._gate.answered()
        self._counted.inc(len(landed))
        return landed

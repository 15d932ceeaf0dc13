"""The one consumer loop.

Its promises: every record is handed over at least once and in the order of its partition; the
position of record is the service's own ``progress`` row, written by the handler in the transaction
of its effects; what Kafka no longer holds, or never held, ends the process instead of being
skipped. The group protocol decides only who works, never what is right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from shared.contract.errors import TransientError
from shared.runtime.clock import backoff_s, monotonic
from shared.runtime.kafka.options import ConsumeOptions, Handle
from shared.runtime.kafka.session import Session
from shared.runtime.progress import Progress
from shared.runtime.settings import KafkaAccess
from shared.runtime.telemetry import CONSUMER_RESTARTS

log = structlog.get_logger()

_STEADY_S: Final = 60.0


async def consume(
    topics: Sequence[str],
    handle: Handle,
    *,
    access: KafkaAccess,
    progress: Progress,
    options: ConsumeOptions,
    stop: asyncio.Event,
) -> None:
    """Hand every record of *topics* to *handle* until *stop* is set.

    The batch under way is finished first. While Kafka or the database is away it waits and tries
    again for ever; timers and relays beside it are not disturbed.

    Args:
        topics: Full names, prefix included. All of one list belong to one group.
        handle: Applies a batch; batches are handed over one after the other.
        access: How to reach Kafka.
        progress: The service's positions of record.
        options: Group or fixed share, sizes, times.
        stop: Set it to have the loop end.

    Raises:
        StaleDataError: What is recorded is not what Kafka holds: exit code 78.
        ConsumerStuckError: Records wait, and none was applied for `ConsumeOptions.stuck_after_s`.
        Exception: Whatever *handle* raised that is no `TransientError`.
    """
    failures = 0
    while not stop.is_set():
        began = monotonic()
        session = Session(topics, handle, access, progress, options, stop)
        try:
            await session.run()
        except (KafkaError, TransientError, OSError, TimeoutError) as error:
            failures = 1 if monotonic() - began > _STEADY_S else failures + 1
            pause = backoff_s(failures, base_s=0.5)
            CONSUMER_RESTARTS.inc()
            log.warning("consumer replaced", topics=list(topics), error=repr(error), in_s=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()

"""What a service says of itself: log lines and metrics.

Logs are one JSON object a line on standard error (or text, for people). User text is only ever a
value, so a line break in a title stays inside its string. Metrics are named
``tierline_<noun>_<unit>`` with ``_total`` for counters; every label is one of a closed set.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Final, Literal

import structlog
from prometheus_client import Counter, Gauge, Histogram
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.runtime.clock import monotonic
from shared.runtime.tracing import trace_id

LAG: Final = Gauge(
    "tierline_consumer_lag_records",
    "Records in the log that are not yet applied.",
    ["topic", "partition"],
)
OLDEST: Final = Gauge(
    "tierline_consumer_oldest_unprocessed_seconds",
    "Real age of the oldest record not yet applied; 0 when everything is.",
    ["topic", "partition"],
)
BATCH_SECONDS: Final = Histogram(
    "tierline_consumer_batch_seconds",
    "Real time that one batch of a topic took to apply.",
    ["topic"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)
RECORDS: Final = Counter(
    "tierline_consumer_records_total", "Records handed to be applied.", ["topic"]
)
RETRIES: Final = Counter(
    "tierline_consumer_retries_total",
    "Batches put back because something was away, by reason.",
    ["topic", "reason"],
)
CONSUMER_RESTARTS: Final = Counter(
    "tierline_consumer_restarts_total", "Times that the Kafka consumer was thrown away and rebuilt."
)
DEAD_LETTERS: Final = Counter(
    "tierline_dead_letters_total", "Records parked, by reason.", ["topic", "reason"]
)
OUTBOX_DEAD: Final = Counter(
    "tierline_outbox_dead_total",
    "Rows of an outbox that are too large for Kafka, and were given up; should be 0.",
)
PUBLISHED: Final = Counter(
    "tierline_published_records_total", "Records acknowledged by all in-sync replicas.", ["topic"]
)
PUBLISH_FAILURES: Final = Counter(
    "tierline_publish_failures_total",
    "Publishing that was not acknowledged, by reason.",
    ["reason"],
)
PUBLISH_SECONDS: Final = Histogram(
    "tierline_publish_seconds",
    "Real time until all records of one publishing were acknowledged.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
PRODUCER_RESTARTS: Final = Counter(
    "tierline_producer_restarts_total", "Times that the Kafka producer was thrown away and rebuilt."
)
DATABASE_FAILURES: Final = Counter(
    "tierline_database_failures_total",
    "Transactions that failed for reasons outside them, by reason.",
    ["reason"],
)


def configure_logging(service: str, log_format: Literal["json", "text"] = "json") -> None:
    """Send every log line of this process, libraries' too, to standard error in one form.

    Args:
        service: Put on every line.
        log_format: ``json`` for machines, ``text`` for people.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _traced,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(_sparing(seconds=10.0))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # aiokafka says at INFO what every consumer does all day, and at ERROR what it then retries.
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    # httpx2 logs the address of every request, and a webhook's address may be a secret.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def _traced(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put the trace that is under way on a line, so that all lines of one request are found."""
    found = trace_id()
    if found is not None:
        event["trace_id"] = found
    return event


def _sparing(*, seconds: float) -> Callable[[logging.LogRecord], bool]:
    """Return a filter that lets aiokafka say the same only every so many *seconds*.

    While a broker is away its clients complain many times a second.
    """
    said: dict[str, float] = {}

    def lets_through(record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        now = monotonic()
        if now - said.get(str(record.msg), -seconds) < seconds:
            return False
        said[str(record.msg)] = now
        return True

    return lets_through

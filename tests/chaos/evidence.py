"""What is left of a run: the topics and the tables, read when it is over. No judgement here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import asyncpg

from shared.contract.topics import DELIVERIES, TICKET_EVENTS, TIER_CHANGES
from shared.runtime.clock import Clock
from tests.chaos.poster import Accepted
from tests.chaos.receiver import Receipt
from tests.chaos.stage import Stage
from tests.support.kafka_topics import all_records

Rows = Sequence[Mapping[str, Any]]

_TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "escalator": {
        "progress": "SELECT topic, partition, next_offset FROM progress",
        "cases": "SELECT key, CAST(body AS text) AS body FROM ticket_state"
        " WHERE key NOT LIKE 'tierline/%'",
        "outbox": "SELECT ticket, version, payload, published_at, dead_at FROM outbox ORDER BY seq",
        "heard": "SELECT ticket, count(*) AS n FROM ticket_event GROUP BY ticket",
        "dead": 'SELECT topic, partition, "offset", error FROM dead_letter',
    },
    "notifier": {
        "progress": "SELECT topic, partition, next_offset FROM progress",
        "delivery": "SELECT * FROM delivery",
        "early": "SELECT ticket, version FROM early",
        "dead": 'SELECT topic, partition, "offset", error FROM dead_letter',
    },
    "tracker": {
        "progress": "SELECT topic, partition, next_offset FROM progress",
        "ticket": "SELECT key, missing, CAST(state AS text) AS state FROM ticket",
        "timeline": (
            'SELECT identity, ticket, kind, "offset", partition, repeats,'
            " CAST(message AS text) AS message FROM timeline"
        ),
        "notice": "SELECT id, ticket, state, attempt, at FROM notice",
        "tally": "SELECT what, label, sum(n) AS n FROM tally GROUP BY what, label",
        "dead": 'SELECT topic, partition, "offset", error FROM dead_letter',
    },
}


@dataclass(frozen=True)
class Line:
    """One record of a topic.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its place there.
        appended_ms: When the broker took it, milliseconds since 1970.
        key: Its key.
        value: Its bytes.
        headers: Its headers.
    """

    topic: str
    partition: int
    offset: int
    appended_ms: int
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @cached_property
    def event(self) -> dict[str, Any]:
        """Return what it says."""
        found: dict[str, Any] = json.loads(self.value)
        return found


Log = Sequence[Line]


@dataclass(frozen=True)
class Evidence:
    """Everything that the checks look at.

    Attributes:
        clock: The run's clock.
        accepted: What the poster was told.
        events: The topic of events, each partition in order.
        decisions: The topic of decisions.
        deliveries: The topic of deliveries.
        escalator: Its tables, all as of one moment; likewise `notifier` and `tracker`.
        before: What the far side had got before the notifier's tables were read.
        receipts: What it had got afterwards.
    """

    clock: Clock
    accepted: Sequence[Accepted]
    events: Log
    decisions: Log
    deliveries: Log
    escalator: Mapping[str, Rows]
    notifier: Mapping[str, Rows]
    tracker: Mapping[str, Rows]
    before: Sequence[Receipt]
    receipts: Sequence[Receipt]


async def gather(stage: Stage, accepted: Sequence[Accepted]) -> Evidence:
    """Read the tables, each schema at one moment, and after them the topics."""
    before = tuple(stage.receiver.receipts)
    tables = {schema: await _read(stage.database_url, schema) for schema in _TABLES}
    events, decisions, deliveries = await asyncio.gather(
        *(
            _log(stage.kafka.bootstrap_servers, topic)
            for topic in (TICKET_EVENTS, TIER_CHANGES, DELIVERIES)
        )
    )
    return Evidence(
        stage.clock,
        accepted,
        events,
        decisions,
        deliveries,
        **tables,
        before=before,
        receipts=tuple(stage.receiver.receipts),
    )


async def _log(kafka: str, topic: str) -> Log:
    return [
        Line(
            topic,
            one.partition,
            one.offset,
            one.timestamp,
            (one.key or b"").decode(),
            one.value or b"",
            tuple(one.headers),
        )
        for one in await all_records(kafka, topic)
    ]


async def _read(url: str, schema: str) -> dict[str, Rows]:
    connection = await asyncpg.connect(url, server_settings={"search_path": schema})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {
                name: [dict(row) for row in await connection.fetch(statement)]
                for name, statement in _TABLES[schema].items()
            }
    finally:
        await connection.close()


def applied(log: Log, tables: Mapping[str, Rows]) -> list[Line]:
    """Return the part of *log* that a service had applied when its *tables* were read."""
    upto = {(row["topic"], row["partition"]): row["next_offset"] for row in tables["progress"]}
    return [one for one in log if one.offset < upto.get((one.topic, one.partition), 0)]

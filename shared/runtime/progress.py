"""How far a service has read: rows of its own ``progress``, written with the effects.

Kafka's group commits are for graphs only. A handler locks its partitions' rows, skips what is
already applied, and moves the rows on, all in the transaction of its effects; so a record takes
effect once, whoever else believes to own the partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from shared.contract.errors import PermanentError, Reason
from shared.runtime.database import Connection, Database

Partition = tuple[str, int]
"""A topic's full name and a partition's number."""

# In the order of the partitions, so that nobody waits in a circle.
_LOCK: Final = text(
    "SELECT partition, next_offset FROM progress WHERE topic = :topic"
    " AND partition = ANY(CAST(:partitions AS int[])) ORDER BY partition FOR UPDATE"
)
_ADVANCE: Final = text(
    "UPDATE progress SET next_offset = applied.upto FROM unnest(CAST(:partitions AS int[]),"
    " CAST(:uptos AS bigint[])) AS applied (partition, upto)"
    " WHERE topic = :topic AND progress.partition = applied.partition"
)
_RECORDED: Final = text(
    "SELECT partition, next_offset, cluster_id FROM progress WHERE topic = :topic"
)
_FIRST: Final = text(
    "INSERT INTO progress (topic, partition, next_offset, cluster_id)"
    " SELECT :topic, p, o, :cluster_id FROM unnest(CAST(:partitions AS int[]),"
    " CAST(:offsets AS bigint[])) AS given (p, o) ORDER BY p ON CONFLICT DO NOTHING"
)
_POSITIONS: Final = text(
    "SELECT topic, partition, next_offset FROM progress WHERE topic = ANY(CAST(:topics AS text[]))"
)
_CAUGHT_UP: Final = text(
    "UPDATE progress SET caught_up_at = applied.at"
    " FROM (SELECT topic, partition, max(look.at) AS at FROM progress JOIN"
    " unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:ends AS bigint[]),"
    " CAST(:ats AS timestamptz[])) AS look (topic, partition, log_end, at)"
    " USING (topic, partition) WHERE next_offset >= log_end GROUP BY topic, partition) AS applied"
    " WHERE progress.topic = applied.topic AND progress.partition = applied.partition"
    " AND (progress.caught_up_at IS NULL OR progress.caught_up_at < applied.at)"
)


class StaleDataError(PermanentError):
    """What the database remembers is not what Kafka holds; going on would lose or double events.

    The process ends with exit code 78; the message says what differs and what to do.
    """

    reason = Reason.STALE_DATA


@dataclass(frozen=True, slots=True)
class LogBounds:
    """What Kafka still holds of a partition: offsets from *start* up to, not including, *end*."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a partition's log.

    Attributes:
        at: The schema's ``clock()`` before the log was asked for its end.
        end: That end. Everything that was in the log at `at` lies below it, so once it is applied,
            timers due up to `at` may fire.
    """

    at: datetime
    end: int


async def lock(conn: Connection, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Return the next offset to apply of each partition, locked until *conn*'s transaction ends.

    Drop every record below it. Two workers on one partition wait for each other here.

    Raises:
        StaleDataError: One of the partitions was never recorded.
    """
    wanted = sorted(partitions)
    found = await conn.execute(_LOCK, {"topic": topic, "partitions": wanted})
    positions = {row.partition: row.next_offset for row in found}
    for partition in wanted:
        if partition not in positions:
            msg = f"{topic} has a partition {partition} of which this database knows nothing"
            raise StaleDataError(msg)
    return positions


async def advance(conn: Connection, topic: str, next_offsets: Mapping[int, int]) -> None:
    """Record that everything below *next_offsets* is applied, in the effects' own transaction."""
    given = {
        "topic": topic,
        "partitions": list(next_offsets),
        "uptos": list(next_offsets.values()),
    }
    await conn.execute(_ADVANCE, given)


class Progress:
    """The positions of record of one service, as `shared.runtime.kafka.consume` asks for them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, topic: str, cluster_id: str, log: Mapping[int, LogBounds]) -> None:
        """Hold what is recorded of *topic* against what Kafka says; record it the first time.

        Raises:
            StaleDataError: Another cluster, another number of partitions, or offsets that Kafka
                no longer holds or never did.
            DatabaseUnavailableError: Ask again later.
        """
        async with self._database.transaction() as conn:
            rows = (await conn.execute(_RECORDED, {"topic": topic})).all()
            if not rows:
                given = {
                    "topic": topic,
                    "cluster_id": cluster_id,
                    "partitions": sorted(log),
                    "offsets": [log[partition].start for partition in sorted(log)],
                }
                await conn.execute(_FIRST, given)
                return
        for row in rows:
            _same_cluster(topic, row.cluster_id, cluster_id)
        recorded = {row.partition: row.next_offset for row in rows}
        _same_partitions(topic, recorded, log)
        for partition, next_offset in sorted(recorded.items()):
            _within(topic, partition, next_offset, log[partition])

    async def positions(self, topics: Sequence[str]) -> dict[Partition, int]:
        """Return the next offset to apply of every recorded partition of *topics*."""
        async with self._database.transaction() as conn:
            rows = await conn.execute(_POSITIONS, {"topics": list(topics)})
            return {(row.topic, row.partition): row.next_offset for row in rows}

    async def now(self) -> datetime:
        """Return the schema's ``clock()``, aware, UTC."""
        async with self._database.transaction() as conn:
            at: datetime = (await conn.execute(text("SELECT clock()"))).scalar_one()
            return at

    async def caught_up(self, looks: Iterable[tuple[Partition, Look]]) -> dict[Partition, int]:
        """Mark each partition by its newest look up to whose end it is applied.

        Returns:
            The next offset to apply of every partition of those topics.
        """
        async with self._database.transaction() as conn:
            listed = list(looks)
            topics = [topic for (topic, _), _ in listed]
            given = {
                "topics": topics,
                "partitions": [partition for (_, partition), _ in listed],
                "ends": [look.end for _, look in listed],
                "ats": [look.at for _, look in listed],
            }
            await conn.execute(_CAUGHT_UP, given)
            rows = await conn.execute(_POSITIONS, {"topics": sorted(set(topics))})
            return {(row.topic, row.partition): row.next_offset for row in rows}


def _same_cluster(topic: str, recorded: str, found: str) -> None:
    if recorded != found:
        msg = (
            f"{topic}: this database was filled from the Kafka cluster {recorded}, but the one at"
            f" KAFKA_BOOTSTRAP_SERVERS is {found}. Point it at the old cluster, or start with an"
            " empty database (DATABASE_URL) to read the new one from its beginning."
        )
        raise StaleDataError(msg)


def _same_partitions(topic: str, recorded: Mapping[int, int], log: Mapping[int, LogBounds]) -> None:
    if recorded.keys() != log.keys():
        msg = (
            f"{topic}: it has {len(log)} partitions, but was read with {len(recorded)}. A ticket's"
            " events are in order only within one partition, so the number must not change. Write"
            f" the events again to a new topic with {len(recorded)} partitions (another"
            " TIERLINE_TOPIC_PREFIX), or start with an empty database to read this one anew."
        )
        raise StaleDataError(msg)


def _within(topic: str, partition: int, next_offset: int, log: LogBounds) -> None:
    if next_offset < log.start:
        msg = (
            f"{topic}, partition {partition}: offsets {next_offset} to {log.start - 1} were deleted"
            " before they were applied. Restore them from a backup of the topic; or accept the"
            " loss: set next_offset in the table progress to"
            f" {log.start}, and raise the topic's retention."
        )
        raise StaleDataError(msg)
    if next_offset > log.end:
        msg = (
            f"{topic}, partition {partition}: {next_offset} events were applied, but the topic ends"
            f" at offset {log.end}. It was deleted and made anew, or lost its end. Restore it, or"
            " start with an empty database to read this one from its beginning."
        )
        raise StaleDataError(msg)

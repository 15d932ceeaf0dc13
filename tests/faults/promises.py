"""What intake has answered 202 to, held against the log record by record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.kafka_topics import all_records

SOURCE = "desk"


def an_event(ticket: str, number: int) -> dict[str, Any]:
    """Return the *number*-th event of *ticket*."""
    return {
        "specversion": "1.0",
        "id": f"{ticket}-{number}",
        "source": SOURCE,
        "type": "ticket.message",
        "subject": ticket,
        "time": "2026-03-02T10:00:00Z",
        "data": {"author": "customer", "public": True, "number": number, "text": "x" * 200},
    }


@dataclass(frozen=True, slots=True)
class Promise:
    """One 202: what was sent, and where it lies by intake's word."""

    event: dict[str, Any]
    partition: int
    offset: int


@dataclass
class Promises:
    """Every 202 of a run."""

    made: list[Promise] = field(default_factory=list)

    def note(self, event: dict[str, Any], said: dict[str, Any]) -> None:
        """Take down a 202."""
        self.made.append(Promise(event, said["partition"], said["offset"]))


@dataclass(frozen=True)
class Verdict:
    """What the log says of the promises.

    Attributes:
        broken: What is wrong, a line each; a good run has none.
        records: How many records lie in the log.
        repeats: How many of them have an id that an earlier one has.
    """

    broken: Sequence[str]
    records: int
    repeats: int


async def kept(promises: Promises, kafka: str, topic: str, *, ordered: bool) -> Verdict:
    """Return whether each promise lies where it was said, as it was sent.

    Args:
        promises: Every 202.
        kafka: Where the log is.
        topic: Its topic.
        ordered: Whether each event of a ticket was posted once the one before it was accepted, so
            that they must lie in this order.
    """
    records = await all_records(kafka, topic)
    lies = {(one.partition, one.offset): one for one in records}
    ids: set[str] = set()
    newest: dict[str, int] = {}
    broken, repeats = [], 0
    for record in records:
        event = json.loads(record.value or b"null")
        if event["id"] in ids:
            repeats += 1
            continue
        ids.add(event["id"])
        number = event["data"]["number"]
        if ordered and number < newest.get(event["subject"], -1):
            broken.append(f"{event['id']} lies behind a later event of its ticket")
        newest[event["subject"]] = number
    broken += _broken(promises.made, lies)
    return Verdict(broken, len(records), repeats)


def _broken(made: Sequence[Promise], lies: dict[tuple[int, int], Any]) -> Iterator[str]:
    for one in made:
        place = f"{one.partition}:{one.offset}"
        record = lies.get((one.partition, one.offset))
        if record is None:
            yield f"{one.event['id']} was accepted, but nothing lies at {place}"
            continue
        found = json.loads(record.value)
        for stamp in ("receivedat", "partitionkey"):
            found.pop(stamp)
        if found != one.event:
            yield f"{one.event['id']} was accepted, but at {place} lies {found}"
        elif record.key.decode() != f"{SOURCE}:{one.event['subject']}":
            yield f"{one.event['id']} lies under the key {record.key!r}"

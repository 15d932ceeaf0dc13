"""The topics: what was accepted lies there, versions have no gap, repeats are the same bytes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from shared.contract.ids import decision_id, ticket_key
from tests.chaos.checks.finding import Fault, Finding
from tests.chaos.evidence import Evidence, Log
from tests.chaos.story import SOURCE


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield everything that is wrong with the topics, and with the outbox that fills one."""
    yield from _accepted(evidence)
    yield from _same_content(evidence.events)
    yield from _versions(evidence.decisions)
    for log in (evidence.decisions, evidence.deliveries):
        yield from _identical_repeats(log)
    yield from _published(evidence)


def _accepted(evidence: Evidence) -> Iterator[Finding]:
    lies = {(one.partition, one.offset): one for one in evidence.events}
    for one in evidence.accepted:
        place = f"tickets.events/{one.partition}:{one.offset}"
        record = lies.get((one.partition, one.offset))
        if record is None:
            yield Finding(Fault.LOST, f"{one.id} was accepted, but nothing lies at {place}")
            continue
        sent, found = json.loads(one.sent), record.event
        if sent != _as_sent(found):
            yield Finding(Fault.MISMATCH, f"at {place} lies {found}, accepted was {sent}")
        if record.key != ticket_key(SOURCE, sent["subject"]):
            yield Finding(Fault.MISMATCH, f"at {place} the key is {record.key}")


def _same_content(events: Log) -> Iterator[Finding]:
    """However often an event lies in the log, only the stamps of its receipt may differ."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for record in events:
        event = _as_sent(record.event)
        known = first.setdefault((event["source"], event["id"]), event)
        if known != event:
            yield Finding(Fault.MISMATCH, f"{event['id']} lies in the log as {known} and {event}")


def _versions(decisions: Log) -> Iterator[Finding]:
    heard: dict[str, int] = defaultdict(int)
    for record in decisions:
        event = record.event
        ticket, version = event["subject"], event["data"]["version"]
        if record.key != ticket or event["data"]["ticket"] != ticket:
            yield Finding(Fault.MISMATCH, f"{record.key} is the key of {event}")
        if event["id"] != str(decision_id(ticket, version)):
            yield Finding(Fault.WRONG, f"{ticket} version {version} has the id {event['id']}")
        if version > heard[ticket] + 1:
            missing = f"{heard[ticket] + 1} to {version - 1}"
            yield Finding(Fault.GAP, f"{ticket}: version {version} comes before {missing}")
        heard[ticket] = max(heard[ticket], version)


def _identical_repeats(log: Log) -> Iterator[Finding]:
    first: dict[str, bytes] = {}
    for record in log:
        key = record.event["id"]
        if first.setdefault(key, record.value) != record.value:
            said = f"{first[key]!r} and {record.value!r}"
            yield Finding(Fault.MISMATCH, f"{record.topic}: {key} was said as {said}")


def _published(evidence: Evidence) -> Iterator[Finding]:
    """What the outbox says is published lies on the topic, the same bytes; and nothing else does."""
    said = {
        (one.key, one.event["data"]["version"]): one.value for one in reversed(evidence.decisions)
    }
    for row in evidence.escalator["outbox"]:
        place = (row["ticket"], row["version"])
        if row["dead_at"] is not None:
            yield Finding(Fault.LOST, f"{place} was given up by the relay")
        elif row["published_at"] is not None and place not in said:
            yield Finding(Fault.LOST, f"{place} is marked as published, but is not on the topic")
        elif place in said and said[place] != bytes(row["payload"]):
            yield Finding(Fault.MISMATCH, f"{place}: the topic and the outbox differ")


def _as_sent(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return *event* without what intake adds."""
    return {
        name: part for name, part in event.items() if name not in ("receivedat", "partitionkey")
    }


def raw_repeats(log: Log) -> int:
    """Return how many records of *log* have an id that an earlier one has."""
    keys = [(one.event["source"], one.event["id"]) for one in log]
    return len(keys) - len(set(keys))

"""The running system's own log, read at the terminal: events, decisions, and the policies."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from cli.output import WRONG_USE, fail, progress
from shared.contract.decisions import DecisionEvent, decode_decision
from shared.contract.errors import InvalidEventError
from shared.contract.events import TicketEvent, decode_event
from shared.contract.policies import decode_policy
from shared.contract.times import EPOCH, Instant, instant
from shared.contract.topics import POLICIES, TICKET_EVENTS, TIER_CHANGES
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy, load_policy_file
from shared.runtime.kafka import (
    Incoming,
    KafkaUnavailableError,
    TopicMissingError,
    read_whole,
    reading,
)
from shared.runtime.settings import RuntimeSettings, SettingsError

T = TypeVar("T")


class KafkaSettings(RuntimeSettings):
    """What every service is told of Kafka, and nothing of a service's own."""


def settings(command: str) -> KafkaSettings:
    """Return where Kafka is, by the variables that services read; else end *command*."""
    try:
        return KafkaSettings.from_env(os.environ)
    except SettingsError as error:
        fail(command, f"{error}; or name files of events and decisions", code=WRONG_USE)


def asked(command: str, work: Coroutine[Any, Any, T]) -> T:
    """Return what *work* finds in Kafka, or end *command* with what to do."""
    try:
        return asyncio.run(work)
    except TopicMissingError as error:
        fail(command, str(error))
    except KafkaUnavailableError as error:
        fail(command, f"{error}. Is KAFKA_BOOTSTRAP_SERVERS right, and is it up?")


def live_events(command: str, where: KafkaSettings) -> list[TicketEvent]:
    """Return every event of the log of record, in the order in which it was accepted."""
    found = asked(command, _whole(where, TICKET_EVENTS))
    return [event for record in found if (event := event_in(record)) is not None]


def live_decisions(command: str, where: KafkaSettings) -> list[DecisionEvent]:
    """Return every decision of the log, those of one ticket in their order."""
    found = asked(command, _whole(where, TIER_CHANGES))
    decisions = []
    for record in found:
        try:
            decisions.append(decode_decision(record.value, record.headers))
        except InvalidEventError:
            continue  # the services keep what cannot be read as dead letters
    return decisions


def live_policies(command: str, where: KafkaSettings, file: Path | None) -> PolicyTimeline:
    """Return the versions that were activated, *file* (default: the shipped one) before them."""
    records = asked(command, read_whole(where.kafka, f"{where.topic_prefix}{POLICIES}"))
    try:
        versions = [(Instant(0), load_policy_file(file or DEFAULT_POLICY))]
        for record in records:
            said = decode_policy(record.value, record.headers).data
            policy = load_policy(said.text, name=f"version {said.version}")
            begins = Instant(0) if said.active_from == EPOCH else instant(said.active_from)
            versions = [one for one in versions if one[1].version != policy.version]
            versions.append((begins, policy))
    except (PolicyError, InvalidEventError) as error:
        fail(command, str(error))
    return PolicyTimeline(versions)


def file_policies(command: str, file: Path | None) -> PolicyTimeline:
    """Return the policy in *file* (default: the shipped one) for all time, or end *command*."""
    return PolicyTimeline([(Instant(0), file_policy(command, file))])


def file_policy(command: str, file: Path | None) -> Policy:
    """Return the policy in *file* (default: the shipped one), or end *command*."""
    try:
        return load_policy_file(file or DEFAULT_POLICY)
    except PolicyError as error:
        fail(command, str(error))


def event_in(record: Incoming) -> TicketEvent | None:
    """Return the event in *record*, None where it is none: the services keep such as dead letters."""
    try:
        return decode_event(record.value, record.headers)
    except InvalidEventError:
        return None


async def _whole(where: KafkaSettings, topic: str) -> list[Incoming]:
    found: list[Incoming] = []
    with progress() as bar:
        task = bar.add_task(f"reading {topic}", total=None)
        async with reading(where.kafka, f"{where.topic_prefix}{topic}") as reader:
            async for batch in reader.present():
                found += batch
                bar.update(task, completed=len(found))
    return sorted(found, key=lambda one: (one.timestamp, one.partition, one.offset))

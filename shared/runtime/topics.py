"""The registry's topics on a real Kafka: made, and held to what they should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.contract.topics import TOPICS, Topic
from shared.runtime.kafka import TopicMissingError, TopicShape, create_topic, describe_topic
from shared.runtime.settings import KafkaAccess

DURABLE_REPLICAS = 3
"""Copies of every partition where the cluster has as many brokers."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic of the registry as Kafka has it.

    Attributes:
        name: Its full name, prefix included.
        shape: What Kafka says; None where there is none.
        flaws: What differs from the registry, one sentence each.
    """

    name: str
    shape: TopicShape | None
    flaws: tuple[str, ...]


async def create_topics(access: KafkaAccess, *, prefix: str = "", replicas: int = -1) -> list[str]:
    """Make the topics that are missing, and return their full names.

    Args:
        access: How to reach Kafka.
        prefix: What stands before every name.
        replicas: Copies of each partition; -1 takes the broker's default. With 3 or more, 2 must
            have a record before it counts.

    Raises:
        KafkaUnavailableError: Kafka is away, or refuses.
    """
    made = []
    for topic in TOPICS:
        config = dict(topic.config)
        if replicas >= DURABLE_REPLICAS:
            config["min.insync.replicas"] = str(replicas - 1)
        name = f"{prefix}{topic.name}"
        if await create_topic(
            access, name, partitions=topic.partitions, replicas=replicas, config=config
        ):
            made.append(name)
    return made


async def topic_states(access: KafkaAccess, *, prefix: str = "") -> list[TopicState]:
    """Return how every topic of the registry stands.

    Raises:
        KafkaUnavailableError: Kafka is away, or refuses.
    """
    states = []
    for topic in TOPICS:
        name = f"{prefix}{topic.name}"
        try:
            shape = await describe_topic(access, name)
        except TopicMissingError as error:
            states.append(TopicState(name, None, (str(error),)))
        else:
            states.append(TopicState(name, shape, tuple(_flaws(topic, shape))))
    return states


def _flaws(topic: Topic, shape: TopicShape) -> Iterator[str]:
    if shape.partitions != topic.partitions:
        yield (
            f"It has {shape.partitions} partitions instead of {topic.partitions}: tickets that"
            " exist already would change their partition."
        )
    for name, wanted in topic.config.items():
        found = shape.config.get(name)
        if found != wanted:
            yield f"{name} is {found} instead of {wanted}."
    in_sync = int(shape.config.get("min.insync.replicas", "1"))
    if shape.replicas >= DURABLE_REPLICAS and in_sync < shape.replicas - 1:
        yield f"min.insync.replicas is {in_sync}: one broker's loss can lose accepted events."

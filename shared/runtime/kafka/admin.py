"""What Kafka says of itself and its topics, and the making of topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contract.errors import Reason, TransientError
from shared.runtime.kafka.client import START_S, client_options, let_go
from shared.runtime.settings import KafkaAccess

_UNKNOWN_TOPIC: Final = 3
_LOOK_AGAIN_S: Final = 0.02


class KafkaUnavailableError(TransientError):
    """Kafka does not answer, or not now."""

    reason = Reason.KAFKA_UNAVAILABLE


class TopicMissingError(TransientError):
    """A topic is not there (yet); `tierline topics create` makes it."""

    reason = Reason.KAFKA_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class TopicShape:
    """A topic as Kafka has it.

    Attributes:
        partitions: How many.
        replicas: Copies of each partition, the least of all partitions.
        config: Every setting in force, as text.
    """

    partitions: int
    replicas: int
    config: Mapping[str, str]


async def cluster_id(access: KafkaAccess) -> str:
    """Return the id that the cluster was formatted with.

    Raises:
        KafkaUnavailableError: No broker answers.
    """
    async with _admin(access) as admin:
        described = await admin.describe_cluster()
        return str(described["cluster_id"])


async def describe_topic(access: KafkaAccess, topic: str) -> TopicShape:
    """Return the shape of *topic* (its full name).

    Raises:
        TopicMissingError: There is none.
        KafkaUnavailableError: No broker answers, or Kafka refuses.
    """
    async with _admin(access) as admin:
        (found,) = await admin.describe_topics([topic])
        if found["error_code"] == _UNKNOWN_TOPIC:
            msg = f"there is no topic {topic}; make it with: tierline topics create"
            raise TopicMissingError(msg)
        if found["error_code"]:
            msg = f"{topic}: {for_code(found['error_code']).__name__}"
            raise KafkaUnavailableError(msg)
        config = await _config(admin, topic)
    partitions = found["partitions"]
    replicas = min((len(one["replicas"]) for one in partitions), default=0)
    return TopicShape(len(partitions), replicas, config)


async def create_topic(
    access: KafkaAccess, topic: str, *, partitions: int, replicas: int, config: Mapping[str, str]
) -> bool:
    """Make *topic* (its full name), and return once brokers speak of it; False if it was there.

    Args:
        access: How to reach Kafka.
        topic: Its full name.
        partitions: How many; they cannot be changed later.
        replicas: Copies of each partition; -1 takes the broker's default.
        config: Its settings.

    Raises:
        KafkaUnavailableError: No broker answers, or Kafka refuses; the message says why.
    """
    new = NewTopic(topic, partitions, 1, topic_configs=dict(config))
    # Set afterwards: the client's own check takes -1 for a forgotten assignment.
    new.replication_factor = replicas
    async with _admin(access) as admin:
        answer: Any = await admin.create_topics([new])
        ((name, code, *why),) = answer.topic_errors
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            msg = f"{name}: {error.__name__} {why[0] if why else ''}".rstrip()
            raise KafkaUnavailableError(msg)
        # The controller answers before the brokers have heard of it.
        while (await admin.describe_topics([topic]))[0]["error_code"]:  # noqa: ASYNC110  no event to wait for
            await asyncio.sleep(_LOOK_AGAIN_S)
    return not code


async def _config(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    answers: list[Any] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic)]
    )
    entries: list[Any] = [
        entry for answer in answers for resource in answer.resources for entry in resource[4]
    ]
    return {str(entry[0]): str(entry[1]) for entry in entries}


@asynccontextmanager
async def _admin(access: KafkaAccess) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(access))
    try:
        async with asyncio.timeout(START_S):
            await admin.start()
            yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        msg = f"Kafka at {access.bootstrap_servers}: {error!r}"
        raise KafkaUnavailableError(msg) from error
    finally:
        await let_go(admin.close())

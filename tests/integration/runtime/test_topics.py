"""The registry's topics on a real Kafka."""

from shared.contract.topics import TOPICS
from shared.runtime.kafka import cluster_id, create_topic
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics, topic_states


async def test_all_topics_are_made_once_and_then_stand_as_registered(
    kafka: str, topic_prefix: str
) -> None:
    access = KafkaAccess(bootstrap_servers=kafka)
    made = await create_topics(access, prefix=topic_prefix, replicas=1)
    assert made == [f"{topic_prefix}{topic.name}" for topic in TOPICS]
    assert await create_topics(access, prefix=topic_prefix, replicas=1) == []
    for state in await topic_states(access, prefix=topic_prefix):
        assert state.shape is not None
        assert state.flaws == ()


async def test_without_a_number_of_replicas_the_brokers_default_holds(
    kafka: str, topic_prefix: str
) -> None:
    access = KafkaAccess(bootstrap_servers=kafka)
    await create_topics(access, prefix=topic_prefix)
    states = await topic_states(access, prefix=topic_prefix)
    assert [state.shape and state.shape.replicas for state in states] == [1] * len(TOPICS)


async def test_a_topic_that_differs_or_is_missing_is_named(kafka: str, topic_prefix: str) -> None:
    access = KafkaAccess(bootstrap_servers=kafka)
    wrong = f"{topic_prefix}tickets.events"
    await create_topic(access, wrong, partitions=2, replicas=1, config={"retention.ms": "1000"})
    states = {state.name: state for state in await topic_states(access, prefix=topic_prefix)}
    said = " ".join(states[wrong].flaws)
    assert "2 partitions instead of 12" in said
    assert "retention.ms is 1000 instead of -1" in said
    missing = states[f"{topic_prefix}tickets.tier-changes"]
    assert missing.shape is None
    assert "tierline topics create" in missing.flaws[0]


async def test_the_cluster_has_an_id(kafka: str) -> None:
    assert len(await cluster_id(KafkaAccess(bootstrap_servers=kafka))) == 22

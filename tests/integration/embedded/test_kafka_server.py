"""A Kafka that Tierline runs itself: what it keeps, and what it says when it cannot start."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from cli.embedded.errors import ServerStartError
from cli.embedded.kafka import KafkaServer
from cli.embedded.kafka_probe import ask_broker
from tests.support.servers import server_home

TOPIC = "kept"
ENOUGH = 50


async def create_topic(server: KafkaServer) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce_until_refused(
    server: KafkaServer, acknowledged: list[bytes], under_way: asyncio.Event
) -> None:
    """Append to *acknowledged* every record that the broker has acknowledged, until it is gone."""
    producer = AIOKafkaProducer(
        bootstrap_servers=server.bootstrap_servers, acks="all", request_timeout_ms=1000
    )
    await producer.start()
    try:
        while server.running:
            value = str(len(acknowledged)).encode()
            await asyncio.wait_for(producer.send_and_wait(TOPIC, value), timeout=2)
            acknowledged.append(value)
            if len(acknowledged) == ENOUGH:
                under_way.set()
    except (KafkaError, TimeoutError):
        return
    finally:
        await asyncio.wait_for(producer.stop(), timeout=5)


async def read_all(server: KafkaServer) -> list[bytes]:
    partition = TopicPartition(TOPIC, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=server.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while len(values) < end:
            batch = await consumer.getmany(timeout_ms=1000)
            values += [record.value for record in batch.get(partition, []) if record.value]
        return values
    finally:
        await consumer.stop()


async def test_acknowledged_records_are_there_after_sigkill(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = await asyncio.to_thread(own_kafka)
    address, cluster = server.bootstrap_servers, server.cluster_id
    await create_topic(server)
    acknowledged: list[bytes] = []
    under_way = asyncio.Event()
    producing = asyncio.create_task(produce_until_refused(server, acknowledged, under_way))
    await under_way.wait()
    await asyncio.to_thread(server.kill)
    assert not server.running
    await producing
    await asyncio.to_thread(server.start)
    assert (server.bootstrap_servers, server.cluster_id) == (address, cluster)
    assert set(acknowledged) <= set(await read_all(server))


async def test_a_stopped_kafka_comes_back_with_its_address_and_its_records() -> None:
    with server_home() as home:
        first = KafkaServer(home)
        await asyncio.to_thread(first.start)
        try:
            await create_topic(first)
            producer = AIOKafkaProducer(bootstrap_servers=first.bootstrap_servers)
            await producer.start()
            await producer.send_and_wait(TOPIC, b"once")
            await producer.stop()
        finally:
            first.stop()
        assert not first.running
        again = KafkaServer(home)
        await asyncio.to_thread(again.start)
        try:
            assert again.cluster_id == first.cluster_id
            assert again.bootstrap_servers == first.bootstrap_servers
            assert await read_all(again) == [b"once"]
        finally:
            again.stop()


def test_two_kafkas_run_side_by_side_whatever_their_folders_are_called(kafka: str) -> None:
    with server_home() as home:
        odd = home / "the möbius, desk = 100%"
        server = KafkaServer(odd)
        server.start()
        try:
            assert server.bootstrap_servers != kafka
            for address in (server.bootstrap_servers, kafka):
                host, port = address.split(":")
                assert ask_broker(host, int(port)).brokers == (address,)
            assert (odd / "kafka" / "data" / "meta.properties").exists()
        finally:
            server.stop()


def test_a_start_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = KafkaServer(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(ServerStartError, match="Address already in use"):
            server.start()
    assert not server.running


def test_something_that_listens_but_is_no_kafka_is_told_from_one() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(TimeoutError),
    ):
        ask_broker("127.0.0.1", silent.getsockname()[1], timeout_s=0.1)

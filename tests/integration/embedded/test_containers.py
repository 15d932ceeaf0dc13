"""The other provider of the same servers: the images that production runs."""

import asyncpg
import pytest

from cli.embedded.kafka_probe import ask_broker
from tests.support.servers import kafka_container, postgres_container

pytestmark = pytest.mark.containers


def test_apaches_kafka_image_serves_at_the_address_that_it_advertises() -> None:
    with kafka_container() as address:
        host, port = address.split(":")
        assert ask_broker(host, int(port)).brokers == (address,)


async def test_postgres_image_lets_tests_make_databases() -> None:
    with postgres_container() as url:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("CREATE DATABASE another")
        finally:
            await connection.close()

"""The servers of a benchmark: those that the environment names, or embedded ones of its own."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.embedded.kafka import KafkaServer
from cli.embedded.postgres import PostgresServer


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """Give Kafka's bootstrap servers and the URL of a database, both durable."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tierline-bench-")))
        kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        if kafka is None:
            broker = KafkaServer(home / "kafka")
            stack.callback(broker.stop)
            broker.start()
            kafka = broker.bootstrap_servers
        url = os.environ.get("DATABASE_URL")
        if url is None:
            postgres = PostgresServer(home / "postgres")
            stack.callback(postgres.stop)
            postgres.start()
            url = postgres.create_database(f"bench_{secrets.token_hex(4)}")
        yield kafka, url

"""The Kafka and the PostgreSQL of a run: started here, or ones that exist already."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cli.embedded.kafka import KafkaServer, KafkaTuning
from cli.embedded.postgres import PostgresServer
from cli.embedded.postgres_settings import PostgresTuning

DATABASE = "tierline"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients find the servers.

    Attributes:
        bootstrap_servers: Kafka, ``host:port``, comma-separated.
        database_url: PostgreSQL, ``postgresql://…``.
    """

    bootstrap_servers: str
    database_url: str


class Servers:
    """Both servers, as a context: started together on entry, stopped on exit.

    Where *environ* names a server by ``KAFKA_BOOTSTRAP_SERVERS`` or ``DATABASE_URL``, that one is
    used and none is started in its place.
    """

    def __init__(
        self,
        home: Path,
        environ: Mapping[str, str],
        *,
        kafka_tuning: KafkaTuning | None = None,
        postgres_tuning: PostgresTuning | None = None,
    ) -> None:
        """Describe the servers; nothing happens before :meth:`start`.

        Args:
            home: The data folder of the servers that are started here.
            environ: Where the names of existing servers are read.
            kafka_tuning: Heap, compiler, timeouts of a Kafka started here.
            postgres_tuning: Durability and sizes of a PostgreSQL started here.
        """
        self._bootstrap = environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
        self._database_url = environ.get("DATABASE_URL", "")
        self.kafka = None if self._bootstrap else KafkaServer(home, tuning=kafka_tuning)
        self.postgres = None if self._database_url else PostgresServer(home, tuning=postgres_tuning)

    @property
    def addresses(self) -> Addresses:
        """Where the servers are; known once they have been started."""
        return Addresses(
            self.kafka.bootstrap_servers if self.kafka else self._bootstrap,
            self.postgres.url(DATABASE) if self.postgres else self._database_url,
        )

    def start(self) -> Addresses:
        """Start what is to be started, at the same time, and return where it is.

        Raises:
            EmbeddedError: One of them did not start; the other is stopped again.
        """
        if self.kafka:
            self.kafka.fetch_jars()  # on this thread, where an interrupt ends it
        with ThreadPoolExecutor(2) as pool:
            started = [pool.submit(one.start) for one in (self.kafka, self.postgres) if one]
        try:
            for one in started:
                one.result()
            if self.postgres:
                self.postgres.create_database(DATABASE)
        except BaseException:
            self.stop()
            raise
        return self.addresses

    def stop(self) -> None:
        """Stop what was started here, at the same time."""
        with ThreadPoolExecutor(2) as pool:
            stopped = [pool.submit(one.stop) for one in (self.kafka, self.postgres) if one]
        for one in stopped:
            one.result()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

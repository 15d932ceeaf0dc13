"""When each API key was last used: noted in memory, and told to all instances now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from shared.access.keys import ApiKey
from shared.contract.envelope import encode, headers
from shared.contract.errors import InvalidEventError, TransientError
from shared.contract.uses import decode_use, key_used
from shared.runtime.kafka import Publisher, PublisherBrokenError, Record, read_whole
from shared.runtime.run import stopped_within
from shared.runtime.settings import KafkaAccess

log = structlog.get_logger()

TOLD_EVERY_S: Final = 60.0
"""How often it is looked whether there is something to tell."""

NEWS: Final = timedelta(minutes=10)
"""A use is told where the one that was told last is older than this."""


class Uses:
    """The last uses that this process knows of, and the way to those that all know of."""

    def __init__(self, publisher: Publisher, kafka: KafkaAccess, topic: str) -> None:
        """Note nothing yet.

        Args:
            publisher: The way into *topic*.
            kafka: How to read it.
            topic: The full name of the topic of uses.
        """
        self._publisher = publisher
        self._kafka = kafka
        self._topic = topic
        self._noted: dict[str, tuple[str, datetime]] = {}
        self._told: dict[str, datetime] = {}

    def note(self, key: ApiKey, at: datetime) -> None:
        """Note that *key* was used at *at*; nobody waits for anything."""
        self._noted[key.id] = (key.name, at)

    async def run(self, stop: asyncio.Event) -> None:
        """Tell what is new until *stop* is set, and once more then."""
        while not await stopped_within(stop, TOLD_EVERY_S):
            await self.tell(NEWS)
        await self.tell(timedelta(0))

    async def tell(self, news: timedelta) -> None:
        """Publish uses that are more than *news* later than what was told; none is waited for long."""
        due = {
            key: noted
            for key, noted in self._noted.items()
            if key not in self._told or noted[1] - self._told[key] > news
        }
        events = [key_used(key, name, at) for key, (name, at) in due.items()]
        if not events:
            return
        if not await self._publisher.answers(self._topic):
            # What cannot be published costs a publisher its connection, and events share this one.
            log.warning("uses of keys not told", why=f"Kafka is away, or has no {self._topic}")
            return
        try:
            await self._publisher.publish(
                [
                    Record(self._topic, one.subject.encode(), encode(one), headers(one))
                    for one in events
                ]
            )
        except (TransientError, PublisherBrokenError) as error:
            # The next look tells it: nothing is lost but its being known elsewhere.
            log.warning("uses of keys not told", why=str(error))
            return
        self._told |= {key: at for key, (_, at) in due.items()}

    async def latest(self) -> Mapping[str, datetime]:
        """Return when each key was last used, by its id, as far as any instance has told.

        Raises:
            KafkaUnavailableError: The topic could not be read.
        """
        found = {key: at for key, (_, at) in self._noted.items()}
        for record in await read_whole(self._kafka, self._topic):
            try:
                said = decode_use(record.value, record.headers).data
            except InvalidEventError:
                continue  # not ours, and nothing depends on it
            found[said.key] = max(said.at, found.get(said.key, said.at))
        return found

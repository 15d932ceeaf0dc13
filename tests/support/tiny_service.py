"""The smallest service: applies records to the tracker's schema. Run: -m tests.support.tiny_service."""

import asyncio
import os

from shared.runtime.database import open_database
from shared.runtime.health import serve, service_app
from shared.runtime.kafka import ConsumeOptions, consume
from shared.runtime.progress import Progress
from shared.runtime.run import run, together
from shared.runtime.settings import DatabaseSettings
from tests.support.consuming import Applier


class Settings(DatabaseSettings):
    """TINY_TOPIC names what it consumes."""

    prefix = "TINY_"

    topic_name: str


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Consume and serve until told to stop."""
    url = settings.database_url.get_secret_value()
    async with open_database(url, schema="tracker", clock=settings.clock) as database:

        async def ready() -> dict[str, bool]:
            return {"database": await database.ready()}

        await together(
            stop,
            consume(
                [settings.topic_name],
                Applier(database).handle,
                access=settings.kafka,
                progress=Progress(database),
                options=ConsumeOptions(group="tiny"),
                stop=stop,
            ),
            serve(
                service_app("tiny", ready=ready),
                host=settings.http_host,
                port=settings.http_port,
                stop=stop,
                drain_delay_s=settings.drain_delay_s,
            ),
        )


if __name__ == "__main__":
    run("tiny", Settings, main, os.environ)

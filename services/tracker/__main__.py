"""The tracker: projects the topics into a read model, and answers questions about it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

from fastapi import Depends

from services.tracker import metrics
from services.tracker.access import Access
from services.tracker.acting import intake_at
from services.tracker.api import routes
from services.tracker.api_drafts import draft_routes
from services.tracker.api_reasons import reasons
from services.tracker.api_stream import streaming
from services.tracker.core.message import KIND_OF_TOPIC
from services.tracker.dashboard.assets import asset_routes
from services.tracker.dashboard.pages import pages
from services.tracker.dashboard.site import Site
from services.tracker.desk import Desk
from services.tracker.explaining import escalator_at
from services.tracker.handbook import handbook
from services.tracker.reviews import Reviews, review_routes
from services.tracker.settings import Settings
from services.tracker.store_reading import ReadModel
from services.tracker.stream import Stream
from services.tracker.tables import SCHEMA
from services.tracker.watch import watch
from services.tracker.watchdog import Watchdog
from services.tracker.worker import Worker
from shared.access.keys_file import follow, load_keys
from shared.runtime.buckets import Buckets
from shared.runtime.database import Database, open_database
from shared.runtime.health import serve, service_app
from shared.runtime.kafka import ConsumeOptions, consume
from shared.runtime.progress import Progress
from shared.runtime.run import run, together

_READ_TIMEOUT_S: Final = 2.0
# One for each topic, one for each of their looks at the logs' ends, one to spare.
_WRITERS: Final = 7


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Project and answer until told to stop."""
    url, clock = settings.database_url.get_secret_value(), settings.clock
    late_after_s = settings.late_after.total_seconds() * settings.clock_speed
    keys = None if settings.keys_file is None else load_keys(settings.keys_file)
    topics = {settings.topic(name): name for name in KIND_OF_TOPIC}
    async with (
        open_database(url, schema=SCHEMA, clock=clock, pool_size=_WRITERS) as writing,
        open_database(
            url,
            schema=SCHEMA,
            clock=clock,
            pool_size=settings.readers,
            statement_timeout_s=_READ_TIMEOUT_S,
        ) as reading,
        escalator_at(settings.escalator_url) as escalator,
        intake_at(settings.intake_url) as intake,
    ):
        worker = Worker(
            writing,
            kinds={full: KIND_OF_TOPIC[name] for full, name in topics.items()},
            late_after_s=late_after_s,
        )
        model = ReadModel(reading, topics, settings.clock_speed)
        desk = Desk(model, settings.stats_age.total_seconds(), late_after_s)
        stream = Stream(model)
        watchdog = Watchdog(model, settings.watchdog_grace.total_seconds())
        access = Access(keys, Buckets(settings.rate_per_s, settings.rate_burst))

        async def ready() -> Mapping[str, bool]:
            return {"database": await reading.ready()}

        app = service_app(
            "tracker", ready=ready, description="Tickets, their timelines, and what was decided."
        )
        app.include_router(handbook(settings.handbook), dependencies=[Depends(access.let_in)])
        app.include_router(streaming(stream, access))
        app.include_router(reasons(escalator, access))
        app.include_router(draft_routes(desk, access))
        reviews = Reviews(settings.reviews)
        app.include_router(review_routes(reviews, access))
        app.include_router(routes(desk, access, watchdog))
        site = Site(
            desk,
            escalator,
            intake,
            settings.board_refresh,
            late_after_s,
            watchdog,
            settings.handbook is not None,
            reviews,
        )
        app.include_router(pages(site, access))
        app.include_router(asset_routes(site.assets))
        following = (
            ()
            if settings.keys_file is None
            else (follow(settings.keys_file, access.know, stop, metrics.KEYS_FILE_BROKEN),)
        )
        await together(
            stop,
            *following,
            *(_read(topic, worker, writing, settings, stop) for topic in topics),
            watch(desk, stop),
            stream.run(stop),
            watchdog.run(stop),
            serve(
                app,
                host=settings.http_host,
                port=settings.http_port,
                stop=stop,
                drain_delay_s=settings.drain_delay_s,
            ),
        )


async def _read(
    topic: str, worker: Worker, database: Database, settings: Settings, stop: asyncio.Event
) -> None:
    """Take in one topic; none waits for another."""
    await consume(
        [topic],
        worker.handle,
        access=settings.kafka,
        progress=Progress(database),
        options=ConsumeOptions(group=f"tracker.{topic}", share=settings.share),
        stop=stop,
    )


if __name__ == "__main__":
    run("tracker", Settings, main, os.environ)

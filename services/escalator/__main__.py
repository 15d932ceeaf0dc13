"""The escalator: hears events, lets time pass, decides, and announces what was decided."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from typing import Any, Final

from services.escalator.api import routes
from services.escalator.api_policies import History, policy_routes
from services.escalator.memory import Memory
from services.escalator.policies import Policies
from services.escalator.settings import Settings
from services.escalator.tables import SCHEMA
from services.escalator.ticker import Ticker
from services.escalator.watch import forget_old_events, watch
from services.escalator.worker import Worker
from shared.contract.policies import MAX_POLICY_BYTES
from shared.contract.topics import POLICIES, TICKET_EVENTS, TIER_CHANGES
from shared.runtime.database import open_database
from shared.runtime.health import serve, service_app
from shared.runtime.kafka import ConsumeOptions, Publisher, consume
from shared.runtime.outbox import Relay
from shared.runtime.progress import Progress
from shared.runtime.run import run, together

# A timer waits for this look, too, before it fires.
_CAUGHT_UP_EVERY_S: Final = 0.25


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Decide until told to stop."""
    url, clock = settings.database_url.get_secret_value(), settings.clock
    events, activations = settings.topic(TICKET_EVENTS), settings.topic(POLICIES)
    async with open_database(
        url, schema=SCHEMA, clock=clock, pool_size=settings.connections
    ) as database:
        publisher = Publisher(settings.kafka, client_id="tierline-escalator")
        wake, memory = asyncio.Event(), Memory(settings.cached_cases)
        policies = Policies(database, activations, settings.policy_file)
        worker = Worker(database, policies, memory, settings.allowance * clock.speed, wake)
        ticker = Ticker(database, policies, memory, events, clock.speed, settings.max_hold, wake)
        relay = Relay(database, publisher, settings.topic(TIER_CHANGES), wake)

        async def ready() -> Mapping[str, bool]:
            return {"database": await database.ready()}

        async def read(topic: str, options: ConsumeOptions) -> None:
            handle = worker.handle if topic == events else policies.handle
            await consume(
                [topic],
                handle,
                access=settings.kafka,
                progress=Progress(database),
                options=options,
                stop=stop,
            )

        async def once_settled(work: Coroutine[Any, Any, None]) -> None:
            await policies.settle(stop)
            await work

        app = service_app(
            "escalator",
            ready=ready,
            description="Where cases stand, and by which policies.",
            max_body_bytes=MAX_POLICY_BYTES,
        )
        app.include_router(routes(database, policies))
        app.include_router(policy_routes(History(database, policies)))
        try:
            # Timers and relay need no consumer: they go on whatever befalls it.
            await together(
                stop,
                relay.run(stop),
                once_settled(ticker.run(stop)),
                # One partition, few records: every instance reads it, without a group.
                read(
                    activations,
                    ConsumeOptions(
                        group="escalator.policies",
                        assignment={activations: [0]},
                        sparse=frozenset({activations}),
                        caught_up_every_s=_CAUGHT_UP_EVERY_S,
                    ),
                ),
                once_settled(
                    read(
                        events,
                        ConsumeOptions(
                            group="escalator",
                            share=settings.share,
                            in_step=True,
                            caught_up_every_s=_CAUGHT_UP_EVERY_S,
                        ),
                    )
                ),
                watch(database, stop),
                forget_old_events(database, settings.remember_events, stop),
                serve(
                    app,
                    host=settings.http_host,
                    port=settings.http_port,
                    stop=stop,
                    drain_delay_s=settings.drain_delay_s,
                ),
            )
        finally:
            await publisher.close()


if __name__ == "__main__":
    run("escalator", Settings, main, os.environ)

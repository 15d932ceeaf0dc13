"""The notifier: hears decisions, keeps a ledger of who is owed which notice, and sends by it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from services.notifier.access_watch import AccessWatch, ListedMemberships, SlackMemberships
from services.notifier.answering import answer_links, answer_routes, letters
from services.notifier.api import routes
from services.notifier.api_letters import letter_routes
from services.notifier.api_oncall import access_routes, oncall_routes
from services.notifier.api_subscriptions import subscription_routes
from services.notifier.channels.build import (
    Surroundings,
    channels,
    rosters,
    secret,
    slack_api,
)
from services.notifier.channels.intake import Intake
from services.notifier.clerk import Clerk
from services.notifier.core.allot import Limits
from services.notifier.core.plan import INTAKE
from services.notifier.letters import Office
from services.notifier.mender import Mender
from services.notifier.operators import Operators
from services.notifier.sender import Manner, Sender
from services.notifier.settings import Settings
from services.notifier.slack_keeper import SlackKeeper
from services.notifier.store_calendars import CalendarBook
from services.notifier.store_cards import CardBook
from services.notifier.store_claims import Terms
from services.notifier.store_subscriptions import Subscriptions
from services.notifier.tables import SCHEMA
from services.notifier.watch import watch
from services.notifier.worker import Worker
from shared.contract.topics import DELIVERIES, TIER_CHANGES
from shared.runtime.database import open_database
from shared.runtime.health import serve, service_app
from shared.runtime.kafka import ConsumeOptions, Publisher, consume
from shared.runtime.outbox import Relay
from shared.runtime.progress import Progress
from shared.runtime.run import run, together

# The consumer and its look at the log's ends, the sender's two, the relay and its cleaning, the mender,
# the watch, the roster's calendars, Slack's keeper and channel, and three for the API.
_CONNECTIONS: Final = 14
# Whoever follows deliveries need not hear of one before the next are there too.
_STEPS_GATHERED_S: Final = 0.25


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Plan and send until told to stop; what is under way then is finished."""
    async with AsyncExitStack() as stack:
        words = letters(settings)
        database = await stack.enter_async_context(
            open_database(
                settings.database_url.get_secret_value(),
                schema=SCHEMA,
                clock=settings.clock,
                pool_size=_CONNECTIONS,
            )
        )
        people = rosters(settings, os.environ, CalendarBook(database))
        await people.refresh()
        around = Surroundings(os.environ, people, CardBook(database), words.terms())
        ways = channels(settings, around)
        for way in ways.values():
            stack.push_async_callback(way.close)
        publisher = Publisher(settings.kafka, client_id="tierline-notifier")
        stack.push_async_callback(publisher.close)
        due, told = asyncio.Event(), asyncio.Event()
        alerts = "intake" in ways
        subscriptions = Subscriptions()
        worker = Worker(database, people, subscriptions, alerts, due=due, told=told)
        manner = Manner(
            terms=Terms(Limits(settings.rates, settings.at_once), settings.lease, people),
            at_once=settings.max_in_flight,
            deadline_s=settings.send_deadline.total_seconds(),
            hold=settings.hold_unclear,
            words=words,
            answers=answer_links(settings, os.environ),
            speed=settings.clock_speed,
        )

        async def ready() -> Mapping[str, bool]:
            return {"database": await database.ready()}

        app = service_app(
            "notifier", ready=ready, notes=people.notes, description="What became of each notice."
        )
        app.include_router(routes(database))
        slack = slack_api(settings, os.environ)
        # Nothing is asked of anybody where nothing may go out.
        asked = None if settings.dry_run or settings.sandbox_file else slack
        access = AccessWatch(
            people, ListedMemberships() if asked is None else SlackMemberships(asked)
        )
        app.include_router(access_routes(access))
        app.include_router(
            oncall_routes(database, people, secret("calendar_secret", settings, os.environ))
        )
        office = Office(database, people, subscriptions, alerts, due=due, told=told)
        operators = Operators(
            secret("operator_key", settings, os.environ), settings.operators_are_local
        )
        app.include_router(letter_routes(office, operators))
        handed_in = ways.get(INTAKE)
        clerk = Clerk(database, handed_in if isinstance(handed_in, Intake) else None, people)
        for answering in answer_routes(settings, os.environ, clerk, words, slack):
            app.include_router(answering)
        app.include_router(subscription_routes(database, people, operators))
        tasks: list[Coroutine[Any, Any, None]] = [
            # What needs only PostgreSQL starts first, and goes on while Kafka is away.
            Sender(database, ways, manner, due=due, told=told).run(stop),
            Relay(
                database, publisher, settings.topic(DELIVERIES), told, gather_s=_STEPS_GATHERED_S
            ).run(stop),
            watch(database, settings.clock_speed, stop),
            people.run(stop),
            access.run(stop),
            consume(
                [settings.topic(TIER_CHANGES)],
                worker.handle,
                access=settings.kafka,
                progress=Progress(database),
                options=ConsumeOptions(
                    group=f"{settings.group}.{settings.topic(TIER_CHANGES)}", share=settings.share
                ),
                stop=stop,
            ),
            serve(
                app,
                host=settings.http_host,
                port=settings.http_port,
                stop=stop,
                drain_delay_s=settings.drain_delay_s,
            ),
        ]
        if asked is not None:
            stack.push_async_callback(asked.close)
            keeper = SlackKeeper(
                database,
                asked,
                people,
                words,
                rooms=settings.slack_rooms,
                public_url=settings.public_url,
            )
            tasks.append(keeper.run(stop))
        if settings.escalator_url is not None:
            mender = Mender(
                database,
                people,
                subscriptions,
                escalator_url=settings.escalator_url,
                alerts=alerts,
                mended=due.set,
                every_s=settings.mend_every.total_seconds(),
            )
            tasks.append(mender.run(stop))
        await together(stop, *tasks)


if __name__ == "__main__":
    run("notifier", Settings, main, os.environ)

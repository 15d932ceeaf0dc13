"""Intake: takes events over HTTP and puts them into the log of record."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from services.intake import metrics
from services.intake.access import Access
from services.intake.acts import Acts, act_routes
from services.intake.api import ShortWay, routes
from services.intake.core.limits import MAX_BATCH_BYTES
from services.intake.events import Intake
from services.intake.foresight import foresight_of
from services.intake.gate import Gate
from services.intake.hooks.api import hook_routes
from services.intake.hooks.hooks_file import Source, load_sources
from services.intake.hooks.latest import Latest
from services.intake.hooks.mappings import load_mappings
from services.intake.hooks.taking import Hooks
from services.intake.ingest import Ingest
from services.intake.keys_api import key_routes
from services.intake.policies import Policies
from services.intake.policies import routes as policy_routes
from services.intake.room import Room
from services.intake.settings import Settings
from services.intake.tokens.issuers_file import load_issuers
from services.intake.tokens.verify import tokens_of
from services.intake.uses import Uses
from shared.access.keys import KeyRing
from shared.access.keys_file import follow, load_keys
from shared.contract.topics import KEYS_USED, POLICIES, REFUSED_HOOKS, TICKET_EVENTS
from shared.mapping.file import MappingError
from shared.runtime.buckets import Buckets
from shared.runtime.health import serve, service_app
from shared.runtime.kafka import Publisher
from shared.runtime.run import run, together
from shared.runtime.settings import SettingsError

_RECENT_S: Final = 5.0


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Take events until told to stop, then answer what is under way."""
    keys = _keys(settings)
    issuers = [] if settings.issuers_file is None else load_issuers(settings.issuers_file)
    sources = _sources(settings)
    publisher = Publisher(
        settings.kafka,
        client_id="tierline-intake",
        deadline_s=settings.publish_deadline.total_seconds(),
    )
    topic = settings.topic(TICKET_EVENTS)

    async def ready() -> dict[str, bool]:
        recent = publisher.acknowledged_age_s < _RECENT_S
        return {"kafka": recent or await publisher.answers(topic)}

    app = service_app(
        "intake",
        ready=ready,
        description="Events from helpdesks and acts of people, into the log of record; policies, too.",
        max_body_bytes=MAX_BATCH_BYTES,
    )
    uses = Uses(publisher, settings.kafka, settings.topic(KEYS_USED))
    async with (
        _closing(publisher),
        tokens_of(issuers) as tokens,
        foresight_of(settings.escalator_url) as foresight,
    ):
        shares = Buckets(settings.rate_per_s, settings.rate_burst)
        access = Access(keys, shares, tokens=tokens, uses=uses)
        gate = Gate(settings.max_in_flight, settings.max_events_in_flight)
        ingest = Ingest(publisher, gate, topic)
        intake = Intake(access, ingest, settings.clock.now)
        app.include_router(routes(intake))
        drafts = Ingest(publisher, gate, topic, counted=metrics.DRAFTS)
        app.include_router(act_routes(Acts(access, ingest, drafts, foresight, settings.clock.now)))
        kept = settings.topic(REFUSED_HOOKS)
        refused = Ingest(publisher, gate, kept, counted=metrics.REFUSED_HOOKS)
        hooks = Hooks(sources, access, ingest, refused, Latest(), settings.clock.now)
        app.include_router(hook_routes(hooks))
        activated = settings.topic(POLICIES)
        into_policies = Ingest(publisher, gate, activated)
        policies = Policies(access, into_policies, settings.kafka, activated, settings.clock.now)
        app.include_router(policy_routes(policies))
        app.include_router(key_routes(access, uses))
        room = Room(ShortWay(app, intake), settings.max_held_bytes)
        metrics.HELD_BYTES.set_function(lambda: room.held_bytes)
        serving = serve(
            app,
            host=settings.http_host,
            port=settings.http_port,
            stop=stop,
            drain_delay_s=settings.drain_delay_s,
            front=room,
        )
        beside = [_unless_broken(publisher, stop), uses.run(stop)]
        if settings.keys_file is not None:
            beside.append(follow(settings.keys_file, access.know, stop, metrics.KEYS_FILE_BROKEN))
        await together(stop, serving, *beside)


def _keys(settings: Settings) -> KeyRing | None:
    if settings.allow_anonymous:
        return None
    return KeyRing([]) if settings.keys_file is None else load_keys(settings.keys_file)


def _sources(settings: Settings) -> Mapping[str, Source]:
    try:
        mappings = load_mappings(settings.hook_mappings)
    except MappingError as error:
        msg = f"INTAKE_HOOK_MAPPINGS:\n{error}"
        raise SettingsError(msg) from None
    return load_sources(settings.hooks_file, mappings, os.environ)


@asynccontextmanager
async def _closing(publisher: Publisher) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await publisher.close()


async def _unless_broken(publisher: Publisher, stop: asyncio.Event) -> None:
    """Return once told to stop; raise once the publisher is beyond mending."""
    broken = asyncio.create_task(publisher.until_broken())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({broken, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not broken.cancel():
        await broken


if __name__ == "__main__":
    run("intake", Settings, main, os.environ)

"""What happens to one webhook: proven, read, told, published; or kept, where it cannot be read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from services.intake import metrics
from services.intake.access import Access
from services.intake.core.hooks.places import Posted
from services.intake.core.hooks.redaction import shown_headers
from services.intake.core.hooks.signing import Request
from services.intake.core.hooks.telling import Story, tell
from services.intake.core.limits import MAX_BATCH_BYTES, MAX_ITEMS, parse
from services.intake.core.report import Accepted, IdFrom, accept
from services.intake.events import published, stamp
from services.intake.hooks import problems
from services.intake.hooks.door import let_in
from services.intake.hooks.hooks_file import Source
from services.intake.hooks.latest import Latest
from services.intake.ingest import Ingest
from services.intake.problems import too_many_items
from shared.access.keys import ApiKey
from shared.contract.envelope import encode, headers
from shared.contract.errors import Flaw, InvalidEventError
from shared.contract.refusals import HookRefused, refused_flaws, refused_hook
from shared.runtime.kafka import Landed
from shared.runtime.problems import Problem

log = structlog.get_logger()

MAX_HOOK_BYTES: Final = MAX_BATCH_BYTES
"""The largest body of a webhook."""

_LONGEST_HEADER: Final = 2000


@dataclass(frozen=True, slots=True)
class Hooks:
    """What taking webhooks needs.

    Attributes:
        sources: Who may post, by name.
        access: The door for API keys, and everybody's share.
        events: The way into the log of record.
        refused: The way for bodies that cannot be read.
        latest: What came last.
        now: The time.
    """

    sources: Mapping[str, Source]
    access: Access
    events: Ingest
    refused: Ingest
    latest: Latest
    now: Callable[[], datetime]

    def source(self, name: str) -> Source:
        """Return the source called *name*.

        Raises:
            Problem: 404, there is none.
        """
        found = self.sources.get(name)
        if found is None:
            raise problems.unknown_source(name, self.sources)
        return found


@dataclass(frozen=True, slots=True)
class Taken:
    """A webhook that was taken.

    Attributes:
        story: What it told.
        events: What was published of it.
        landed: Where each one lies.
        received_at: When it reached us.
    """

    story: Story
    events: list[Accepted]
    landed: list[Landed]
    received_at: str


async def take_hook(
    hooks: Hooks, source: Source, request: Request, client: tuple[str, int] | None
) -> Taken:
    """Take one webhook; what is returned is kept by all in-sync replicas.

    Raises:
        Problem: Any answer that is an error.
    """
    key = let_in(hooks.access, source, request, client, hooks.now)
    received = hooks.now()
    try:
        body = parse(request.body)
    except InvalidEventError as error:
        hooks.access.count(key, 1)
        story = Story(flaws=list(error.flaws))
        raise await _refuse(hooks, source, request, story, received) from None
    story = tell(
        source.mapping, Posted(body, request.headers), source=source.name, received=received
    )
    hooks.latest.note(source.name, received, request.headers, body, (source.mapping, story))
    return await _publish(hooks, source, request, key, (story, received))


async def _publish(
    hooks: Hooks,
    source: Source,
    request: Request,
    key: ApiKey,
    told: tuple[Story, datetime],
) -> Taken:
    story, received = told
    if len(story.events) > MAX_ITEMS:
        raise too_many_items(len(story.events), MAX_ITEMS)
    hooks.access.count(key, max(1, len(story.events)))
    received_at = stamp(received)
    events = []
    for one in story.events:
        try:
            events.append(accept(one, received_at=received_at, bound_source=source.name))
        except InvalidEventError as error:
            story.flaws += error.flaws
    for unknown in story.unknown:
        metrics.UNKNOWN_WORDS.labels(unknown.field).inc()
        log.warning(
            "word unknown to the mapping",
            source=source.name,
            mapping=source.mapping.mapping.name,
            column=unknown.column,
            word=unknown.word[:100],
        )
    landed = await published(hooks.events, events)
    if story.flaws:
        raise await _refuse(hooks, source, request, story, received, len(events))
    return Taken(story, events, landed, received_at)


async def _refuse(
    hooks: Hooks,
    source: Source,
    request: Request,
    story: Story,
    received: datetime,
    events: int = 0,
) -> Problem:
    """Keep the body of *request*, and return what to answer."""
    flaws = tuple(story.flaws[:MAX_ITEMS])
    (kept,) = await published(hooks.refused, [_letter(source, request, flaws, received)])
    log.warning(
        "webhook could not be read",
        source=source.name,
        mapping=source.mapping.mapping.name,
        flaws=[flaw.line() for flaw in flaws[:5]],
        offset=kept.offset,
    )
    return problems.unreadable(source, flaws, kept, events)


def _letter(
    source: Source, request: Request, flaws: tuple[Flaw, ...], received: datetime
) -> Accepted:
    shown = {name: text[:_LONGEST_HEADER] for name, text in shown_headers(request.headers).items()}
    data = HookRefused(
        source=source.name,
        mapping=source.mapping.mapping.name,
        mapping_version=source.mapping.mapping.version,
        flaws=refused_flaws(flaws),
        headers=shown,
        body=base64.b64encode(request.body).decode(),
    )
    event = refused_hook(data, received)
    return Accepted(event.id, IdFrom.DERIVED, source.name, encode(event), headers(event))


def receipt(source: Source, taken: Taken) -> dict[str, Any]:
    """Return what is answered to a webhook that was taken."""
    return {
        "source": source.name,
        "mapping": source.mapping.mapping.name,
        "received_at": taken.received_at,
        "events": [
            {
                "id": event.id,
                "ticket": event.ticket,
                "partition": landed.partition,
                "offset": landed.offset,
            }
            for event, landed in zip(taken.events, taken.landed, strict=True)
        ],
        "ignored": taken.story.ignored,
        "unknown": [
            {"field": one.field, "column": one.column, "word": one.word[:100]}
            for one in taken.story.unknown
        ],
    }

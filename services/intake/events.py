"""CloudEvents in, 202 once all in-sync replicas have them: what happens to one request.

This is the hot path, so it speaks ASGI itself: headers are looked at once, the body is parsed
once, and what is published are the sender's own keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Final

from pydantic_core import to_json
from starlette.types import Message, Receive, Scope

from services.intake import problems
from services.intake.access import Access
from services.intake.core.limits import MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_ITEMS, Document, read
from services.intake.core.modes import Mode, from_binary, mode_of
from services.intake.core.report import Accepted, ForeignSourceError, IdFrom, accept, named
from services.intake.ingest import Ingest
from shared.access.keys import ApiKey
from shared.access.keys import Scope as KeyScope
from shared.contract.errors import InvalidEventError, TransientError
from shared.runtime.kafka import Landed, PublisherBrokenError, PublishFailedError
from shared.runtime.problems import Problem

_Headers = Iterable[tuple[bytes, bytes]]

_BODY_WITHIN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking events needs."""

    access: Access
    ingest: Ingest
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error: *status*, and *content* as JSON."""

    status: int
    content: bytes


@dataclass(frozen=True, slots=True)
class _Post:
    """One request's circumstances, the same for each of its events."""

    key: ApiKey
    received_at: str
    idempotency_key: str | None


async def take_events(intake: Intake, scope: Scope, receive: Receive) -> Answer:
    """Return the answer to one POST of one event or a batch.

    Raises:
        Problem: Any answer that is an error.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    refuse_encoded(headers.get(b"content-encoding"))
    key = intake.access.let_in(headers.get(b"authorization"), scope["client"], KeyScope.INGEST)
    mode = mode_of(headers.get(b"content-type", b"").decode("latin-1"), headers)
    if mode is None:
        raise problems.unsupported_media()
    most = MAX_BATCH_BYTES if mode is Mode.BATCH else MAX_EVENT_BYTES
    body = await read_body(headers.get(b"content-length"), receive, most)
    name = headers.get(b"idempotency-key")
    post = _Post(key, stamp(intake.now()), None if name is None else named(name))
    # What was parsed goes before Kafka is waited for. Thousands of events that wait would hold tens
    # of thousands of objects, which Python would search for garbage again and again.
    if mode is Mode.BATCH:
        return await _publish_batch(intake, post, _batch(intake.access, post, body))
    attributes = scope["headers"] if mode is Mode.BINARY else None
    return await _publish_one(intake, post, _event(intake.access, post, body, attributes))


def refuse_encoded(encoding: bytes | None) -> None:
    """Refuse a body that would have to be unpacked, which nobody can know to fit.

    Args:
        encoding: The request's header ``Content-Encoding``.

    Raises:
        Problem: 415.
    """
    if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
        raise problems.encoded_body()


async def read_body(announced: bytes | None, receive: Receive, most: int) -> bytes:
    """Return a request's whole body.

    Args:
        announced: Its header ``Content-Length``.
        receive: Where it comes from.
        most: How many bytes it may have.

    Raises:
        Problem: 413, it has more; 408, it did not come in time, or broke off.
    """
    if announced is not None and announced.isdigit() and int(announced) > most:
        raise problems.body_too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            while True:
                message: Message = await receive()
                if message["type"] == "http.disconnect":
                    raise problems.slow_body()
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise problems.body_too_large(most)
                if not message.get("more_body", False):
                    return part if not parts else b"".join([*parts, part])
                parts.append(part)
    except TimeoutError:
        raise problems.slow_body() from None


def _event(access: Access, post: _Post, body: bytes, attributes: _Headers | None) -> Accepted:
    """Return the event that *body* is; with *attributes*, from headers, it is the event's data.

    Raises:
        Problem: It is refused.
    """
    sent = _read(body, attributes)
    text = sent.texts[0] if sent.texts else None
    event = _accepted(sent.content, text, post, post.idempotency_key)
    if isinstance(event, Problem):
        raise event
    access.count(post.key, 1)
    return event


def _batch(access: Access, post: _Post, body: bytes) -> list[Accepted | Problem]:
    """Return what becomes of each event of the batch in *body*.

    Raises:
        Problem: It is refused as a whole.
    """
    sent = _read(body)
    reports = sent.content
    if not isinstance(reports, list):
        raise problems.not_a_batch()
    if len(reports) > MAX_ITEMS:
        raise problems.too_many_items(len(reports), MAX_ITEMS)
    access.count(post.key, len(reports))
    name = post.idempotency_key
    texts = sent.texts or repeat(None)
    return [
        _accepted(report, text, post, None if name is None else f"{name}:{number}")
        for number, (report, text) in enumerate(zip(reports, texts, strict=False))
    ]


def _read(body: bytes, attributes: _Headers | None = None) -> Document:
    try:
        return read(body) if attributes is None else Document(from_binary(attributes, body), None)
    except InvalidEventError as error:
        raise problems.invalid(error) from None


async def _publish_one(intake: Intake, post: _Post, event: Accepted) -> Answer:
    (landed,) = await published(intake.ingest, [event])
    return Answer(202, f"{{{_receipt(event, landed, post)}}}".encode())


async def _publish_batch(
    intake: Intake, post: _Post, outcomes: Sequence[Accepted | Problem]
) -> Answer:
    events = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    landed = iter(await published(intake.ingest, events))
    results = [
        f'{{"status":202,{_receipt(outcome, next(landed), post)}}}'
        if isinstance(outcome, Accepted)
        else to_json({"status": outcome.status, "problem": outcome.document()}).decode()
        for outcome in outcomes
    ]
    return Answer(202 if len(events) == len(outcomes) else 207, f"[{','.join(results)}]".encode())


def _accepted(
    report: object, text: bytes | None, post: _Post, idempotency_key: str | None
) -> Accepted | Problem:
    try:
        return accept(
            report,
            received_at=post.received_at,
            bound_source=post.key.source,
            idempotency_key=idempotency_key,
            text=text,
        )
    except InvalidEventError as error:
        return problems.invalid(error)
    except ForeignSourceError as error:
        return problems.foreign_source(error)


async def published(ingest: Ingest, events: Sequence[Accepted]) -> list[Landed]:
    """Publish *events*, and return where all in-sync replicas have them.

    Raises:
        Problem: 503, Kafka does not take them just now.
    """
    try:
        return await ingest.take(events)
    except TransientError as error:
        raise problems.away(error) from error
    except PublisherBrokenError as error:
        # The process ends over it; the sender's remedy is the same.
        raise problems.away(PublishFailedError(str(error))) from error


def _receipt(event: Accepted, landed: Landed, post: _Post) -> str:
    """Return the members of the JSON object that says where *event* lies."""
    partition, offset = landed
    # Put together by hand, as there is one for each event; nothing but the ticket needs escaping.
    receipt = (
        f'"id":"{event.id}","ticket":{to_json(event.ticket).decode()},'
        f'"partition":{partition},"offset":{offset},"received_at":"{post.received_at}"'
    )
    if event.id_from is not IdFrom.EVENT:
        receipt += f',"id_from":"{event.id_from.value}"'
    return receipt


def stamp(at: datetime) -> str:
    """Return *at*, UTC, as events bear it."""
    return f"{at.isoformat()[:-6]}Z"

"""Traces from a request to what follows from it, across Kafka; off unless somebody wants them.

With `OTEL_EXPORTER_OTLP_ENDPOINT` set (and the extra `otel` installed) every request, publishing and
batch is a span. The W3C `traceparent` goes along as a header of each record, and in the outbox as
an attribute of each decision, so that what one event has caused is one trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime.settings import SettingsError

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable that turns traces on."""

HEADER: Final = "traceparent"

Headers = Sequence[tuple[str, bytes]]

_NAMES: Final = (HEADER, f"ce_{HEADER}")
_W3C: Final = TraceContextTextMapPropagator()
_MOST_LINKS: Final = 64
_CARRIED: Final[ContextVar[Mapping[str, str]]] = ContextVar("carried", default=MappingProxyType({}))
_tracer: list[trace.Tracer] = []


def configure_tracing(service: str, environ: Mapping[str, str]) -> None:
    """Send spans of *service* to where *environ* says; do nothing where it says nothing.

    Raises:
        SettingsError: Somebody wants traces, and the extra `otel` is not installed.
    """
    if not environ.get(ENDPOINT):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"{ENDPOINT} is set, but {error.name} is not installed: pip install 'tierline[otel]'"
        raise SettingsError(msg) from None
    provider = TracerProvider(resource=Resource.create({"service.name": f"tierline-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    instrumentor: Any = AsyncPGInstrumentor
    instrumentor().instrument(tracer_provider=provider)
    use(provider)


def use(provider: trace.TracerProvider | None) -> None:
    """Make spans by *provider* from now on; by none where that is None."""
    _tracer.clear()
    if provider is not None:
        _tracer.append(provider.get_tracer("tierline"))


def trace_id() -> str | None:
    """Return the id of the trace that is under way here, 32 hexadecimal digits."""
    if not _tracer:
        return None
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def traceparent() -> str | None:
    """Return what a message must carry to belong to the span that is under way here."""
    if not _tracer:
        return None
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get(HEADER)


def publishing(topics: Iterable[str]) -> Any:
    """Return a context in which records are handed to Kafka."""
    if not _tracer:
        return nullcontext()
    name = f"publish {' '.join(sorted(set(topics)))}"
    return _tracer[0].start_as_current_span(name, kind=SpanKind.PRODUCER)


def outgoing(headers: list[tuple[str, bytes]], here: str) -> list[tuple[str, bytes]]:
    """Return *headers* with the span *here*, unless they belong to another already."""
    if _named(headers) is not None:
        return headers
    return [*headers, (HEADER, here.encode())]


@contextmanager
def applying(topic: str, records: Iterable[tuple[bytes | None, Headers]]) -> Iterator[None]:
    """Give a context in which *records*, keys and headers, are applied together.

    A batch of one trace is part of it; one of several is a trace of its own that links to them.
    """
    if not _tracer:
        yield
        return
    carried: dict[str, str] = {}
    for key, headers in records:
        said = _named(headers)
        if key is not None and said is not None:
            carried[key.decode(errors="replace")] = said
    parents = list(dict.fromkeys(carried.values()))
    alone = _context(parents[0]) if len(parents) == 1 else Context()
    links = [] if len(parents) == 1 else [_link(one) for one in parents[:_MOST_LINKS]]
    token = _CARRIED.set(carried)
    try:
        with _tracer[0].start_as_current_span(
            f"apply {topic}", context=alone, kind=SpanKind.CONSUMER, links=links
        ):
            yield
    finally:
        _CARRIED.reset(token)


def stamped(payload: bytes, ticket: str) -> bytes:
    """Return the CloudEvent *payload* with the trace of what *ticket* was told in this batch.

    What nobody asked for, such as a timer, belongs to none and stays as it is.
    """
    parent = _CARRIED.get().get(ticket)
    if parent is None or not payload.startswith(b"{"):
        return payload
    return b'{"' + HEADER.encode() + b'":"' + parent.encode() + b'",' + payload[1:]


def sending(channel: str, parents: Iterable[str | None]) -> AbstractContextManager[object]:
    """Return a context in which one message goes out by *channel*.

    What one decision asked for is part of its trace; a digest of several links to theirs. What
    belongs to none is not traced.
    """
    if not _tracer or not (said := list(dict.fromkeys(one for one in parents if one is not None))):
        return nullcontext()
    alone = _context(said[0]) if len(said) == 1 else Context()
    links = [] if len(said) == 1 else [_link(one) for one in said[:_MOST_LINKS]]
    return _tracer[0].start_as_current_span(
        f"send {channel}", context=alone, kind=SpanKind.CLIENT, links=links
    )


def noted(**attributes: str | int) -> None:
    """Add *attributes* to the span that is under way here."""
    if _tracer:
        trace.get_current_span().set_attributes({f"tierline.{k}": v for k, v in attributes.items()})


class Traced:
    """Makes a span of every request, part of its sender's trace where that says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on inside its span."""
        if not _tracer or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        parent = headers.get(HEADER.encode(), b"").decode("latin-1")
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with _tracer[0].start_as_current_span(
            f"{scope['method']} request",
            context=_context(parent),
            kind=SpanKind.SERVER,
            attributes=attributes,
        ):
            await self._app(scope, receive, send)


def _named(headers: Headers) -> str | None:
    for name, text in headers:
        if name.lower() in _NAMES:
            said = text.decode("latin-1")
            # What somebody else made of it is not put into a message of ours.
            if trace.get_current_span(_context(said)).get_span_context().is_valid:
                return said
    return None


def _context(parent: str) -> Context:
    return _W3C.extract({HEADER: parent}, context=Context())


def _link(parent: str) -> Link:
    return Link(trace.get_current_span(_context(parent)).get_span_context())

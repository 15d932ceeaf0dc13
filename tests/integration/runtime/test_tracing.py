"""One trace from a request over Kafka to what follows from it; nothing at all where nobody asks."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared.runtime import tracing
from shared.runtime.kafka import Publisher, Record, read_whole
from shared.runtime.settings import KafkaAccess, SettingsError
from shared.runtime.tracing import (
    Traced,
    applying,
    configure_tracing,
    outgoing,
    stamped,
    traceparent,
)
from tests.support.kafka_topics import a_topic

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced, in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


async def test_a_request_its_record_and_what_is_made_of_it_are_one_trace(
    kafka: str, topic_prefix: str, spans: InMemorySpanExporter
) -> None:
    access = KafkaAccess(bootstrap_servers=kafka)
    topic = await a_topic(kafka, f"{topic_prefix}traced", partitions=1)
    publisher = Publisher(access, client_id="traced")

    async def post(_: Request) -> JSONResponse:
        await publisher.publish([Record(topic, b"desk:A", b"{}", [])])
        return JSONResponse({"trace": tracing.trace_id()})

    app = Traced(Starlette(routes=[Route("/", post, methods=["POST"])]))
    try:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://x"
        ) as client:
            answer = await client.post("/", headers={"traceparent": PARENT})
    finally:
        await publisher.close()
    assert answer.json() == {"trace": TRACE}
    (record,) = await read_whole(access, topic)
    (carried,) = [text.decode() for name, text in record.headers if name == "traceparent"]
    assert carried.split("-")[1] == TRACE
    with applying("traced", [(record.key, record.headers)]):
        assert tracing.trace_id() == TRACE
        decision = json.loads(stamped(b'{"specversion":"1.0","data":{}}', "desk:A"))
        assert stamped(b"{}", "desk:B") == b"{}"
    assert decision["traceparent"] == carried
    found = {one.name: one for one in spans.get_finished_spans()}
    assert set(found) == {"POST request", f"publish {topic}", "apply traced"}
    assert {one.context.trace_id for one in found.values() if one.context} == {int(TRACE, 16)}


def test_a_batch_of_several_traces_links_to_them(spans: InMemorySpanExporter) -> None:
    other = PARENT.replace("0af7", "1af7")
    records = [(b"desk:A", [("ce_traceparent", PARENT.encode())])]
    records += [
        (b"desk:B", [("traceparent", other.encode())]),
        (b"desk:C", [("traceparent", b"x")]),
    ]
    with applying("t", records):
        assert tracing.trace_id() != TRACE
        assert stamped(b"{}", "desk:C") == b"{}"
    (span,) = spans.get_finished_spans()
    assert len(span.links) == 2


def test_a_record_that_belongs_to_a_trace_keeps_it(spans: InMemorySpanExporter) -> None:
    headers = [("ce_traceparent", PARENT.encode())]
    with tracing.publishing(["t"]):
        here = traceparent()
        assert here is not None
        assert outgoing(headers, here) == headers
        assert outgoing([], here) == [("traceparent", here.encode())]
    assert spans.get_finished_spans()


def test_a_notice_that_goes_out_is_part_of_the_trace_of_its_decision(
    spans: InMemorySpanExporter,
) -> None:
    other = PARENT.replace("0af7", "1af7")
    with tracing.sending("email", [PARENT, PARENT]):
        tracing.noted(outcome="accepted")
    with tracing.sending("slack", [PARENT, other, None]):
        assert tracing.trace_id() != TRACE
    with tracing.sending("sms", [None]):
        assert tracing.trace_id() is None
    alone, digest = spans.get_finished_spans()
    assert (alone.name, alone.context and alone.context.trace_id) == ("send email", int(TRACE, 16))
    assert dict(alone.attributes or {}) == {"tierline.outcome": "accepted"}
    assert (digest.name, len(digest.links)) == ("send slack", 2)


def test_where_nobody_asks_nothing_is_added() -> None:
    configure_tracing("tracker", {})
    with (
        applying("t", [(b"desk:A", [("traceparent", PARENT.encode())])]),
        tracing.publishing(["t"]),
    ):
        assert tracing.trace_id() is None
        assert traceparent() is None
        assert stamped(b"{}", "desk:A") == b"{}"


def test_whoever_asks_without_the_extra_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(SettingsError, match=r"tierline\[otel\]"):
        configure_tracing("tracker", {tracing.ENDPOINT: "http://127.0.0.1:4318"})

"""Intake's three modes against the official SDK: what it sends is taken, what we publish it reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from hypothesis import given
from hypothesis import strategies as st

from services.intake.core.limits import parse
from services.intake.core.modes import Mode, from_binary, mode_of
from services.intake.core.report import Accepted, accept
from shared.contract.envelope import CloudEvent
from shared.contract.events import EVENT_MODELS, TicketOpened
from shared.contract.ids import ticket_key
from tests.support.messages import instances

RECEIVED = "2026-03-02T10:00:01.5Z"
OURS = {"receivedat", "partitionkey"}
KNOWN = {"data", "datacontenttype", *CloudEvent.model_fields}
LABELS = CloudEvent[TicketOpened].model_json_schema()["properties"]
PRINTABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30
)
ZONES = st.sampled_from([UTC, *(timezone(timedelta(hours=h, minutes=30)) for h in (-9, 5))])
CONTENT_TYPES = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "application/vnd.desk.1+json"]
)


@cache
def labels(attribute: str) -> st.SearchStrategy[str]:
    return instances(LABELS[attribute]).filter(lambda text: not text.startswith("tierline/"))


@cache
def data_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    return instances(EVENT_MODELS[kind].model_json_schema())


@st.composite
def sdk_events(draw: st.DrawFn, extensions: st.SearchStrategy[Any] = PRINTABLE) -> SdkEvent:
    """Return an event as the SDK makes it; what CloudEvents leaves optional may be absent."""
    kind = draw(st.sampled_from(sorted(EVENT_MODELS)))
    optional = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "datacontenttype": CONTENT_TYPES,
                "dataschema": st.just("https://desk.example/schemas/1?a=b#c%20d"),
                "traceparent": PRINTABLE,
            },
        )
    )
    more = draw(
        st.dictionaries(
            st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(lambda n: n not in KNOWN),
            extensions,
            max_size=4,
        )
    )
    naive = draw(st.datetimes(datetime(1971, 1, 1), datetime(2500, 1, 1)))  # noqa: DTZ001
    attributes = {
        "type": kind,
        "id": draw(st.from_regex(r"[A-Za-z0-9._:-]{1,40}", fullmatch=True)),
        "source": draw(labels("source")),
        "subject": draw(labels("subject")),
        "time": naive.replace(tzinfo=draw(ZONES)),
        **optional,
        **more,
    }
    return SdkEvent(attributes, draw(data_of(kind)))


def taken(message: http.HTTPMessage) -> list[Accepted]:
    """Return what intake makes of *message*, as it comes over HTTP: names in lower case, bytes."""
    headers = [(name.lower().encode(), text.encode()) for name, text in message.headers.items()]
    mode = mode_of(message.headers.get("content-type", ""), dict(headers))
    assert mode is not None
    if mode is Mode.BINARY:
        return [accept(from_binary(headers, message.body), received_at=RECEIVED)]
    content = parse(message.body)
    reports = content if mode is Mode.BATCH else [content]
    return [accept(one, received_at=RECEIVED) for one in reports]


def read_by_the_sdk(accepted: Accepted) -> SdkEvent:
    """Return what the SDK reads from Kafka."""
    message = kafka.KafkaMessage(dict(accepted.headers), accepted.ticket.encode(), accepted.value)
    event = kafka.from_structured(message, JSONFormat(), SdkEvent)
    assert isinstance(event, SdkEvent)
    return event


def same(sent: SdkEvent, accepted: Accepted) -> None:
    """Hold that what lies in Kafka is what was sent, and our two stamps."""
    found = read_by_the_sdk(accepted)
    attributes = {name: text for name, text in found.get_attributes().items() if name not in OURS}
    assert attributes == sent.get_attributes()
    assert found.get_data() == sent.get_data()
    assert found.get_extension("partitionkey") == ticket_key(
        sent.get_source(), str(sent.get_subject())
    )
    assert found.get_extension("receivedat") == RECEIVED


@given(sdk_events(st.one_of(PRINTABLE, st.booleans(), st.integers(-(2**31), 2**31 - 1))))
def test_what_the_sdk_sends_structured_is_what_it_reads_from_kafka(event: SdkEvent) -> None:
    (accepted,) = taken(http.to_structured_event(event))
    same(event, accepted)


@given(sdk_events())
def test_what_the_sdk_sends_binary_is_what_it_reads_from_kafka(event: SdkEvent) -> None:
    (accepted,) = taken(http.to_binary_event(event))
    same(event, accepted)


@given(st.lists(sdk_events(), max_size=4))
def test_a_batch_is_its_events_in_order(events: list[SdkEvent]) -> None:
    # The SDK writes no batches; each item is one event as it writes it.
    items = [http.to_structured_event(one).body for one in events]
    message = http.HTTPMessage(
        {"content-type": "application/cloudevents-batch+json"}, b"[" + b",".join(items) + b"]"
    )
    for event, accepted in zip(events, taken(message), strict=True):
        same(event, accepted)


@given(sdk_events())
def test_data_that_the_sdk_sends_as_bytes_are_the_same_data(event: SdkEvent) -> None:
    packed = json.dumps(event.get_data()).encode()
    (accepted,) = taken(http.to_structured_event(SdkEvent(dict(event.get_attributes()), packed)))
    same(event, accepted)


@given(sdk_events())
def test_the_headers_in_kafka_say_what_the_event_says(event: SdkEvent) -> None:
    (accepted,) = taken(http.to_structured_event(event))
    headers = dict(accepted.headers)
    assert headers.pop("content-type") == b"application/cloudevents+json"
    written = json.loads(accepted.value)
    assert {name.removeprefix("ce_") for name in headers} == written.keys() - {
        "data",
        "datacontenttype",
    }
    assert headers["ce_subject"].decode() == written["subject"]


@pytest.mark.parametrize("write", [http.to_structured_event, http.to_binary_event])
def test_an_event_that_the_sdk_sends_without_data_has_empty_ones(write: Any) -> None:
    attributes: Mapping[str, Any] = {
        "type": "ticket.unmerged",
        "id": "1",
        "source": "desk",
        "subject": "1",
        "time": datetime(2026, 3, 2, tzinfo=UTC),
    }
    (accepted,) = taken(write(SdkEvent(dict(attributes))))
    assert read_by_the_sdk(accepted).get_data() == {}


def test_base64_stands_for_the_json_in_it_and_is_not_passed_on() -> None:
    packed = base64.b64encode(b'{"into": "desk:2"}').decode()
    report = {
        "specversion": "1.0",
        "id": "1",
        "source": "desk",
        "type": "ticket.merged",
        "subject": "1",
        "data_base64": packed,
    }
    written = json.loads(accept(report, received_at=RECEIVED).value)
    assert written["data"] == {"into": "desk:2"}
    assert "data_base64" not in written

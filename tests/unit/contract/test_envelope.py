"""Our envelope against the official SDK, in both content modes and both directions."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.contract.catalog import MODELS
from shared.contract.decisions import decode_decision
from shared.contract.deliveries import decode_delivery
from shared.contract.envelope import Codec, cloud_event, encode, headers
from shared.contract.errors import InvalidEventError, Reason
from shared.contract.events import EVENT_MODELS, TicketOpened, decode_event
from shared.contract.policies import decode_policy
from shared.contract.refusals import decode_refusal
from shared.contract.uses import decode_use
from tests.support.messages import an_event, instances, on_the_wire

DECODERS = {
    "tickets.events": decode_event,
    "tickets.tier-changes": decode_decision,
    "notifications.deliveries": decode_delivery,
    "policies": decode_policy,
    "hooks.refused": decode_refusal,
    "keys.used": decode_use,
}
EVERY_MODEL = [
    pytest.param(topic, name, model, id=f"{topic}/{name}")
    for topic, models in MODELS.items()
    for name, model in models.items()
]
EVENT = an_event(partitionkey="desk:A", receivedat="2026-03-02T10:00:01Z", note="kept")


def sdk_event() -> SdkEvent:
    return SdkEvent(
        {
            "type": "ticket.opened",
            "source": "desk",
            "id": "e1",
            "subject": "A",
            "time": decode_event(on_the_wire(EVENT)).time,
            "datacontenttype": "application/json",
            "partitionkey": "desk:A",
            "note": "kept",
        },
        EVENT["data"],
    )


@cache
def allowed(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    return instances(model.model_json_schema())


@pytest.mark.parametrize(("topic", "name", "model"), EVERY_MODEL)
@settings(max_examples=25)  # times some fifty message types
@given(draw=st.data())
def test_any_message_survives_the_wire(
    topic: str, name: str, model: type[BaseModel], draw: st.DataObject
) -> None:
    data = draw.draw(allowed(model))
    raw = on_the_wire(an_event(type=name, data=data))
    event = DECODERS[topic](raw)
    assert json.loads(encode(event)) == json.loads(raw)
    assert DECODERS[topic](encode(event), headers(event)) == event


def test_the_sdk_reads_what_we_write_to_kafka() -> None:
    ours = decode_event(on_the_wire(EVENT))
    key = ours.ticket.encode()
    message = kafka.KafkaMessage(headers=dict(headers(ours)), key=key, value=encode(ours))
    theirs = kafka.from_structured(message, JSONFormat())
    assert theirs.get_data() == EVENT["data"]
    assert theirs.get_type() == "ticket.opened"
    assert theirs.get_time() == ours.time
    assert theirs.get_extension("note") == "kept"
    assert theirs.get_extension("partitionkey") == "desk:A"


def test_the_sdk_reads_what_we_write_to_http() -> None:
    ours = decode_event(on_the_wire(EVENT))
    message = http.HTTPMessage(
        headers={"content-type": "application/cloudevents+json"}, body=encode(ours)
    )
    theirs = http.from_structured_event(message)
    assert (theirs.get_id(), theirs.get_source(), theirs.get_subject()) == ("e1", "desk", "A")
    assert theirs.get_data() == EVENT["data"]


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(kafka.to_structured_event, id="structured"),
        pytest.param(kafka.to_binary_event, id="binary"),
    ],
)
def test_we_read_what_the_sdk_writes_to_kafka(write: Any) -> None:
    message = write(sdk_event())
    ours = decode_event(message.value, list(message.headers.items()))
    expected = {**EVENT, "datacontenttype": "application/json"}
    assert {name: text for name, text in json.loads(encode(ours)).items() if text is not None} == {
        name: text for name, text in expected.items() if name != "receivedat"
    }
    assert ours.ticket == "desk:A"


def test_we_read_what_the_sdk_writes_to_http() -> None:
    message = http.to_structured_event(sdk_event())
    ours = decode_event(message.body, [("content-type", message.headers["content-type"].encode())])
    assert ours.data == decode_event(on_the_wire(EVENT)).data


def test_headers_name_every_attribute_and_no_data() -> None:
    given = dict(headers(decode_event(on_the_wire(EVENT))))
    assert given == {
        "content-type": b"application/cloudevents+json",
        "ce_specversion": b"1.0",
        "ce_id": b"e1",
        "ce_source": b"desk",
        "ce_type": b"ticket.opened",
        "ce_subject": b"A",
        "ce_time": b"2026-03-02T10:00:00Z",
        "ce_partitionkey": b"desk:A",
        "ce_receivedat": b"2026-03-02T10:00:01Z",
        "ce_note": b"kept",
    }


def test_an_event_made_in_code_is_the_event_read_from_the_wire() -> None:
    read = decode_event(on_the_wire(EVENT))
    made = cloud_event(
        TicketOpened.model_validate_json(json.dumps(EVENT["data"])),
        type="ticket.opened",
        id="e1",
        source="desk",
        subject="A",
        time=read.time,
        partitionkey="desk:A",
        receivedat=read.receivedat,
        causationid=None,
        note="kept",
    )
    assert made == read
    assert encode(made) == encode(read)


def test_what_tierline_publishes_speaks_of_the_ticket_in_its_subject() -> None:
    codec = Codec(EVENT_MODELS)
    event = codec.decode(on_the_wire(an_event(source="tierline/escalator", subject="desk:A")))
    assert event.ticket == "desk:A"


def test_an_absent_key_is_told_from_null() -> None:
    event = decode_event(on_the_wire(an_event(type="ticket.updated", data={"severity": None})))
    assert event.data.model_fields_set == {"severity"}


@given(st.binary(max_size=60), st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9))))
def test_rubbish_is_refused_and_never_crashes(
    value: bytes, given_headers: list[tuple[str, bytes]]
) -> None:
    with pytest.raises(InvalidEventError):
        decode_event(value, given_headers)


def test_an_empty_record_is_refused() -> None:
    with pytest.raises(InvalidEventError, match="empty record"):
        decode_event(None)


def test_binary_data_that_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidEventError) as caught:
        decode_event(b"<a/>", [("ce_type", b"ticket.opened"), ("content-type", b"text/xml")])
    assert caught.value.reason is Reason.NOT_JSON

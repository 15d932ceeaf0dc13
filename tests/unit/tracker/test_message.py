"""What the tracker makes of a record."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic_core import from_json, to_json

from services.tracker.core.message import Kind, read
from shared.contract.decisions import Decision
from shared.contract.errors import InvalidEventError, Reason
from tests.support.messages import an_event, on_the_wire
from tests.support.tracker_messages import a_decision, decision_bytes

STRUCTURED = (("content-type", b"application/cloudevents+json"), ("ce_type", b"ticket.opened"))


def test_a_whole_event_is_kept_as_it_came() -> None:
    value = on_the_wire(an_event(extension="kept"))
    assert read(Kind.EVENT, value, STRUCTURED, place=(0, 7)).text.encode() == value


def test_an_event_in_binary_mode_is_kept_as_a_whole() -> None:
    event = an_event()
    given = [(f"ce_{name}", text.encode()) for name, text in event.items() if name != "data"]
    message = read(Kind.EVENT, to_json(event["data"]), given, place=(0, 0))
    assert from_json(message.text)["data"] == event["data"]
    assert (message.type, message.ticket) == ("ticket.opened", "desk:A")


def test_the_same_source_and_id_is_the_same_message_whatever_it_says() -> None:
    one = read(Kind.EVENT, on_the_wire(an_event()), (), place=(0, 0))
    again = read(Kind.EVENT, on_the_wire(an_event(data={"title": "Other"})), (), place=(0, 9))
    other = read(Kind.EVENT, on_the_wire(an_event(source="other")), (), place=(0, 0))
    assert one.identity == again.identity != other.identity


def test_two_decisions_of_one_version_are_one_whatever_their_ids() -> None:
    value = from_json(decision_bytes(3))
    forged = read(Kind.DECISION, to_json({**value, "id": "another"}), (), place=(0, 0))
    assert forged.identity == a_decision(3).identity != a_decision(4).identity


@pytest.mark.parametrize(
    ("received", "counts"),
    [
        pytest.param("2026-03-02T10:05:00Z", 0, id="late: when it happened"),
        pytest.param("2026-03-02T09:50:00Z", -10, id="from the future: when it was received"),
    ],
)
def test_an_event_counts_from_when_it_happened_but_never_after_its_receipt(
    received: str, counts: int
) -> None:
    message = read(Kind.EVENT, on_the_wire(an_event(receivedat=received)), (), place=(0, 0))
    assert message.received_at == datetime.fromisoformat(received)
    assert message.at == datetime(2026, 3, 2, 10 if counts == 0 else 9, counts % 60, tzinfo=UTC)


def test_a_decision_was_made_as_late_after_it_counts_as_it_says() -> None:
    message = a_decision(1, late_by_s=90)
    assert (message.received_at - message.at).total_seconds() == 90


def test_an_event_of_an_unknown_type_is_kept() -> None:
    message = read(Kind.EVENT, on_the_wire(an_event(type="ticket.painted")), (), place=(0, 0))
    assert message.type == "ticket.painted"


def test_a_decision_of_an_unknown_type_still_counts_as_a_version() -> None:
    message = a_decision(4, "case.praised")
    assert isinstance(message.data, Decision)
    assert message.data.version == 4


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        pytest.param(Kind.EVENT, None, Reason.NOT_A_CLOUDEVENT, id="tombstone"),
        pytest.param(Kind.EVENT, b"\xff{", Reason.NOT_JSON, id="no JSON"),
        pytest.param(Kind.EVENT, b"[]", Reason.NOT_A_CLOUDEVENT, id="no object"),
        pytest.param(
            Kind.EVENT, on_the_wire(an_event(subject="")), Reason.INVALID_FIELD, id="no subject"
        ),
        pytest.param(
            Kind.EVENT,
            on_the_wire(an_event(data={"title": "a\0b"})),
            Reason.UNSTORABLE_TEXT,
            id="a NUL",
        ),
        pytest.param(
            Kind.EVENT, on_the_wire(an_event(type="x" * 200)), Reason.UNKNOWN_TYPE, id="long type"
        ),
        pytest.param(
            Kind.EVENT, on_the_wire(an_event(type="timer.met")), Reason.UNKNOWN_TYPE, id="of others"
        ),
        pytest.param(
            Kind.DECISION,
            on_the_wire(an_event(type="case.praised")),
            Reason.INVALID_FIELD,
            id="a decision without a version",
        ),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(
    kind: Kind, value: bytes | None, reason: Reason
) -> None:
    with pytest.raises(InvalidEventError) as refused:
        read(kind, value, (), place=(0, 0))
    assert refused.value.reason is reason

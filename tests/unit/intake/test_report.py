"""What becomes of a report before it is published."""

import base64
import json
from typing import Any

import pytest
from pydantic_core import to_json

from services.intake.core.report import ForeignSourceError, IdFrom, accept, named
from shared.contract.errors import InvalidEventError, Reason
from shared.contract.events import decode_event
from shared.contract.ids import derived_event_id

RECEIVED = "2026-03-02T10:00:01.5Z"


def a_report(**changes: Any) -> dict[str, Any]:
    report = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "desk",
        "type": "ticket.message",
        "subject": "4711",
        "time": "2026-03-02T10:00:00+01:00",
        "data": {"author": "customer", "public": True, "shoe_size": 43},
        **changes,
    }
    return {name: value for name, value in report.items() if value is not ...}


def test_what_was_sent_is_kept_and_stamped() -> None:
    sent = a_report(traceparent="00-abc", ourextension="x")
    accepted = accept(sent, received_at=RECEIVED)
    published = json.loads(accepted.value)
    assert published == {**sent, "receivedat": RECEIVED, "partitionkey": "desk:4711"}
    assert accepted.ticket == "desk:4711"
    assert decode_event(accepted.value, accepted.headers).id == "e-1"


def test_the_stamps_are_ours_whatever_was_sent() -> None:
    sent = a_report(receivedat="1999-01-01T00:00:00Z", partitionkey="other:1")
    published = json.loads(accept(sent, received_at=RECEIVED).value)
    assert published["receivedat"] == RECEIVED
    assert published["partitionkey"] == "desk:4711"


@pytest.mark.parametrize(
    "sent",
    [
        a_report(traceparent="00-abc", ourextension="x", note=True, count=7),
        a_report(receivedat="1999-01-01T00:00:00Z", partitionkey=5),
        a_report(id=..., time=..., source=...),
        a_report(dataschema=None, data=..., type="ticket.unmerged"),
        a_report(data=..., data_base64=base64.b64encode(b'{"author":"agent"}').decode()),
    ],
)
def test_the_same_is_published_with_and_without_the_text_at_hand(sent: dict[str, Any]) -> None:
    text = to_json(sent)
    with_text = accept(sent, received_at=RECEIVED, bound_source="desk", text=text)
    assert with_text == accept(sent, received_at=RECEIVED, bound_source="desk")
    names = [name for name, _ in json.loads(with_text.value, object_pairs_hook=list)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("time", [..., None])
def test_an_event_without_a_time_happened_when_it_was_received(time: object) -> None:
    published = json.loads(accept(a_report(time=time), received_at=RECEIVED).value)
    assert published["time"] == RECEIVED


def test_an_id_comes_from_the_event_else_the_idempotency_key_else_the_content() -> None:
    assert accept(a_report(), received_at=RECEIVED, idempotency_key="k").id_from is IdFrom.EVENT
    named = accept(a_report(id=...), received_at=RECEIVED, idempotency_key="k-1")
    assert (named.id, named.id_from) == ("k-1", IdFrom.IDEMPOTENCY_KEY)
    derived = accept(a_report(id=...), received_at=RECEIVED)
    assert derived.id_from is IdFrom.DERIVED
    canonical = json.dumps(a_report(id=...), sort_keys=True, separators=(",", ":")).encode()
    assert derived.id == derived_event_id("desk", canonical)


def test_a_derived_id_depends_on_the_content_alone() -> None:
    first = accept(a_report(id=...), received_at=RECEIVED)
    turned_round = dict(reversed(a_report(id=...).items()))
    assert accept(turned_round, received_at="2030-01-01T00:00:00Z").id == first.id
    assert accept(a_report(id=..., subject="1"), received_at=RECEIVED).id != first.id
    assert accept(a_report(id=..., source="b"), received_at=RECEIVED).id != first.id


@pytest.mark.parametrize("bad", ["", "a b", "x" * 129, "ä", "a/b", "a\n"])
def test_an_id_that_could_not_be_typed_again_is_refused(bad: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        accept(a_report(id=bad), received_at=RECEIVED)
    assert caught.value.flaws[0].path == "id"
    with pytest.raises(InvalidEventError) as caught:
        accept(a_report(id=...), received_at=RECEIVED, idempotency_key=bad)
    assert caught.value.flaws[0].path == "Idempotency-Key"


def test_a_bound_sender_may_leave_its_source_out_but_not_name_another() -> None:
    filled = accept(a_report(source=...), received_at=RECEIVED, bound_source="desk")
    assert filled.ticket == "desk:4711"
    with pytest.raises(ForeignSourceError, match="'other'"):
        accept(a_report(source="other"), received_at=RECEIVED, bound_source="desk")


@pytest.mark.parametrize(
    ("report", "reason", "path"),
    [
        pytest.param(17, Reason.NOT_A_CLOUDEVENT, "", id="a number"),
        pytest.param([], Reason.NOT_A_CLOUDEVENT, "", id="a list"),
        pytest.param({}, Reason.NOT_A_CLOUDEVENT, "type", id="nothing"),
        pytest.param(a_report(type="ticket.lost"), Reason.UNKNOWN_TYPE, "type", id="other type"),
        pytest.param(a_report(source=...), Reason.INVALID_FIELD, "source", id="no source"),
        pytest.param(a_report(subject=7), Reason.INVALID_FIELD, "subject", id="number as subject"),
        pytest.param(a_report(id=7), Reason.INVALID_FIELD, "id", id="number as id"),
        pytest.param(a_report(time="now"), Reason.INVALID_FIELD, "time", id="no time"),
        pytest.param(a_report(source="tierline/x"), Reason.INVALID_FIELD, "source", id="our own"),
        pytest.param(a_report(data=...), Reason.INVALID_FIELD, "data.author", id="no data"),
        pytest.param(
            a_report(data={"author": "nobody"}), Reason.INVALID_FIELD, "data.author", id="author"
        ),
        pytest.param(
            a_report(data={"author": "agent", "note": "a\0b"}),
            Reason.UNSTORABLE_TEXT,
            "data.note",
            id="NUL",
        ),
        pytest.param(a_report(ticketUrl="x"), Reason.INVALID_FIELD, "ticketUrl", id="capitals"),
        pytest.param(a_report(größe="x"), Reason.INVALID_FIELD, "größe", id="umlauts"),
        pytest.param(a_report(note={}), Reason.INVALID_FIELD, "note", id="object as attribute"),
        pytest.param(a_report(note=1.5), Reason.INVALID_FIELD, "note", id="fraction as attribute"),
        pytest.param(a_report(note=2**31), Reason.INVALID_FIELD, "note", id="number of 33 bits"),
        pytest.param(
            a_report(dataschema=""), Reason.INVALID_FIELD, "dataschema", id="empty schema"
        ),
        pytest.param(
            a_report(traceparent={"a": 1}), Reason.INVALID_FIELD, "traceparent", id="object, known"
        ),
        pytest.param(
            a_report(dataschema=7), Reason.INVALID_FIELD, "dataschema", id="number, known"
        ),
        pytest.param(
            a_report(data_base64="e30="), Reason.INVALID_FIELD, "data_base64", id="data twice"
        ),
        pytest.param(
            a_report(data=..., data_base64="e30"),
            Reason.INVALID_FIELD,
            "data_base64",
            id="no base64",
        ),
        pytest.param(
            a_report(data=..., data_base64="eyJhIjogTmFOfQ=="),
            Reason.NOT_JSON,
            "data_base64.a",
            id="NaN in base64",
        ),
        pytest.param(a_report(note="\ud800"), Reason.NOT_JSON, "", id="half a surrogate pair"),
    ],
)
def test_what_is_no_event_of_the_contract_is_refused(
    report: object, reason: Reason, path: str
) -> None:
    with pytest.raises(InvalidEventError) as caught:
        accept(report, received_at=RECEIVED)
    assert caught.value.reason is reason
    assert caught.value.flaws[0].path == path


def test_attributes_that_say_nothing_are_left_out() -> None:
    sent = a_report(dataschema=None, traceparent=None, note=True, count=7)
    published = json.loads(accept(sent, received_at=RECEIVED).value)
    assert "dataschema" not in published
    assert "traceparent" not in published
    assert (published["note"], published["count"]) == (True, 7)


def test_an_event_that_needs_no_data_may_have_none() -> None:
    report = a_report(type="ticket.unmerged", data=...)
    assert json.loads(accept(report, received_at=RECEIVED).value)["data"] == {}


def test_data_in_base64_are_held_to_the_same_bounds() -> None:
    deep = base64.b64encode(b'{"author":"agent","x":' + b"[" * 8 + b"]" * 8 + b"}").decode()
    with pytest.raises(InvalidEventError, match="more than 8 deep"):
        accept(a_report(data=..., data_base64=deep), received_at=RECEIVED)


@pytest.mark.parametrize(("header", "name"), [(b'"k-1"', "k-1"), (b"k-1 ", "k-1"), (b'"', '"')])
def test_an_idempotency_key_may_stand_in_quotes(header: bytes, name: str) -> None:
    assert named(header) == name


def test_an_unknown_type_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidEventError,
        match=r"type: 'ticket.lost' is none of 'ticket\.opened.*escalation\.requested",
    ):
        accept(a_report(type="ticket.lost"), received_at=RECEIVED)

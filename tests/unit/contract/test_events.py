"""What an event may say, and how it is told that it may not."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contract.errors import InvalidEventError, PermanentError, Reason
from shared.contract.events import EVENT_MODELS, EVENT_TYPES, TicketOpened, decode_event
from tests.support.messages import an_event, on_the_wire


def refused(event: Any) -> InvalidEventError:
    with pytest.raises(InvalidEventError) as caught:
        decode_event(on_the_wire(event))
    return caught.value


def opened(**data: Any) -> dict[str, Any]:
    return an_event(data=data)


def status(**data: Any) -> dict[str, Any]:
    return an_event(type="ticket.status_changed", data=data)


@pytest.mark.parametrize(
    ("event", "path"),
    [
        pytest.param(opened(affected_users=-1), "data.affected_users", id="users below 0"),
        pytest.param(opened(affected_users="5"), "data.affected_users", id="users as text"),
        pytest.param(opened(affected_users=1.5), "data.affected_users", id="users as a fraction"),
        pytest.param(opened(affected_users=True), "data.affected_users", id="users as a boolean"),
        pytest.param(opened(affected_orgs=-1), "data.affected_orgs", id="orgs below 0"),
        pytest.param(opened(affected_orgs=2**31), "data.affected_orgs", id="orgs beyond a column"),
        pytest.param(opened(affected_share=1.01), "data.affected_share", id="share above 1"),
        pytest.param(opened(affected_share=-0.1), "data.affected_share", id="share below 0"),
        pytest.param(opened(severity="S5"), "data.severity", id="no such severity"),
        pytest.param(opened(severity="s1"), "data.severity", id="severity in lower case"),
        pytest.param(opened(customer="acme"), "data.customer", id="customer as text"),
        pytest.param(opened(customer={"vip": "yes"}), "data.customer.vip", id="vip as text"),
        pytest.param(opened(tags="a"), "data.tags", id="tags as text"),
        pytest.param(opened(tags=[1]), "data.tags.0", id="a tag as a number"),
        pytest.param(opened(title=7), "data.title", id="title as a number"),
        pytest.param(status(status="done"), "data.status", id="no such status"),
        pytest.param(status(), "data.status", id="no status"),
        pytest.param(
            status(status="scheduled_hold", resume_at="tomorrow"), "data.resume_at", id="no time"
        ),
        pytest.param(
            status(status="scheduled_hold", resume_at="2026-06-01T09:00:00"),
            "data.resume_at",
            id="a local time without its zone",
        ),
        pytest.param(an_event(type="ticket.merged", data={"into": "A"}), "data.into", id="no key"),
        pytest.param(
            an_event(type="escalation.requested", data={"to_tier": 4}), "data.to_tier", id="tier 4"
        ),
        pytest.param(an_event(id=""), "id", id="empty id"),
        pytest.param(an_event(id="x" * 257), "id", id="long id"),
        pytest.param(an_event(id="a\nb"), "id", id="control character in the id"),
        pytest.param(an_event(source=" desk"), "source", id="blank before the source"),
        pytest.param(an_event(subject=""), "subject", id="empty subject"),
        pytest.param(an_event(subject="x" * 257), "subject", id="long subject"),
        pytest.param(an_event(time="2026-03-02T10:00:00"), "time", id="time without zone"),
        pytest.param(an_event(time="1772445600"), "time", id="a number dressed as time"),
        pytest.param(an_event(time=1772445600), "time", id="time as a number"),
        pytest.param(an_event(time="2026-02-30T10:00:00Z"), "time", id="no such day"),
        pytest.param(an_event(time="0001-01-01T00:00:00Z"), "time", id="before computers"),
        pytest.param(an_event(time=None), "time", id="no time"),
        pytest.param(an_event(specversion="0.3"), "specversion", id="old CloudEvents"),
        pytest.param(an_event(source="tierline/escalator"), "source", id="Tierline's own source"),
        pytest.param(an_event(data=[]), "data", id="data as a list"),
    ],
)
def test_rubbish_is_refused_with_its_path_and_a_remedy(event: dict[str, Any], path: str) -> None:
    error = refused(event)
    assert [flaw.path for flaw in error.flaws] == [path]
    assert str(error).startswith(f"{path}: ")
    assert error.flaws[0].remedy.endswith(".")
    assert error.reason is Reason.INVALID_FIELD


@pytest.mark.parametrize("gone", ["specversion", "id", "source", "subject", "time", "data"])
def test_every_attribute_that_is_needed_is_asked_for(gone: str) -> None:
    event = {name: value for name, value in an_event().items() if name != gone}
    assert [flaw.path for flaw in refused(event).flaws] == [gone]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param({}, Reason.NOT_A_CLOUDEVENT, id="no type"),
        pytest.param([], Reason.NOT_A_CLOUDEVENT, id="a list"),
        pytest.param(an_event(type="ticket.exploded"), Reason.UNKNOWN_TYPE, id="no such type"),
        pytest.param(opened(title="a\0b"), Reason.UNSTORABLE_TEXT, id="NUL in a text"),
        pytest.param(opened(mine={"x": ["\0"]}), Reason.UNSTORABLE_TEXT, id="NUL in an own key"),
        pytest.param(opened(**{"a\0": 1}), Reason.UNSTORABLE_TEXT, id="NUL in a key's name"),
        pytest.param(opened(mine=float("nan")), Reason.NOT_JSON, id="NaN"),
        pytest.param(opened(mine=float("inf")), Reason.NOT_JSON, id="Infinity"),
    ],
)
def test_a_refusal_has_its_reason(event: Any, reason: Reason) -> None:
    assert refused(event).reason is reason


def test_the_words_nan_and_infinity_and_an_escaped_backslash_are_text() -> None:
    event = decode_event(on_the_wire(opened(title="NaN Infinity \\u0000")))
    assert isinstance(event.data, TicketOpened)
    assert event.data.title == "NaN Infinity \\u0000"


def test_an_error_spells_out_a_few_flaws_and_counts_the_rest() -> None:
    error = refused(opened(affected_users=-1, affected_orgs=-1, tags=[1, 2, 3, 4, 5]))
    assert len(error.flaws) == 6
    assert str(error).endswith("2 more. Mend these first.")


def test_an_error_repeats_only_the_beginning_of_a_long_value() -> None:
    assert len(str(refused(opened(severity="S" * 10_000)))) < 300


def test_an_invalid_event_is_parked_not_retried() -> None:
    assert isinstance(refused({}), PermanentError)


@pytest.mark.parametrize(
    "resume_at",
    [
        "2026-06-01T09:00:00Z",
        "2026-06-01T09:00+02:00",
        "2026-06-01T09:00:00[Europe/Vienna]",
        "2026-06-01T09:00:00+02:00[Europe/Vienna]",
    ],
)
def test_a_hold_ends_at_an_instant_or_a_local_time(resume_at: str) -> None:
    decode_event(on_the_wire(status(status="scheduled_hold", resume_at=resume_at)))


def test_unknown_keys_are_kept() -> None:
    event = decode_event(on_the_wire(an_event(data={"colour": "blue", "customer": {"tier": 9}})))
    assert isinstance(event.data, TicketOpened)
    assert event.data.model_extra == {"colour": "blue"}
    assert event.data.customer is not None
    assert event.data.customer.model_extra == {"tier": 9}


def test_a_source_with_a_colon_shares_no_key_with_another_ticket() -> None:
    one = decode_event(on_the_wire(an_event(source="a:b", subject="c")))
    other = decode_event(on_the_wire(an_event(source="a", subject="b:c")))
    assert one.ticket != other.ticket


def test_every_model_knows_its_type() -> None:
    assert {EVENT_TYPES[model]: model for model in EVENT_TYPES} == dict(EVENT_MODELS)

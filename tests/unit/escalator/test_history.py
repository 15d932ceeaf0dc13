"""What is stored of an event."""

from services.escalator.core.inputs import hear_of
from services.escalator.history import content_of, dump_heard, restore_heard
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.support.ticket_events import opened

POLICY = load_policy_file(DEFAULT_POLICY)


def test_what_was_heard_comes_back_as_it_was_but_for_the_stamps_of_delivery() -> None:
    event = opened(
        "2026-03-02T09:00:00Z", received="2026-03-02T09:10:00Z", note="unknown keys stay"
    )
    heard = hear_of(event, 17, POLICY)
    back = restore_heard(dump_heard(heard, content_of(event)))
    assert (back.effective, back.received, back.seq) == (heard.effective, heard.received, 17)
    assert back.order == heard.order
    assert back.event.model_dump() | {"receivedat": event.receivedat} == event.model_dump()


def test_a_second_delivery_has_the_same_content() -> None:
    first = opened("2026-03-02T09:00:00Z", received="2026-03-02T09:00:01Z")
    again = opened("2026-03-02T09:00:00Z", received="2026-03-02T09:10:00Z")
    assert content_of(first) == content_of(again)


def test_another_title_is_another_content() -> None:
    first = opened("2026-03-02T09:00:00Z")
    other = opened("2026-03-02T09:00:00Z", title="Totals agree")
    assert content_of(first) != content_of(other)

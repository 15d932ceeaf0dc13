"""What makes a second delivery of an event the same event."""

from services.escalator.content import content_of
from tests.support.ticket_events import opened


def test_a_second_delivery_has_the_same_content() -> None:
    first = opened("2026-03-02T09:00:00Z", received="2026-03-02T09:00:01Z")
    again = opened("2026-03-02T09:00:00Z", received="2026-03-02T09:10:00Z")
    assert content_of(first) == content_of(again)


def test_another_title_is_another_content() -> None:
    first = opened("2026-03-02T09:00:00Z")
    other = opened("2026-03-02T09:00:00Z", title="Totals agree")
    assert content_of(first) != content_of(other)

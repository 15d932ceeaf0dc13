"""The fold: the same row whatever the order, and the same row after it was stored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.tracker.core.message import Kind, Message
from services.tracker.core.projection import TicketRow, dump, restore
from services.tracker.core.standing import standing
from shared.contract.times import parse_instant
from tests.support.ticket_events import (
    acknowledged,
    an_event,
    opened,
    replied,
    status,
    updated,
    wrote,
)
from tests.support.tracker_messages import a_decision, message_of, projected
from tests.support.tracker_stream import story

STORY = [
    message_of(said, offset)
    for offset, said in enumerate(
        story(
            [
                opened("2026-03-02T10:00:00Z", severity="S2", affected_users=5, vip=True),
                replied("2026-03-02T10:20:00Z"),
                updated("2026-03-02T10:40:00Z", severity="S1", title="It got worse"),
                acknowledged("2026-03-02T10:44:00Z", role="t3_oncall"),
                acknowledged("2026-03-02T10:45:00Z", role="nobody"),
                an_event("case.flagged", "2026-03-02T10:50:00Z", flag="data_loss", by="olga"),
                an_event("escalation.handed_over", "2026-03-02T10:55:00Z", to="paul", by="olga"),
                wrote("2026-03-02T11:00:00Z"),
                replied("2026-03-02T11:10:00Z", asks_customer=True),
                status("2026-03-02T11:10:00Z", "waiting_customer"),
                wrote("2026-03-02T11:30:00Z"),
                an_event("case.unflagged", "2026-03-02T11:40:00Z", flag="data_loss", by="olga"),
                status("2026-03-02T12:00:00Z", "scheduled_hold"),
                status("2026-03-02T12:30:00Z", "resolved"),
                wrote("2026-03-02T13:00:00Z"),
            ],
            parse_instant("2026-03-02T14:00:00Z"),
        )
    )
]
IN_ORDER = projected(STORY)


def test_the_story_is_worth_shuffling() -> None:
    types = {message.type for message in STORY}
    assert {"tier.changed", "act.refused", "escalation.ended", "case.reopened"} <= types
    assert len(STORY) > 40


@settings(max_examples=150, deadline=None)
@given(order=st.permutations(STORY), repeated=st.lists(st.sampled_from(STORY), max_size=10))
def test_any_order_with_repeats_gives_the_same_row(
    order: list[Message], repeated: list[Message]
) -> None:
    assert projected([*order, *repeated]) == IN_ORDER


@given(cut=st.integers(0, len(STORY)))
def test_a_row_that_was_stored_goes_on_as_if_it_had_not_been(cut: int) -> None:
    before = projected(STORY[:cut])
    stored = restore("desk:A", dump(before))
    assert stored == before
    assert projected(STORY[cut:], stored) == IN_ORDER


@pytest.mark.parametrize("cut", range(0, len(STORY), 7))
def test_it_stands_somehow_at_any_time(cut: int) -> None:
    row = projected(STORY[:cut])
    assert standing(row.facts, row.case).status


def test_a_missing_version_is_known_until_it_arrives() -> None:
    row = projected([a_decision(1), a_decision(4)])
    assert row.case.missing == 2
    row = projected([a_decision(3), a_decision(2)], row)
    assert (row.case.missing, row.case.version) == (0, 4)


def test_what_stands_is_what_the_highest_version_says() -> None:
    row = projected([a_decision(2, tier=3, priority="P1"), a_decision(1, tier=2)])
    assert (row.case.state["tier"], row.case.state["priority"]) == (3, "P1")


def test_a_decision_that_was_made_late_is_counted_as_late() -> None:
    assert projected([a_decision(1, late_by_s=2), a_decision(2, late_by_s=1)]).case.late == 1


def test_a_delivery_leaves_the_row_as_it_is() -> None:
    deliveries = [message for message in STORY if message.kind is Kind.DELIVERY]
    assert deliveries
    assert projected(deliveries) == TicketRow("desk:A")


GROUP: dict[str, Any] = {"group_id": "group:billing/x/y/emea/1", "members": 3}


def test_a_ticket_knows_its_group_until_it_leaves_it() -> None:
    joined, left = a_decision(1, "group.joined", **GROUP), a_decision(2, "group.left", **GROUP)
    assert projected([joined]).case.group == (1, GROUP["group_id"])
    assert projected([left, joined]).case.group == (2, None)


def test_a_group_is_open_until_it_closes() -> None:
    opened_, closed = a_decision(1, "group.opened", **GROUP), a_decision(2, "group.closed", **GROUP)
    open_row, closed_row = projected([opened_]), projected([opened_, closed])
    assert standing(open_row.facts, open_row.case).status == "open"
    assert standing(closed_row.facts, closed_row.case).status == "closed"


def test_a_case_that_repeats_another_says_which() -> None:
    row = projected([a_decision(1, "case.opened", recurrence_of="desk:A")])
    assert row.case.recurrence_of == "desk:A"

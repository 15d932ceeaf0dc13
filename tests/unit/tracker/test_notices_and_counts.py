"""Notices move on only forwards; everything is counted under a label of a closed set."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracker.core.counts import UNKNOWN, What, count
from services.tracker.core.message import Kind, Message, read
from services.tracker.core.notices import Notice, further, noticed
from tests.support.messages import an_event, on_the_wire
from tests.support.tracker_messages import a_decision, a_delivery

LIFE = [
    a_delivery("planned", 0),
    a_delivery("sent", 1),
    a_delivery("failed", 1),
    a_delivery("sent", 2),
    a_delivery("delivered", 2),
]


def last(messages: list[Message]) -> Notice:
    notices = [noticed(message) for message in messages]
    found = reduce(further, [one for one in notices if one is not None], None)
    assert isinstance(found, Notice)
    return found


@given(order=st.permutations(LIFE))
def test_a_notice_is_at_the_furthest_step_that_was_heard_of(order: list[Message]) -> None:
    assert last(order) == last(LIFE)
    assert last(order).state == "delivered"


def test_a_notice_knows_which_message_said_so() -> None:
    assert last(LIFE).said == LIFE[-1].identity


def test_an_unknown_step_is_no_step() -> None:
    assert noticed(a_delivery("pondered", 1)) is None


ESCALATION = {"escalation_id": "e", "track": "functional", "target": "t2"}


@pytest.mark.parametrize(
    ("message", "counted"),
    [
        pytest.param(
            a_decision(1, "escalation.raised", because={"triggers": ["T06", "T08"]}, **ESCALATION),
            {
                (What.DECISIONS, "escalation.raised"): 1,
                (What.TRACKS, "functional"): 1,
                (What.TRIGGERS, "T06"): 1,
                (What.TRIGGERS, "T08"): 1,
            },
            id="a raise, once for its track and once for each trigger",
        ),
        pytest.param(
            a_decision(1, "timer.breached", timer="resolve", late_by_s=5),
            {
                (What.DECISIONS, "timer.breached"): 1,
                (What.BREACHED, "resolve"): 1,
                (What.LATE, "timer.breached"): 1,
            },
            id="a broken promise, decided late",
        ),
        pytest.param(
            a_decision(1, "timer.met", timer="resolve"),
            {(What.DECISIONS, "timer.met"): 1, (What.MET, "resolve"): 1},
            id="a kept promise",
        ),
        pytest.param(
            read(Kind.EVENT, on_the_wire(an_event(type="ticket.painted")), (), place=(0, 0)),
            {(What.EVENTS, UNKNOWN): 1},
            id="an unknown type",
        ),
        pytest.param(
            a_delivery("sent", 1), {(What.DELIVERIES, "delivery.sent"): 1}, id="a delivery"
        ),
    ],
)
def test_what_a_message_adds_to_the_sums(
    message: Message, counted: dict[tuple[What, str], int]
) -> None:
    assert count([message], late_after_s=1) == counted

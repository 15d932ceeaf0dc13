"""What the notifier says of a delivery is an event of the contract."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.report import Reported, Step, report
from shared.contract.deliveries import DELIVERY_MODELS, Suppression, decode_delivery
from shared.contract.vocabulary import Mode

AT = datetime(2026, 3, 2, 10, 0, 0, 123_456, tzinfo=UTC)


def a_delivery(**changes: Any) -> Reported:
    given: dict[str, Any] = {
        "id": UUID(int=1),
        "ticket": "desk:A",
        "decision_id": UUID(int=2),
        "version": 3,
        "role": "t2_oncall",
        "purpose": "notice",
        "mode": "page",
        "attempt": 1,
    }
    return Reported(**(given | changes))


def test_there_is_a_step_for_each_event_of_the_contract() -> None:
    assert {str(step) for step in Step} == set(DELIVERY_MODELS)


@pytest.mark.parametrize("step", Step)
@given(
    mode=st.sampled_from(Mode),
    person=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    reason=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
def test_whatever_is_said_can_be_read(
    step: Step, mode: Mode, person: str | None, reason: str | None
) -> None:
    if step is Step.SUPPRESSED:
        reason = Suppression.OVERTAKEN
    delivery = a_delivery(mode=str(mode), person=person, reason=reason, escalation="esc-1")
    identity, payload = report(step, delivery, at=AT)
    event = decode_delivery(payload)
    assert (event.id, event.type, event.ticket, event.time) == (str(identity), step, "desk:A", AT)
    assert (event.data.delivery_id, event.data.person) == (delivery.id, person)
    assert (event.data.mode, event.data.reason, event.data.at) == (mode, reason, AT)


def test_said_twice_it_is_one_event_and_each_step_and_attempt_is_another() -> None:
    ids = [
        report(step, a_delivery(attempt=attempt), at=AT)[0]
        for step in (Step.SENT, Step.FAILED)
        for attempt in (1, 2)
        for _ in range(2)
    ]
    assert len(set(ids)) == 4

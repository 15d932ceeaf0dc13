"""What would come of an act: the engine's own answer, and nothing is changed by asking."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalator.core.judging import judge
from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.judgements import Judgement
from shared.contract.times import parse_instant
from shared.policy.document import PolicyTimeline
from tests.support.ticket_events import an_event, opened, replied
from tests.support.ticket_lives import FORMS

NOW = "2026-03-02T11:00:00Z"
LACKING = ("steps_to_reproduce_and_result", "tried_and_outcome", "specific_ask")
THIN = {name: text for name, text in FORMS["t1_to_t2"].items() if name not in LACKING}


def asked(**data: Any) -> TicketEvent:
    given: dict[str, Any] = {"by": "olga", "role": "t1_agent", "to_tier": 2, "info": THIN} | data
    return an_event("escalation.requested", NOW, **given)


def judged(policies: PolicyTimeline, act: TicketEvent, *events: TicketEvent) -> Judgement:
    simulation = Simulation(policies)
    list(simulation.run(events, parse_instant(NOW)))
    return judge(simulation, act, policies, parse_instant(NOW))


PLAIN = (opened("2026-03-02T10:00:00Z"), replied("2026-03-02T10:05:00Z"))
URGENT = (opened("2026-03-02T10:00:00Z", severity="S1", affected_users=40),)


def test_a_form_that_lacks_three_fields_names_exactly_these_and_what_asks_for_them(
    policies: PolicyTimeline,
) -> None:
    judgement = judged(policies, asked(), *PLAIN)
    assert judgement.version > 0
    assert judgement.refused is not None
    assert judgement.refused.code == "missing_information"
    assert tuple(one.field for one in judgement.refused.missing) == LACKING
    assert {one.why for one in judgement.refused.missing} == {
        "the form `t1_to_t2` of the policy's required_info asks for it"
    }


def test_a_whole_form_would_not_be_refused(policies: PolicyTimeline) -> None:
    assert judged(policies, asked(info=FORMS["t1_to_t2"]), *PLAIN).refused is None


def test_a_field_that_the_case_has_is_not_asked_for_again(policies: PolicyTimeline) -> None:
    known = dict.fromkeys(LACKING, "known")
    told = an_event("escalation.info_supplied", "2026-03-02T10:30:00Z", by="olga", info=known)
    assert judged(policies, asked(), *PLAIN, told).refused is None


def test_whoever_may_not_is_told_who_may(policies: PolicyTimeline) -> None:
    refused = judged(policies, asked(role="passer_by"), *PLAIN).refused
    assert refused is not None
    assert refused.code == "not_permitted"
    assert "t1_agent" in refused.allowed


def test_of_a_ticket_that_nobody_knows_nothing_is_said(policies: PolicyTimeline) -> None:
    assert judged(policies, asked()) == Judgement(ticket="desk:A", version=0, refused=None)


@pytest.mark.parametrize("events", [PLAIN, URGENT])
def test_asking_changes_nothing(policies: PolicyTimeline, events: tuple[TicketEvent, ...]) -> None:
    simulation = Simulation(policies)
    list(simulation.run(events, parse_instant(NOW)))
    before = list(simulation.snapshots())
    judge(simulation, asked(), policies, parse_instant(NOW))
    assert list(simulation.snapshots()) == before

"""What a version would change is known before it holds, and is what then happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.escalator.core.preview import Preview, preview, proposed
from services.escalator.core.simulation import Simulation
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, instant, parse_instant, rfc3339
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from tests.support.ticket_events import opened, replied
from tests.support.ticket_lives import POLICY, lives

FIRST = load_policy_file(DEFAULT_POLICY)
TIMELINE = PolicyTimeline([(Instant(0), FIRST)])
EIGHT, TWO = "2026-03-02T08:00:00Z", "2026-03-02T14:00:00Z"


def at(moment: str) -> Instant:
    return instant(datetime.fromisoformat(moment))


EVENTS = [opened(EIGHT, ticket="A", plan="standard"), replied("2026-03-02T08:05:00Z", ticket="A")]


def foreseen(policy: Policy, moment: str = TWO) -> Preview | None:
    """What *policy* would change from *moment* on for a ticket that was opened at eight."""
    run = Simulation(TIMELINE)
    list(run.run(EVENTS, Instant(at(moment) - 1)))
    case = run.case("desk:A")
    assert case is not None
    before = case.copy()
    found = preview(case, TIMELINE, proposed(TIMELINE, policy, at(moment)), at(moment))
    assert case == before, "asking changes nothing"
    return found


def document(policy: Policy, moment: str = TWO) -> dict[str, Any]:
    found = foreseen(policy, moment)
    assert found is not None
    return found.document()


SHORTER = edited(FIRST, {"cells.S3.I1.t1_max": "4h", "targets.standard.P3.resolve": "20h"})


def test_a_limit_that_would_be_past_is_foreseen_with_its_grace() -> None:
    told = document(SHORTER)
    assert told["limit"] == {"before_s": 16 * 3600, "after_s": 4 * 3600}
    assert told["due"] == [
        {
            "what": "end of the stay",
            "before": "2026-03-03T16:00:00Z",
            "after": "2026-03-02T14:15:00Z",
        }
    ]
    assert told["next_call"]["after"]["at"] == "2026-03-02T14:15:00Z"
    assert told["next_call"]["after"]["triggers"] == ("T06",)
    assert told["next_call"]["after"]["people"] == ("t2_queue by chat",)


def test_what_is_foreseen_is_what_then_happens() -> None:
    told = document(SHORTER)
    timeline = PolicyTimeline([(Instant(0), FIRST), (at(TWO), SHORTER)])
    made = list(Simulation(timeline).run(EVENTS, at("2026-03-02T15:00:00Z")))
    (raised,) = [one for one in made if one.type == "escalation.raised"]
    assert rfc3339(raised.at) == told["next_call"]["after"]["at"]
    roles = {f"{one['role']} by {one['mode']}" for one in raised.data["notify"]}
    assert roles == set(told["next_call"]["after"]["people"])


def test_the_customer_s_promise_alone_changes_nothing_for_an_open_case() -> None:
    assert foreseen(edited(FIRST, {"targets.standard.P3.resolve": "20h"})) is None


def test_another_number_alone_changes_nothing() -> None:
    assert foreseen(edited(FIRST, {})) is None


def test_a_version_that_is_proposed_under_its_old_number_can_be_asked_about() -> None:
    assert foreseen(FIRST) is None


@pytest.mark.parametrize(
    ("edits", "before", "after"),
    [
        (
            {"triggers.T06_tier1_dwell.P3.notify": "[t2_lead]"},
            ["t2_queue by chat"],
            ["t2_lead by chat", "t2_queue by chat"],
        ),
        ({"triggers.T06_tier1_dwell.P3.mode": "page"}, ["t2_queue by chat"], ["t2_queue by page"]),
    ],
)
def test_other_people_are_foreseen_where_no_time_changes(
    edits: dict[str, str], before: list[str], after: list[str]
) -> None:
    # Nothing else would call anybody before the stay is over.
    first = edited(FIRST, {"triggers.T08_resolve_50.P3": "none"})
    timeline = PolicyTimeline([(Instant(0), first)])
    run = Simulation(timeline)
    list(run.run(EVENTS, Instant(at(TWO) - 1)))
    case = run.case("desk:A")
    assert case is not None
    new = proposed(timeline, edited(first, edits), at(TWO))
    found = preview(case, timeline, new, at(TWO))
    assert found is not None
    assert (found.limit, found.moved) == (None, ())
    told = found.document()["next_call"]
    assert (list(told["before"]["people"]), list(told["after"]["people"])) == (before, after)
    assert told["before"]["at"] == told["after"]["at"] == "2026-03-03T16:00:00Z"


def test_an_escalation_that_is_open_goes_on_as_it_was_raised() -> None:
    moment = "2026-03-03T16:05:00Z"
    ladder = edited(FIRST, {"ladders.P3.steps.1.after": "30m"})
    assert foreseen(ladder, moment) is None


def test_a_case_that_has_ended_is_not_spoken_of() -> None:
    run = Simulation(TIMELINE)
    list(run.run(EVENTS))
    case = run.case("desk:A")
    assert case is not None
    ended = case.copy()
    ended.status = "closed"
    assert preview(ended, TIMELINE, proposed(TIMELINE, SHORTER, at(TWO)), at(TWO)) is None


OTHER = edited(
    POLICY,
    {
        "cells.S3.I1.t1_max": "4h",
        "cells.S2.I2.t2_max": "1h",
        "cells.S1.I1.exec_inform": "2h",
        "triggers.T07_tier2_dwell.P2.notify": "[t3_lead]",
        "triggers.T02_first_response_75.P3": "none",
        "triggers.stale_ack_after.P2": "1h",
        "targets.enterprise.P3.resolve": "4h",
        "internal_calendar.S2": "always",
    },
)


@settings(max_examples=max(1, settings().max_examples // 5))
@given(events=lives(tickets=("A",), longest=9), later=st.sampled_from([1, 900, 5 * 3600]))
def test_whatever_a_ticket_went_through_what_is_foreseen_happens(
    events: list[TicketEvent], later: int
) -> None:
    last = max(parse_instant(one.time.isoformat()) for one in events)
    since = Instant(last + later)
    new = proposed(TIMELINE, OTHER, since)
    told = Simulation(TIMELINE)
    list(told.run(events, Instant(since - 1)))
    case = told.case("desk:A")
    assert case is not None
    found = preview(case, TIMELINE, new, since)
    end = Instant(since + 3 * 86_400)
    before, after = (_from(since, events, timeline, end) for timeline in (TIMELINE, new))
    if found is None:
        assert before[:1] == after[:1]
        return
    for call, made in zip(found.next_call or (), (before, after), strict=False):
        if call is not None and call.at <= end:
            assert (call.at, call.triggers, call.roles) in made


def _from(
    since: Instant, events: list[TicketEvent], policies: PolicyTimeline, end: Instant
) -> list[tuple[Instant, tuple[str, ...], tuple[str, ...]]]:
    """Whom the engine really calls from *since* on, but for what was being called then."""
    open_then: set[str] = set()
    made = []
    for one in Simulation(policies).run(events, end):
        data = one.data
        if one.at < since:
            if one.type == "escalation.raised":
                open_then.add(data["escalation_id"])
            continue
        going_on = data.get("escalation_id") in open_then and data.get("step") is not None
        if data.get("notify") and not going_on:
            roles = sorted(
                f"{'fyi:' if each['fyi'] else ''}{each['role']} by {each['mode']}"
                for each in data["notify"]
            )
            made.append((one.at, tuple(data["because"]["triggers"]), tuple(roles)))
    return made

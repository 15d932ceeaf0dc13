"""What `explain` says is what the engine does: on the hard cases, and on random lives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.escalator.core.explaining import explain, plan
from services.escalator.core.plan import FURTHEST
from services.escalator.core.simulation import Simulation
from services.escalator.core.snapshot import snapshot
from services.escalator.core.views import NothingKnownError, known
from services.escalator.core.wire import Decision
from shared.contract.events import TicketEvent
from shared.contract.explanations import Entry, Explanation, Prevention, View, WhyNot
from shared.contract.times import Instant, as_datetime, instant, parse_instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.cases.case_file import Run, runs
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, updated
from tests.support.ticket_lives import end_of, lives
from tests.support.what_if import still_there, with_change

CASES = Path(__file__).parents[2] / "cases"
RUNS = {
    run.id: run
    for run in runs(CASES)
    if not run.policy and len({event.ticket for event in run.events}) == 1
}
FEW = settings(max_examples=min(60, max(1, settings().max_examples // 20)))
"""An explanation folds a history dozens of times; more would take minutes."""

KEY = "desk:A"
STANDING = ("status", "tier", "priority", "cell", "owner", "escalations", "timers", "group")
POLICIES = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])


def simulated(events: Sequence[TicketEvent], until: Instant) -> Simulation:
    """Return the engine after *events*, at *until*."""
    simulation = Simulation(POLICIES)
    list(simulation.run(events, until))
    return simulation


def explained(
    events: Sequence[TicketEvent], at: str, view: View = View.THEN, *, until: str | None = None
) -> Explanation:
    """Return what is said of ticket A at *at*, all *events* up to *until* having been heard."""
    history = simulated(events, parse_instant(until or at)).history(KEY)
    return explain(KEY, history, POLICIES, parse_instant(at), view)


@cache
def of_case(name: str) -> Explanation:
    run = RUNS[name]
    return explained(run.events, run.until)


def essence(one: Entry | Decision) -> tuple[object, ...]:
    """Return what an entry and a decision have in common."""
    if isinstance(one, Decision):
        because, told = one.data["because"], one.data.get("notify") or ()
        roles = tuple(entry["role"] for entry in told)
        return (as_datetime(one.at), one.type, tuple(because["arithmetic"]), roles)
    return (one.at, one.type, one.arithmetic, tuple(told.role for told in one.told))


def decided_next(events: Sequence[TicketEvent], at: Instant) -> list[Decision]:
    """Return what the engine decides after *at* where nothing more is heard."""
    end = Instant(at + FURTHEST)
    before = sum(1 for _ in Simulation(POLICIES).run(events, at))
    return list(Simulation(POLICIES).run(events, end))[before:]


def a_second_later(one: Prevention) -> Prevention:
    """Return *one* with its change made a second too late."""
    assert one.latest is not None
    second = timedelta(seconds=1)
    add = tuple(new.model_copy(update={"at": new.at + second}) for new in one.change.add)
    change = one.change.model_copy(update={"add": add})
    return one.model_copy(update={"change": change, "latest": one.latest + second})


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_the_plan_is_what_the_engine_decides_next(run: Run) -> None:
    at = parse_instant(run.until)
    comes = plan(KEY, simulated(run.events, at).history(KEY), POLICIES, at, View.THEN).next
    really = decided_next(run.events, at)
    assert [essence(one) for one in comes] == [essence(one) for one in really[: len(comes)]]
    assert len(comes) == min(10, len(really))


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_what_has_happened_is_what_the_engine_has_decided(run: Run) -> None:
    at = parse_instant(run.until)
    really = [essence(one) for one in Simulation(POLICIES).run(run.events, at)]
    happened = [one for one in of_case(run.id).happened if one.kind == "decision"]
    assert [essence(one) for one in happened] == really


@pytest.mark.parametrize("name", RUNS)
def test_every_prevention_prevents(name: str) -> None:
    events = RUNS[name].events
    for one in of_case(name).prevention:
        there = still_there(KEY, events, one, POLICIES)
        assert still_there(KEY, with_change(KEY, events, one), one, POLICIES) < there, one.text


@pytest.mark.parametrize("name", RUNS)
def test_one_second_later_nothing_is_prevented(name: str) -> None:
    events = RUNS[name].events
    for one in of_case(name).prevention:
        if one.latest is not None:
            there = still_there(KEY, events, one, POLICIES)
            again = with_change(KEY, events, a_second_later(one))
            assert still_there(KEY, again, one, POLICIES) == there, one.text


@FEW
@given(events=lives(tickets=("A",), longest=9))
def test_whatever_a_ticket_lives_through_its_preventions_prevent(
    events: list[TicketEvent],
) -> None:
    at = end_of(events)
    said = explain(KEY, simulated(events, at).history(KEY), POLICIES, at, View.THEN)
    for one in said.prevention:
        there = still_there(KEY, events, one, POLICIES)
        assert still_there(KEY, with_change(KEY, events, one), one, POLICIES) < there, one.text


@FEW
@given(data=st.data(), events=lives(tickets=("A", "B"), longest=9))
def test_each_ticket_alone_stands_as_the_engine_says_however_late_anything_came(
    data: st.DataObject, events: list[TicketEvent]
) -> None:
    delays = st.sampled_from([0, 0, 0, 60, 3600, 5 * 3600])
    came = sorted(
        (
            event.model_copy(update={"receivedat": event.time + timedelta(seconds=delay)})
            for event, delay in ((one, data.draw(delays)) for one in events)
        ),
        key=lambda one: one.receivedat or one.time,
    )
    at = Instant(end_of(events) + 5 * 3600)
    simulation = simulated(came, at)
    for stands in simulation.snapshots():
        key = stands["ticket"]
        if key not in ("desk:A", "desk:B"):
            continue
        for view in View:
            seen = known(key, simulation.history(key), POLICIES, at, view)
            found = snapshot(seen.case, at, POLICIES)
            assert {name: found[name] for name in STANDING} == {
                name: stands[name] for name in STANDING
            }


@FEW
@given(events=lives(tickets=("A",), longest=9))
def test_whatever_a_ticket_lives_through_its_plan_comes_true(events: list[TicketEvent]) -> None:
    at = instant(events[-1].time)
    history = simulated(events, at).history(KEY)
    comes = plan(KEY, history, POLICIES, at, View.THEN).next
    really = decided_next(events, at)
    assume(all(one.ticket == KEY for one in really))
    assert [essence(one) for one in comes] == [essence(one) for one in really[: len(comes)]]


FRIDAY = opened(
    "2026-03-06T15:50:00Z", plan="standard", severity="S2", affected_users=20, title="Slow"
)
MONDAY = opened("2026-03-02T10:00:00Z")
ASKED = replied("2026-03-02T10:30:00Z", asks_customer=True)
WAITING = status("2026-03-02T10:30:00Z", "waiting_customer")
CRITICAL = opened("2026-03-02T10:00:00Z", severity="S1", affected_users=40)
TAKEN = acknowledged("2026-03-02T10:03:00Z", by="tess", role="t3_responder")
SILENT = an_event(
    "case.snoozed",
    "2026-03-02T10:05:00Z",
    by="tess",
    role="t3_responder",
    until="2026-03-02T10:34:00Z",
)
NOBODY = an_event(
    "escalation.unreached",
    "2026-03-02T10:01:00Z",
    role="t3_oncall",
    code="nobody_on_schedule",
    by="notifier",
)
CLOSED = status("2026-03-02T10:04:00Z", "resolved")


@pytest.mark.parametrize(
    ("reason", "events", "at", "roles", "until"),
    [
        ("quiet_hours", [FRIDAY], "2026-03-06T16:00:30Z", {"t2_oncall"}, "2026-03-09T08:00:00Z"),
        ("no_row", [MONDAY], "2026-03-02T11:00:00Z", {"t1_lead"}, None),
        ("below_threshold", [MONDAY], "2026-03-02T11:00:00Z", {"t1_lead"}, "2026-03-02T12:00:00Z"),
        ("paused", [MONDAY, ASKED, WAITING], "2026-03-02T11:00:00Z", {"t2_queue"}, None),
        ("kept", [MONDAY, ASKED], "2026-03-02T11:00:00Z", {"t1_lead"}, None),
        ("acknowledged", [CRITICAL, TAKEN], "2026-03-02T10:04:00Z", {"t3_backup"}, None),
        ("not_yet", [CRITICAL], "2026-03-02T10:04:00Z", {"t3_backup"}, "2026-03-02T10:05:00Z"),
        ("ended", [CRITICAL, CLOSED], "2026-03-02T10:05:00Z", {"t3_backup"}, None),
        ("unreached", [CRITICAL, NOBODY], "2026-03-02T10:02:00Z", {"t3_oncall"}, None),
        (
            "snoozed",
            [CRITICAL, TAKEN, SILENT],
            "2026-03-02T10:06:00Z",
            {"t3_lead"},
            "2026-03-02T10:34:00Z",
        ),
        ("below_impact", [CRITICAL], "2026-03-02T10:01:00Z", {"it_duty"}, None),
        ("fyi", [CRITICAL], "2026-03-02T10:31:00Z", {"exec_oncall"}, None),
        ("joined", [CRITICAL], "2026-03-02T10:31:00Z", {"t3_lead"}, None),
    ],
)
def test_whoever_was_not_told_is_told_why(
    reason: str, events: list[TicketEvent], at: str, roles: set[str], until: str | None
) -> None:
    said = [one for one in explained(events, at).not_told if one.reason == reason]
    when = None if until is None else as_datetime(parse_instant(until))
    assert any(roles <= set(one.roles) and one.until == when for one in said), said
    assert all(one.text.endswith(".") for one in said)


def test_who_is_left_alone_after_a_call_of_the_executives_is_named() -> None:
    said = explained(RUNS["H27"].events, "2026-03-02T11:31:00Z")
    (cooling,) = (one for one in said.not_told if one.reason is WhyNot.COOLDOWN)
    assert cooling.roles == ("exec_oncall",)
    refused = next(one for one in said.happened if one.type == "act.refused")
    assert "suppressed by cooldown" in refused.text


def test_a_request_that_was_refused_says_whom_it_would_have_called_and_what_was_missing() -> None:
    request = an_event(
        "escalation.requested", "2026-03-02T10:30:00Z", by="olga", role="t1_agent", info={}
    )
    said = explained([MONDAY, request], "2026-03-02T11:00:00Z")
    (refused,) = (one for one in said.not_told if one.reason is WhyNot.REFUSED)
    assert refused.roles == ("t2_oncall",)
    assert "steps to reproduce" in refused.text


def test_a_member_of_a_group_is_spoken_for() -> None:
    events = [
        opened(
            "2026-03-02T10:00:00Z",
            ticket=f"T{n}",
            requester=f"person {n}",
            severity="S2",
            service="billing",
            component="export",
            symptom="timeout",
        )
        for n in range(10)
    ]
    at = parse_instant("2026-03-02T10:10:00Z")
    history = simulated(events, at).history("desk:T3")
    said = explain("desk:T3", history, POLICIES, at, View.THEN)
    assert said.group is not None
    assert [one.reason for one in said.not_told if one.reason is WhyNot.GROUP]


LATE = replied("2026-03-02T11:50:00Z", received="2026-03-02T12:30:00Z")


def test_what_came_late_is_withdrawn_as_known_then_and_never_was_as_known_now() -> None:
    then = explained([MONDAY, LATE], "2026-03-02T13:00:00Z", View.THEN)
    now = explained([MONDAY, LATE], "2026-03-02T13:00:00Z", View.NOW)
    assert [one.type for one in then.happened if one.type.startswith("escalation")] == [
        "escalation.raised",
        "escalation.ended",
    ]
    assert not [one for one in now.happened if one.type.startswith("escalation")]
    (heard,) = (one for one in then.happened if one.type == "ticket.message")
    assert heard.received_at == as_datetime(parse_instant("2026-03-02T12:30:00Z"))
    (in_time,) = then.prevention
    assert in_time.change.kind == "in_time"
    assert in_time.latest == as_datetime(parse_instant("2026-03-02T12:00:00Z"))
    events = with_change(KEY, [MONDAY, LATE], in_time)
    assert still_there(KEY, events, in_time, POLICIES) == 0


def test_before_the_late_event_came_nobody_could_know_of_it() -> None:
    events, until = [MONDAY, LATE], "2026-03-02T13:00:00Z"
    then = explained(events, "2026-03-02T12:15:00Z", View.THEN, until=until)
    now = explained(events, "2026-03-02T12:15:00Z", View.NOW, until=until)
    assert len(then.escalations) == 1
    assert now.escalations == ()


def test_a_reply_that_came_too_late_says_by_how_much() -> None:
    said = explained([MONDAY, replied("2026-03-02T12:30:00Z")], "2026-03-02T13:00:00Z")
    (reply,) = (one for one in said.happened if one.type == "ticket.message")
    assert reply.why == ("The first response was due 2026-03-02 12:00 UTC: 30 min late.",)
    last = next(one for one in said.prevention if one.change.kind == "reply")
    assert last.text == (
        "A public reply to the customer by 2026-03-02 12:00:00 UTC would have prevented"
        " the escalation to t1 lead of 2026-03-02 12:00:00 UTC."
    )


def test_the_smallest_change_of_impact_is_named_with_what_comes_instead() -> None:
    events = [CRITICAL, updated("2026-03-02T10:10:00Z", affected_users=100)]
    said = explained(events, "2026-03-02T10:11:00Z")
    fewer = [one for one in said.prevention if one.change.kind == "impact" and one.target == "t3"]
    assert fewer[0].change.limits["affected_users"] == 9
    assert [one.target for one in fewer[0].instead] == ["t2"]


def test_h03_a_closed_day_is_said_with_its_reason() -> None:
    events = RUNS["H03/a"].events
    found = {one.name: one for one in explained(events, "2026-10-25T02:00:00Z").timers}
    ((day, reason),) = [(one.day, one.reason) for one in found["resolve"].closed]
    assert (day.isoformat(), reason) == ("2026-10-26", "National Day")
    # Before anybody knew of a pause it would have been kept by Friday.
    in_time = {one.name: one for one in explained(events, "2026-10-22T13:00:01Z").timers}
    assert in_time["first_response"].due is not None
    assert in_time["first_response"].closed == ()


def test_nothing_is_known_before_the_opening() -> None:
    with pytest.raises(NothingKnownError) as caught:
        explained([MONDAY], "2026-03-02T09:59:59Z", until="2026-03-02T11:00:00Z")
    assert caught.value.opened_at == parse_instant("2026-03-02T10:00:00Z")
    with pytest.raises(NothingKnownError) as caught:
        explain("desk:nope", [], POLICIES, parse_instant("2026-03-02T10:00:00Z"), View.NOW)
    assert caught.value.opened_at is None


def test_the_answer_as_json_gives_itself_back() -> None:
    said = of_case("H27")
    text = said.model_dump_json()
    assert Explanation.model_validate_json(text) == said
    assert '"at":"2026-03-02T' in text

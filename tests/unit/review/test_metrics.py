"""Every number of the review, against sums done again from the bare topics, the slow way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from cli.review.sections import METRICS
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant
from shared.review import causes
from shared.review.figures import Figure
from shared.review.folding import Lives
from shared.review.metrics import Scope, figures
from shared.review.slices import Period, Slice, month
from shared.review.spans import percentile
from shared.review.voices import says_nothing
from tests.support.decisions import default_policies
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, wrote
from tests.support.ticket_lives import BEGIN, end_of, lives
from tests.unit.review.histories import (
    a_storm,
    departments_at_work,
    histories,
    paused_and_resumed,
    returned_and_kept,
)
from tests.unit.review.reckoning.of_flow import prevented, sums_of_flow
from tests.unit.review.reckoning.of_people import sums_of_people
from tests.unit.review.reckoning.of_time import sums_of_time
from tests.unit.review.reckoning.told import Plain, Sums, Told, plain

FEW = settings(max_examples=max(1, settings().max_examples // 5))
ALWAYS = Period(Instant(0), Instant(4_000_000_000), "always")
SOME_DAYS = Period(Instant(BEGIN + 3600), Instant(BEGIN + 3 * 86_400), "some days")
RATES = {1: 10.0, 2: 20.0, 3: 40.0}


def played(events: list[TicketEvent], until: Instant) -> tuple[Lives, list[Plain]]:
    """Return what the review makes of *events*, and the decisions on them as plain JSON."""
    found = Lives()
    decisions = [
        decode_decision(encode_decision(one))
        for one in Simulation(default_policies()).run(events, until)
    ]
    for event in events:
        found.hear(event)
    for decision in decisions:
        found.decided(decision)
    return found, [plain(one) for one in decisions]


def scope_of(found: Lives, period: Period = ALWAYS, of: Slice | None = None) -> Scope:
    every = found.all()
    return Scope((of or Slice()).of(every), period, default_policies(), found.last, every=every)


def by_key(scope: Scope) -> dict[str, Figure]:
    every = [one for _, metrics in METRICS for one in figures(scope, metrics)]
    return {one.key: one for one in every}


def reckoned(told: Told) -> Sums:
    return {**sums_of_time(told), **sums_of_flow(told), **sums_of_people(told)}


def compare(events: list[TicketEvent], period: Period) -> Sums:
    """Hold every number of the review against the sums, and return these."""
    found, decisions = played(events, end_of(events, 30))
    scope = replace(scope_of(found, period), rates=RATES)
    figured = {key: (one.value, one.count) for key, one in by_key(scope).items()}
    for name in ("pages_weekly", "night_pages_weekly"):
        # Of roles called equally often any may stand among the three.
        three = [figured.pop(key) for key in list(figured) if key.startswith(f"{name}.")]
        figured[name] = (sum(value or 0 for value, _ in three), sum(count for _, count in three))
    policy = default_policies().at(Instant(0))
    sums = reckoned(Told(events, decisions, policy, period.start, period.end, RATES))
    assert figured.keys() == sums.keys()
    for key, (value, count) in sums.items():
        assert figured[key] == (None if value is None else pytest.approx(value), count), key
    return sums


@FEW
@given(events=histories(), period=st.sampled_from([ALWAYS, SOME_DAYS]))
def test_every_number_is_the_one_reckoned_from_the_bare_topics(
    events: list[TicketEvent], period: Period
) -> None:
    compare(events, period)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param(
            departments_at_work(),
            {
                "ola_attainment": 1.0,
                # Of three reports of engineering one was overdue; the late one itself is not counted.
                "ola_updates.engineering": 2 / 3,
                "waiting_internal": 85 * 60 + 30 * 60,
                "waiting_internal.engineering": 85 * 60,
                "waiting_internal.product": 55 * 60,
                "waiting_internal.no request": 30 * 60,
            },
            id="departments",
        ),
        pytest.param(
            returned_and_kept(),
            {"return_rate.wrong_team": 0.25, "returns_overturned": 0.5, "level_one_capable": 1.0},
            id="returns",
        ),
        pytest.param(
            paused_and_resumed(),
            # Refused is one, short is none: that one asked; the wall is 420 and 80 minutes.
            {"pause_abuse": 1 / 3, "paused_share": (50 + 210 + 2) / 500, "reopenings": 1},
            id="pauses",
        ),
        pytest.param(
            a_storm(),
            {"group_members": 11, "duplicates_avoided": 10, "reassignments": 1},
            id="storm",
        ),
    ],
)
def test_the_numbers_of_a_told_story_are_known_beforehand(
    history: list[TicketEvent], expected: dict[str, float]
) -> None:
    sums = compare(history, ALWAYS)
    assert {key: sums[key][0] for key in expected} == pytest.approx(expected)


@FEW
@given(events=histories())
def test_what_an_action_prevented_is_reckoned_from_the_bare_topics(
    events: list[TicketEvent],
) -> None:
    found, decisions = played(events, end_of(events, 30))
    policy, scope = default_policies().at(Instant(0)), scope_of(found)
    told = Told(events, decisions, policy, ALWAYS.start, ALWAYS.end)
    for cause in {one.cause for one in scope.lives}:
        (figure,) = causes.prevention(scope, {f"cause.{cause}": date(2026, 3, 3)})
        assert (figure.value, figure.count) == prevented(told, cause, "2026-03-03")


@FEW
@given(events=lives(tickets=("A", "B", "C"), longest=12))
def test_slices_of_all_plans_together_are_the_whole(events: list[TicketEvent]) -> None:
    found, _ = played(events, end_of(events, 30))
    whole = scope_of(found)
    parts = [scope_of(found, of=Slice(plan=plan)) for plan in ("standard", "premium", "enterprise")]
    assert sum(len(one.created) for one in parts) == len(whole.created)
    assert sum(len(one.stops) for one in parts) == len(whole.stops)


def by_customer() -> list[TicketEvent]:
    """The two returned cases, each of a customer, a product and a team of its own."""
    told = []
    for event in returned_and_kept():
        if event.type != "ticket.opened":
            told.append(event)
            continue
        own: dict[str, Any] = {
            "customer": {"id": f"of {event.subject}", "plan": "premium", "region": "emea"},
            "service": f"made for {event.subject}",
            "team": f"desk {event.subject}",
        }
        facts = event.data.model_dump(mode="json", exclude_unset=True) | own
        data = type(event.data).model_validate_json(to_json(facts))
        told.append(event.model_copy(update={"data": data}))
    return told


@pytest.mark.parametrize(
    "of",
    [
        Slice(customer="of A"),
        Slice(product="made for A"),
        Slice(team="desk A"),
    ],
    ids=Slice.words,
)
def test_a_slice_has_the_numbers_of_its_tickets_alone(of: Slice) -> None:
    events = by_customer()
    found, decisions = played(events, end_of(events, 30))
    sliced = {key: (o.value, o.count) for key, o in by_key(scope_of(found, of=of)).items()}
    told = Told(
        [one for one in events if one.subject == "A"],
        [one for one in decisions if one["subject"] == "desk:A"],
        default_policies().at(Instant(0)),
        ALWAYS.start,
        ALWAYS.end,
    )
    for key in (
        "return_rate",
        "returns_overturned",
        "mtta.mean",
        "mttr.wall mean",
        "level_one_capable",
    ):
        assert sliced[key] == pytest.approx(reckoned(told)[key]), key
    assert sliced["returns_overturned"] == (1.0, 1)


def test_a_slice_of_a_policy_version_has_what_was_opened_under_it() -> None:
    events = by_customer()
    found, _ = played(events, end_of(events, 30))
    counts = [len(scope_of(found, of=Slice(policy_version=n)).created) for n in (1, 2)]
    assert counts == [2, 0]


def test_the_second_resolution_replaces_the_first_and_the_reopening_counts_once() -> None:
    events = [
        opened("2026-03-02T10:00:00Z"),
        replied("2026-03-02T10:30:00Z"),
        status("2026-03-03T11:36:00Z", "resolved"),
        wrote("2026-03-06T14:10:00Z"),
        replied("2026-03-06T14:30:00Z"),
        status("2026-03-09T09:00:00Z", "resolved"),
        opened("2026-03-30T10:00:00Z", ticket="B"),
    ]
    found, _ = played(events, parse_instant("2026-03-31T10:00:00Z"))
    figured = by_key(scope_of(found))
    assert figured["reopen_rate"].value == 1.0
    assert figured["mttr.wall median"].value == 6 * 86_400 + 23 * 3600
    # 9 h 36 m of the first part; then from Friday 14:10 to closing at 16:00, and Monday's first hour.
    assert figured["mttr.calendar median"].value == 34_560 + 6_600 + 3_600


def test_of_two_statuses_of_one_instant_the_last_holds_until_the_next() -> None:
    events = [
        opened("2026-03-02T10:00:00Z", severity="S1", affected_users=20),
        replied("2026-03-02T11:00:00Z", asks_customer=True),
        status("2026-03-02T11:00:00Z", "waiting_customer"),
        status("2026-03-02T11:00:00Z", "open"),
        status("2026-03-02T12:00:00Z", "resolved"),
    ]
    found, _ = played(events, parse_instant("2026-03-02T13:00:00Z"))
    figured = by_key(scope_of(found))
    assert figured["mttr.calendar median"].value == 2 * 3600


def test_mtta_and_ladder_depth_of_an_acknowledgement_by_the_lead() -> None:
    events = [
        opened("2026-03-02T10:00:00Z", severity="S1", affected_users=20),
        acknowledged("2026-03-02T10:13:10Z", role="t3_lead"),
    ]
    found, _ = played(events, parse_instant("2026-03-02T10:14:00Z"))
    figured = by_key(scope_of(found))
    assert figured["mtta.P1 median"].value == 790
    assert figured["ladder_depth"].value == 2


def test_a_note_that_says_nothing_is_shown_to_the_reviewer() -> None:
    for text in ("working on it", "Working on it …", "", "still looking into it."):
        assert says_nothing(text)
    assert not says_nothing("working on it: the index is rebuilt, done by noon")


def test_drills_spam_and_cancelled_tickets_count_nowhere() -> None:
    events = [
        opened("2026-03-02T10:00:00Z", ticket="A", tags=["drill"]),
        opened("2026-03-02T10:00:01Z", ticket="B", category="Spam"),
        opened("2026-03-02T10:00:02Z", ticket="C"),
        opened("2026-03-02T10:00:03Z", ticket="D"),
        status("2026-03-02T10:30:00Z", "cancelled", ticket="C"),
    ]
    found, _ = played(events, parse_instant("2026-03-02T11:00:00Z"))
    assert [one.key for one in scope_of(found).created] == ["desk:D"]


def test_the_feedback_after_an_escalation_is_counted_by_answer() -> None:
    answers = {"form": "receiver", "right": "too_late", "information": "4"}
    events = [
        opened("2026-03-02T10:00:00Z"),
        an_event("feedback.given", "2026-03-02T12:00:00Z", by="tom", answers=answers),
    ]
    found, _ = played(events, parse_instant("2026-03-02T13:00:00Z"))
    figured = by_key(scope_of(found))
    assert figured["answer.receiver right too_late"].value == 1.0
    assert figured["answer.receiver right yes"].value == 0.0


def test_a_desk_that_sends_whole_tickets_is_read_by_what_they_imply() -> None:
    facts: dict[str, Any] = {
        "title": "Totals differ",
        "severity": "S3",
        "affected_users": 1,
        "requester": "ann",
    }
    seen = [
        ("2026-03-02T10:00:00Z", {"status": "new"}),
        ("2026-03-02T10:30:00Z", {"status": "open", "implies": "first_reply"}),
        ("2026-03-02T11:00:00Z", {"status": "open", "implies": "first_reply"}),
        ("2026-03-02T12:00:00Z", {"status": "resolved", "implies": "reply"}),
    ]
    events = [an_event("ticket.observed", at, by="desk", **facts, **more) for at, more in seen]
    found, _ = played(events, parse_instant("2026-03-02T13:00:00Z"))
    figured = by_key(scope_of(found))
    assert figured["first_reply.median"].value == 1800
    assert figured["mttr.wall median"].value == 7200
    assert not scope_of(found).resolved[0].resolutions[0].automatic


def test_what_is_said_after_a_case_came_anew_belongs_to_the_new_one() -> None:
    events = [
        opened("2026-03-02T10:00:00Z", component="print"),
        replied("2026-03-02T10:30:00Z"),
        status("2026-03-02T11:00:00Z", "resolved"),
        wrote("2026-03-30T10:00:00Z"),
        replied("2026-03-30T10:30:00Z"),
        status("2026-03-30T12:00:00Z", "resolved"),
    ]
    found, _ = played(events, parse_instant("2026-03-30T13:00:00Z"))
    tickets = {one.key: one for one in scope_of(found).tickets}
    again = tickets["desk:A/2"]
    assert again.component == "print"
    assert again.first_reply_at == parse_instant("2026-03-30T10:30:00Z")
    assert again.resolved_at == parse_instant("2026-03-30T12:00:00Z")
    assert by_key(scope_of(found))["recurrence_rate"].value == 0.5


def test_a_month_begins_at_the_zones_own_midnight() -> None:
    assert month("2026-10", "Europe/Vienna").start == parse_instant("2026-09-30T22:00:00Z")
    assert month("2026-12").end == parse_instant("2027-01-01T00:00:00Z")


def test_a_percentile_is_a_value_that_occurred() -> None:
    assert percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9) == 9
    assert percentile([5], 0.9) == 5
    assert percentile([], 0.9) is None

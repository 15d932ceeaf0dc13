"""Metrics of random histories, against sums done again from the bare decisions, the slow way."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic_core import from_json

from cli.review.sections import METRICS
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant
from shared.review.figures import Figure
from shared.review.folding import Lives
from shared.review.metrics import Scope, figures
from shared.review.slices import Period, Slice, month
from shared.review.spans import percentile
from shared.review.voices import says_nothing
from tests.support.decisions import default_policies
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, wrote
from tests.support.ticket_lives import end_of, lives

FEW = settings(max_examples=max(1, settings().max_examples // 5))
ALWAYS = Period(Instant(0), Instant(4_000_000_000), "always")

Plain = list[dict[str, Any]]


def played(events: list[TicketEvent], until: Instant) -> tuple[Lives, Plain]:
    """Return what the review makes of *events*, and the decisions on them as plain JSON."""
    found = Lives()
    lines = [encode_decision(one) for one in Simulation(default_policies()).run(events, until)]
    for event in events:
        found.hear(event)
    for line in lines:
        found.decided(decode_decision(line))
    return found, [from_json(line) for line in lines]


def scope_of(found: Lives, period: Period = ALWAYS, of: Slice | None = None) -> Scope:
    every = found.all()
    return Scope((of or Slice()).of(every), period, default_policies(), found.last, every=every)


def by_key(scope: Scope) -> dict[str, Figure]:
    every = [one for _, metrics in METRICS for one in figures(scope, metrics)]
    return {one.key: one for one in every}


def reckoned(decisions: Plain) -> dict[str, tuple[float | None, int]]:
    """Return value and count of metrics, done again from the decisions alone."""
    ended = {"cancelled": set[str](), "merged": set[str]()}
    for one in decisions:
        if one["type"] == "case.closed":
            for word, tickets in ended.items():
                (tickets.add if one["data"]["status"] == word else tickets.discard)(one["subject"])
    left_out = ended["cancelled"] | ended["merged"]
    kept = [one for one in decisions if one["subject"] not in left_out]
    raised = {o["data"]["escalation_id"]: o for o in kept if o["type"] == "escalation.raised"}
    asked = {key for key, one in raised.items() if one["data"]["ack_due"]}
    taken = [
        one
        for one in kept
        if one["type"] == "escalation.acknowledged" and one["data"]["escalation_id"] in asked
    ]
    waits = [
        max(0, parse_instant(o["time"]) - parse_instant(raised[o["data"]["escalation_id"]]["time"]))
        for o in taken
    ]
    steps = [o["data"]["step"] for o in taken if o["data"]["step"] is not None]
    reasons = [o["data"]["reason"] for o in kept if o["type"] == "escalation.ended"]
    reopenings = sum(one["type"] == "case.reopened" for one in kept)
    tickets = {one["subject"] for one in kept if one["type"] == "case.opened"}
    external = [key for key, one in raised.items() if one["data"]["track"] == "external"]
    in_time = [
        o
        for o in taken
        if o["data"]["escalation_id"] in external
        and o["time"] <= raised[o["data"]["escalation_id"]]["data"]["ack_due"]
    ]
    executive = [key for key, one in raised.items() if one["data"]["target"] == "exec"]
    decided = [o for o in taken if o["data"]["escalation_id"] in executive]
    owing = [one for one in raised.values() if one["data"]["info_debt"]]
    return {
        "mtta.mean": (mean(waits) if waits else None, len(waits)),
        "mtta.median": (median(waits) if waits else None, len(waits)),
        "unacknowledged_share": _share(len(asked) - len(taken), len(asked)),
        "ladder_depth": (mean(steps) if steps else None, len(steps)),
        "step_zero_share": _share(steps.count(0), len(steps)),
        "return_rate": _share(reasons.count("returned"), len(raised)),
        "retracted_rate": _share(reasons.count("withdrawn"), len(raised)),
        "reopenings": (reopenings, len(tickets)),
        "ola_attainment": _share(len(in_time), len(external)),
        "executive_precision": _share(len(decided), len(executive)),
        "debts_paid": (None if not owing else -1.0, len(owing)),
    }


def _share(part: int, whole: int) -> tuple[float | None, int]:
    return (part / whole if whole else None, whole)


@FEW
@given(events=lives(tickets=("A", "B"), longest=12))
def test_metrics_of_people_are_those_reckoned_from_the_bare_decisions(
    events: list[TicketEvent],
) -> None:
    found, decisions = played(events, end_of(events, 30))
    figured = by_key(scope_of(found))
    for key, (value, count) in reckoned(decisions).items():
        assert figured[key].count == count, key
        if value == -1.0:  # what was paid is in the events, not in the decisions
            continue
        assert figured[key].value == (None if value is None else pytest.approx(value)), key


@FEW
@given(events=lives(tickets=("A", "B"), longest=12, undo=False, merges=False))
def test_promises_are_counted_as_they_were_announced(events: list[TicketEvent]) -> None:
    found, decisions = played(events, end_of(events, 60))
    figured = by_key(scope_of(found))
    tickets = {one.key for one in scope_of(found).tickets}
    for promise in ("first_response", "next_response", "customer_update", "resolve"):
        said = [
            one["type"]
            for one in decisions
            if one["type"] in ("timer.met", "timer.breached")
            and one["data"]["timer"] == promise
            and one["subject"] in tickets
        ]
        figure = figured[f"{promise}_attainment"]
        assert (figure.value, figure.count) == _share(said.count("timer.met"), len(said))
        per_priority = [figured.get(f"{promise}_attainment.{p}") for p in ("P1", "P2", "P3", "P4")]
        assert sum(one.count for one in per_priority if one is not None) == len(said)


@FEW
@given(events=lives(tickets=("A", "B", "C"), longest=12))
def test_slices_of_all_plans_together_are_the_whole(events: list[TicketEvent]) -> None:
    found, _ = played(events, end_of(events, 30))
    whole = scope_of(found)
    parts = [scope_of(found, of=Slice(plan=plan)) for plan in ("standard", "premium", "enterprise")]
    assert sum(len(one.created) for one in parts) == len(whole.created)
    assert sum(len(one.stops) for one in parts) == len(whole.stops)


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

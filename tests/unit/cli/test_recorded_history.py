"""The whole recorded history through the default policy: nothing refused, everything accounted for."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import read_log
from cli.history.story import tell
from services.escalator.core.simulation import Simulation
from shared.contract.events import StatusChanged, TicketEvent, decode_event
from shared.contract.times import instant, rfc3339
from tests.support.decisions import default_policies
from tests.unit.cli.test_story import LOG

ENDED = ("resolved", "closed")


class Played(NamedTuple):
    """The events of the history, what was decided on them but for notices, and how all ended."""

    events: list[TicketEvent]
    kinds: Counter[str]
    decisions: list[dict[str, Any]]
    snapshots: list[dict[str, Any]]


@pytest.fixture(scope="module")
def played() -> Played:
    mapping = load_mapping(SERVICENOW)
    told = tell(read_log(LOG, mapping), mapping, name=str(LOG))
    events = [decode_event(one.json()) for one in told]
    engine = Simulation(default_policies())
    kinds: Counter[str] = Counter()
    decisions = []
    for one in engine.run(events):
        kinds[one.type] += 1
        if one.type != "escalation.notice_due":  # nine of ten: in this history nobody acknowledges
            decisions.append({**one.data, "type": one.type})
    return Played(events, kinds, decisions, list(engine.snapshots()))


def test_the_engine_refuses_nothing_of_it(played: Played) -> None:
    """Nothing in the log may be refused, so each kind of refusal that could be is spoken for.

    A wait for the customer comes with the question that `pause_guard` wants, a lowering with the
    right, reason and evidence that `not_permitted` wants (the mapping assumes both and says so),
    and desks neither acknowledge, nor ask for tiers, nor merge in this log.
    """
    refused = [
        (one["ticket"], one["code"]) for one in played.decisions if one["type"] == "act.refused"
    ]
    assert refused == []
    waits = [one for one in played.events if getattr(one.data, "status", "") == "waiting_customer"]
    assert waits


def test_its_decisions_are_counted(played: Played) -> None:
    assert len(played.events) == 7137
    assert played.kinds == {
        "case.opened": 890,
        "case.reclassified": 47,
        "case.rescheduled": 900,
        "case.reopened": 19,
        "case.closed": 1799,
        "tier.changed": 711,
        "timer.warned": 1541,
        "timer.breached": 694,
        "timer.met": 1640,
        "escalation.raised": 1104,
        "escalation.notice_due": 145_218,
        "escalation.ended": 1104,
    }


def test_every_ticket_ends_closed_and_calls_nobody_any_more(played: Played) -> None:
    assert {one["status"] for one in played.snapshots} == {"closed"}
    assert [one["escalations"] for one in played.snapshots if one["escalations"]] == []
    assert len(played.snapshots) == 890


def test_a_case_is_reopened_just_where_the_desk_goes_on_after_it_or_silence_resolved_it(
    played: Played,
) -> None:
    said = [
        (rfc3339(instant(one.time)), one.ticket, str(one.data.status))
        for one in played.events
        if isinstance(one.data, StatusChanged)
    ]
    said += [
        (one["at"], one["ticket"], "resolved")
        for one in played.decisions
        if one["type"] == "timer.warned" and one.get("step") == "auto_resolve"
    ]
    of_each: dict[str, list[str]] = {one["ticket"]: [] for one in played.snapshots}
    for _, ticket, status in sorted(said, key=lambda one: one[0]):
        of_each[ticket].append(status)
    taken_up = {
        ticket: sum(a in ENDED and b not in ENDED for a, b in pairwise(statuses))
        for ticket, statuses in of_each.items()
    }
    assert {one["ticket"]: one["counters"]["reopens"] for one in played.snapshots} == taken_up
    assert sum(taken_up.values()) == 19


def test_every_escalation_ends_by_the_work_or_by_a_higher_one(played: Played) -> None:
    ended = Counter(one["reason"] for one in played.decisions if one["type"] == "escalation.ended")
    assert ended == {"resolved": 836, "superseded": 268}


def test_every_promise_is_met_or_breached_at_most_once_between_two_resolutions(
    played: Played,
) -> None:
    said: Counter[tuple[str, str]] = Counter()
    for one in played.decisions:
        if one["type"] in ("timer.met", "timer.breached") and one["timer"] == "first_response":
            said[one["ticket"], one["timer"]] += 1
    assert set(said.values()) == {1}
    assert len(said) == 890, "and every ticket got a first reply, or none in time"

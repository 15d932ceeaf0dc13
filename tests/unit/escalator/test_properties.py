"""What holds for every life of a ticket, tried on random ones; `make properties` tries many."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.escalator.core.case import CLOSED_STATUSES
from services.escalator.core.decide import dump, dump_heard, restore, restore_heard
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant, rfc3339
from shared.policy.document import PolicyTimeline
from shared.policy.load import edited
from tests.support.ticket_events import opened, replied, status, updated, wrote
from tests.support.ticket_lives import POLICY, end_of, lives

FEW = settings(max_examples=max(1, settings().max_examples // 5))
"""A life takes as long as ten of what others try; the profile `properties` tries many.

How many steps the engine took is told at the end of a run (`tests/unit/escalator/conftest.py`).
"""

POLICIES = PolicyTimeline([(Instant(0), POLICY)])
OF_RECEIPT = ("duplicates", "retracted")
Clock = tuple[Any, ...]
"""State, due, calendar, allowance, and what is used while it stands still."""


def ran(
    events: Iterable[TicketEvent], until: Instant, policies: PolicyTimeline = POLICIES
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the decisions, flat, and the snapshots by ticket."""
    simulation = Simulation(policies)
    decided = [{**one.data, "type": one.type} for one in simulation.run(events, until)]
    return decided, {one["ticket"]: one for one in simulation.snapshots()}


def essence(snapshot: dict[str, Any], *, came_back: bool) -> dict[str, Any]:
    """The snapshot without what the order of receipt may change."""
    counters = {k: v for k, v in snapshot["counters"].items() if k not in OF_RECEIPT}
    kept = {**snapshot, "version": None, "counters": counters}
    if came_back:
        kept["escalations"] = []
    else:
        kept["escalations"] = sorted(snapshot["escalations"], key=lambda one: one["escalation_id"])
    return kept


@FEW
@given(data=st.data(), events=lives(tickets=("A", "B"), longest=9))
def test_any_order_and_any_repeats_end_in_the_same_state(
    data: st.DataObject, events: list[TicketEvent]
) -> None:
    until = end_of(events)
    window = POLICY.late_event_window
    first, last = (parse_instant(e.time.isoformat()) for e in (events[0], events[-1]))
    if last - first > window:
        events = [e for e in events if parse_instant(e.time.isoformat()) - first <= window]
    shuffled = data.draw(st.permutations(events))
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=3))
    said_in_order, in_order = ran(events, until)
    said, out_of_order = ran([*shuffled, *repeated], until)
    came_back = any("restored" in one["because"]["triggers"] for one in [*said, *said_in_order])
    assert {key: essence(one, came_back=came_back) for key, one in out_of_order.items()} == {
        key: essence(one, came_back=came_back) for key, one in in_order.items()
    }


@FEW
@given(events=lives(tickets=("A", "B")), step=st.sampled_from([60, 3600, 86_400]))
def test_running_in_steps_gives_the_same_log(events: list[TicketEvent], step: int) -> None:
    until = end_of(events)
    at_once, _ = ran(events, until)
    simulation = Simulation(POLICIES)
    stepped: list[dict[str, Any]] = []
    waiting = list(events)
    now = parse_instant(events[0].time.isoformat())
    while now < until:
        ready = [one for one in waiting if parse_instant(one.time.isoformat()) <= now]
        waiting = waiting[len(ready) :]
        stepped += [{**o.data, "type": o.type} for o in simulation.run(ready, now)]
        now = Instant(min(until, now + step))
    stepped += [{**o.data, "type": o.type} for o in simulation.run(waiting, until)]
    assert _by_ticket(stepped) == _by_ticket(at_once)


def _by_ticket(decided: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in decided:
        found[one["ticket"]].append({**one, "late_by_s": 0})
    return found


@FEW
@given(data=st.data(), events=lives(tickets=("A", "B"), longest=9))
def test_whoever_reads_the_decisions_knows_the_clocks_at_any_time(
    data: st.DataObject, events: list[TicketEvent]
) -> None:
    """Clocks that others know: also where events come late or out of order."""
    delivered = data.draw(st.permutations(events)) if data.draw(st.booleans()) else events
    simulation = Simulation(POLICIES)
    known: dict[str, dict[str, Clock]] = defaultdict(dict)
    for number, event in enumerate(delivered, start=1):
        until = end_of(events) if number == len(delivered) else None
        for one in simulation.run([event], until):
            if "timers" in one.data:
                known[one.ticket] = _clocks(one.data["timers"])
            elif one.type in ("timer.met", "timer.breached"):
                # A past that is told late may speak of a clock before all are listed again.
                before = known[one.ticket].get(one.data["timer"], ())
                known[one.ticket][one.data["timer"]] = (one.type[6:], *before[1:])
        for snapshot in simulation.snapshots():
            assert known[snapshot["ticket"]] == _clocks(snapshot["timers"])


def _clocks(timers: Iterable[dict[str, Any]]) -> dict[str, Clock]:
    return {
        one["name"]: (
            one["state"],
            one["due"],
            one["calendar"],
            one["allowance_s"],
            # What is used grows by itself while it runs.
            one["used_s"] if one["state"] == "paused" else None,
        )
        for one in timers
    }


@FEW
@given(events=lives(tickets=("A", "B")))
def test_escalations_live_by_the_contract(events: list[TicketEvent]) -> None:
    decided, snapshots = ran(events, end_of(events))
    last: dict[str, int] = {}
    alive: dict[str, dict[str, Any]] = {}
    for one in decided:
        assert one["version"] == last.get(one["ticket"], 0) + 1
        last[one["ticket"]] = one["version"]
        if not one["type"].startswith("escalation."):
            continue
        name = one["escalation_id"]
        if one["type"] == "escalation.raised":
            seats = [(o["ticket"], o["track"], _seat(o)) for o in alive.values()]
            assert (one["ticket"], one["track"], _seat(one)) not in seats
            alive[name] = one
        else:
            assert name in alive, "spoken of only while open"
            if one["type"] == "escalation.ended":
                del alive[name]
    for key, snapshot in snapshots.items():
        listed = {one["escalation_id"] for one in snapshot["escalations"]}
        assert listed == {name for name, one in alive.items() if one["ticket"] == key}
        if snapshot["status"] in CLOSED_STATUSES:
            assert not listed


def _seat(one: dict[str, Any]) -> str | None:
    return one["target"] if one["track"] == "external" else None


@FEW
@given(events=lives(tickets=("A",), merges=False))
def test_every_decision_is_readable_and_every_record_comes_back_as_it_was(
    events: list[TicketEvent],
) -> None:
    simulation = Simulation(POLICIES)
    for decision in simulation.run(events, end_of(events)):
        decode_decision(encode_decision(decision))
    case = simulation.case("desk:A")
    assert case is not None
    assert restore(dump(case)) == case
    for heard in simulation.history("desk:A"):
        back = restore_heard(dump_heard(heard))
        assert (back.order, back.id, back.signal is None) == (
            heard.order,
            heard.id,
            heard.signal is None,
        )


@FEW
@given(events=lives(tickets=("A",)))
def test_a_person_is_told_of_an_escalation_at_most_three_times_a_minute(
    events: list[TicketEvent],
) -> None:
    decided, _ = ran(events, end_of(events))
    told: Counter[tuple[str, str, int]] = Counter()
    of_acts = {parse_instant(e.time.isoformat()) for e in events}
    for one in decided:
        at = parse_instant(one["at"])
        if "escalation_id" not in one or at in of_acts:
            continue
        for entry in one.get("notify") or ():
            told[one["escalation_id"], entry["role"], at // 60] += 1
    assert max(told.values(), default=0) <= 3


@FEW
@given(events=lives(tickets=("A",), merges=False))
def test_no_breach_is_silent(events: list[TicketEvent]) -> None:
    decided, _ = ran(events, end_of(events))
    told = False
    for one in decided:
        told = told or bool(one.get("notify"))
        if one["type"] == "timer.breached" and one["because"]["triggers"]:
            assert told or one.get("notify") or _later_told(decided, one)


def _later_told(decided: list[dict[str, Any]], breach: dict[str, Any]) -> bool:
    """Whether a decision of the same instant tells somebody of *breach*."""
    return any(one["at"] == breach["at"] and one.get("notify") for one in decided)


WORSE = st.sampled_from(
    [
        {"severity": "S1"},
        {"severity": "S2"},
        {"affected_users": 10},
        {"affected_users": 100},
        {"flags": ["data_loss"]},
        {"flags": ["security_confirmed"]},
        {"org_wide": True},
    ]
)


@FEW
@given(
    events=lives(tickets=("A",), longest=5, merges=False, undo=False, gaps=(7, 301, 900)),
    worse=WORSE,
)
def test_making_a_case_worse_never_makes_the_outcome_milder(
    events: list[TicketEvent], worse: dict[str, Any]
) -> None:
    at = end_of(events, hours=0) + 5
    last = updated(_text(at), **worse)
    before = ran(events, Instant(at))[1]["desk:A"]
    after = ran([*events, last], Instant(at))[1]["desk:A"]
    if before["status"] in CLOSED_STATUSES:
        return
    severity = worse.get("severity")
    if severity and severity > before["cell"]["severity"]:
        return
    assert after["tier"] >= before["tier"]
    assert after["priority"] <= before["priority"]
    if after["tier"] == before["tier"]:
        limits = [_named(one, "tier_dwell") for one in (before, after)]
        if all(limits):
            assert limits[1]["allowance_s"] <= limits[0]["allowance_s"]


def _named(snapshot: dict[str, Any], name: str) -> dict[str, Any]:
    return next((one for one in snapshot["timers"] if one["name"] == name), {})


def _text(at: int) -> str:
    return rfc3339(Instant(at))


@FEW
@given(cuts=st.lists(st.integers(1, 7199), max_size=6, unique=True))
def test_many_small_pauses_count_like_one(cuts: list[int]) -> None:
    """From 11:00 to 13:00 the customer is waited for, with or without moments between."""
    begin = parse_instant("2026-03-02T11:00:00Z")
    until = parse_instant("2026-03-02T13:30:00Z")
    start = [
        opened("2026-03-02T10:00:00Z"),
        replied("2026-03-02T11:00:00Z", asks_customer=True),
        status("2026-03-02T11:00:00Z", "waiting_customer"),
    ]
    stop = [wrote("2026-03-02T13:00:00Z")]
    again: list[TicketEvent] = []
    for cut in sorted(cuts):
        at = _text(begin + cut)
        again += [
            status(at, "open"),
            replied(at, asks_customer=True, by="olga"),
            status(at, "waiting_customer"),
        ]
    once = ran([*start, *stop], until)[1]["desk:A"]
    often = ran([*start, *again, *stop], until)[1]["desk:A"]
    for name in ("resolve", "tier_dwell"):
        assert _named(once, name) == _named(often, name)
    assert once["counters"]["paused_s"] == often["counters"]["paused_s"]


@FEW
@given(events=lives(tickets=("A",), longest=6, merges=False))
def test_a_policy_and_back_without_events_changes_nothing_but_the_log(
    events: list[TicketEvent],
) -> None:
    last = end_of(events, hours=0)
    until = end_of(events, hours=1)
    back = PolicyTimeline(
        [
            (Instant(0), POLICY),
            (Instant(last + 1), SHORTER),
            (Instant(last + 2), BACK),
        ]
    )
    plain = ran(events, until)[1]["desk:A"]
    there_and_back = ran(events, until, back)[1]["desk:A"]
    assert _without_ids(there_and_back) == _without_ids(plain)


def _without_ids(snapshot: dict[str, Any]) -> dict[str, Any]:
    return {**snapshot, "version": None}


SHORTER = edited(POLICY, {"cells.S3.I1.t1_max": "1h", "targets.standard.P3.resolve": "20h"})
BACK = edited(SHORTER, {"cells.S3.I1.t1_max": "16h", "targets.standard.P3.resolve": "40h"})

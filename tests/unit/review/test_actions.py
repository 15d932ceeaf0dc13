"""Thresholds that look further than one figure: earlier periods, pairs of groups, closed actions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.events import TicketEvent
from shared.contract.times import parse_instant
from shared.review import departments, flow
from shared.review.figures import Figure
from shared.review.folding import Lives
from shared.review.metrics import Scope, figures
from shared.review.slices import Period, Slice, before, month
from shared.review.thresholds import Action, actions
from tests.support.decisions import default_policies
from tests.support.ticket_events import an_event, opened, status

MARCH = month("2026-03")


def scope_of(events: list[TicketEvent], until: str, period: Period) -> Scope:
    lives = Lives()
    told = sorted(events, key=lambda one: one.time)
    for event in told:
        lives.hear(event)
    for one in Simulation(default_policies()).run(told, parse_instant(until)):
        lives.decided(decode_decision(encode_decision(one)))
    every = lives.all()
    return Scope(Slice().of(every), period, default_policies(), lives.last, every=every)


def found(scope: Scope, closed: dict[str, date] | None = None) -> dict[str, Action]:
    every = actions(scope, figures(scope, (departments.requests,)), closed)
    return {one.metric: one for one in every}


def unanswered(day: str, ticket: str) -> list[TicketEvent]:
    """A P1 for which engineering is called and never answers."""
    return [
        opened(f"{day}T09:00:00Z", ticket=ticket, severity="S1", affected_users=20, component="print"),
        status(f"{day}T12:00:00Z", "resolved", ticket=ticket, cause_class="driver"),
    ]  # fmt: skip


def test_a_department_late_in_one_month_opens_nothing_and_in_two_running_it_does() -> None:
    february, march = unanswered("2026-02-10", "A"), unanswered("2026-03-10", "B")
    once = found(scope_of(march, "2026-03-31T00:00:00Z", MARCH))
    assert "ola_attainment.engineering" not in once
    twice = found(scope_of([*february, *march], "2026-03-31T00:00:00Z", MARCH))
    action = twice["ola_attainment.engineering"]
    assert (action.owner, action.due) == ("head_of_support", date(2026, 4, 29))
    assert "0.0 % in the period before" in action.found


def test_a_cause_that_is_back_within_thirty_days_reopens_its_closed_action() -> None:
    scope = scope_of(unanswered("2026-03-10", "A"), "2026-03-31T00:00:00Z", MARCH)
    for closed, is_back in (("2026-02-09", True), ("2026-02-07", False), ("2026-03-10", False)):
        again = found(scope, {"cause.driver": date.fromisoformat(closed)})
        assert ("back.driver" in again) is is_back, closed


def sent_astray(number: int) -> list[TicketEvent]:
    key, day = f"W{number}", f"2026-03-0{number + 2}"
    return [
        opened(f"{day}T09:00:00Z", ticket=key, severity="S1", team="desk", component="print"),
        an_event("ticket.updated", f"{day}T10:00:00Z", ticket=key, team="network"),
        status(f"{day}T12:00:00Z", "resolved", ticket=key, cause_class="wrong_team"),
    ]


def test_three_to_the_same_wrong_team_open_an_action_and_two_do_not() -> None:
    for count, opens in ((2, False), (3, True)):
        events = [one for n in range(count) for one in sent_astray(n)]
        said = found(scope_of(events, "2026-03-31T00:00:00Z", MARCH))
        assert ("wrong_team.desk/network" in said) is opens


def test_certificates_under_their_goal_open_an_action_of_the_trainer() -> None:
    scope = scope_of(sent_astray(0), "2026-03-31T00:00:00Z", MARCH)
    for value, opens in ((0.94, True), (0.95, False)):
        cover = Figure("certificate_cover", "certificates that are valid", value, "share", 3)
        owners = [one.owner for one in actions(scope, [cover]) if one.metric == "certificate_cover"]
        assert owners == (["trainer"] if opens else [])


def test_the_period_before_is_the_month_before_or_as_long() -> None:
    assert before(month("2026-01", "Europe/Vienna"), "Europe/Vienna") == month(
        "2025-12", "Europe/Vienna"
    )
    week = Period(parse_instant("2026-03-09T00:00:00Z"), parse_instant("2026-03-16T00:00:00Z"), "w")
    assert before(week).start == parse_instant("2026-03-02T00:00:00Z")
    assert before(week).end == week.start


def test_every_ticket_takes_one_way_through_the_tiers_and_ends_somewhere() -> None:
    events = [
        opened("2026-03-02T09:00:00Z", ticket="A", plan="standard"),
        opened("2026-03-02T09:00:00Z", ticket="B", plan="standard"),
        status("2026-03-02T10:00:00Z", "resolved", ticket="B"),
        opened("2026-03-02T09:00:00Z", ticket="C", severity="S1", affected_users=20),
    ]
    scope = scope_of(events, "2026-03-05T09:00:00Z", MARCH)
    assert flow.paths(scope) == [
        ((0, "tier 1"), (1, "tier 2"), 1),
        ((0, "tier 1"), (4, "resolved"), 1),
        ((0, "tier 3"), (4, "open"), 1),
        ((1, "tier 2"), (4, "open"), 1),
    ]
    assert flow.paths(replace(scope, period=month("2026-02"))) == []

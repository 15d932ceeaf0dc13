"""Who wants to hear what: topics, quiet hours, bundles, and what is never told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.notifier.core.allot import Limits, Waiting, allot
from services.notifier.core.desk import Desk
from services.notifier.core.flow import Rate, new_gate
from services.notifier.core.message import Message, Remarks
from services.notifier.core.plan import Planned
from services.notifier.core.roster import TicketFacts
from services.notifier.core.subscriptions import Quiet, Subscription, subscribed, topics_of
from shared.contract.deliveries import Suppression
from tests.unit.notifier.builders import NOON, a_decision, a_roster, called

VIENNA = ZoneInfo("Europe/Vienna")
NIGHTS = Quiet(VIENNA, dict.fromkeys(range(7), ((18 * 3600, 32 * 3600),)))
BILLING = Subscription("billing", "ana", ("component.billing",))
ABOUT = {"component": "billing", "customer": "acme"}


def told(
    decision: object = None, *wanted: Subscription, now: datetime = NOON
) -> tuple[Planned, ...]:
    made = decision or a_decision(about=ABOUT)
    return subscribed(made, (), a_roster(), wanted, now)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "topic",
    [
        *("all", "tier2", "severity.S2", "priority.P2"),
        *("component.billing", "customer.acme", "department.engineering"),
    ],
)
def test_a_decision_is_on_every_topic_that_its_case_is_on(topic: str) -> None:
    decision = a_decision(about=ABOUT, track="external", target="engineering")
    assert topic in topics_of(decision)
    (row,) = told(decision, Subscription("one", "ana", (topic,)))
    assert (row.role, row.person, row.fyi, row.asks) == ("subscription_one", "ana", True, False)


def test_only_the_events_and_priorities_that_are_wanted_are_told() -> None:
    closed = a_decision("case.closed", about=ABOUT, status="closed")
    again = a_decision("escalation.notice_due", about=ABOUT, step=0)
    assert told(again, BILLING) == ()
    only = Subscription("one", "ana", ("all",), events=("case.closed",), priorities=("P1",))
    assert told(closed, only) == ()
    assert told(a_decision("case.closed", priority="P1", status="closed"), only)


def test_a_restricted_case_goes_to_no_subscription() -> None:
    assert told(a_decision(about=ABOUT, restricted=True), BILLING) == ()


def test_what_waits_for_a_subscription_falls_when_the_case_becomes_restricted() -> None:
    desk = Desk(
        roster=a_roster(),
        alerts=True,
        now=NOON,
        known={},
        early={},
        earlier={},
        subscriptions=(BILLING,),
    )
    desk.hear(a_decision("case.opened", 1, about=ABOUT))
    desk.hear(a_decision("case.reclassified", 2, about=ABOUT, restricted=True))
    (fan_out,) = desk.fan_outs
    assert desk.stale_now(fan_out, fan_out.rows[0]) == Suppression.RESTRICTED
    assert "desk:A" in desk.settled
    assert desk.known["desk:A"].facts == TicketFacts(customer="acme", restricted=True)


def test_whoever_is_called_anyway_or_has_two_subscriptions_is_told_once() -> None:
    desk = Desk(
        roster=a_roster(),
        alerts=True,
        now=NOON,
        known={},
        early={},
        earlier={},
        subscriptions=(
            BILLING,
            Subscription("ben-one", "ben", ("all",)),
            Subscription("ben-two", "ben", ("tier2",)),
        ),
    )
    desk.hear(a_decision(version=1, about=ABOUT, notify=[called("t2_lead")]))
    rows = {row.role: row.suppressed for row in desk.fan_outs[0].rows}
    assert rows == {
        "t2_lead": None,
        "subscription_billing": Suppression.SAME_PERSON,
        "subscription_ben-one": None,
        "subscription_ben-two": Suppression.SAME_PERSON,
    }


def test_a_subscriber_who_left_the_roster_is_nobody_and_no_alert() -> None:
    (row,) = told(None, Subscription("gone", "eva", ("all",)))
    assert (row.suppressed, row.asks) == (Suppression.NOBODY_ON_SCHEDULE, False)


def test_quiet_hours_hold_a_notice_until_they_end_by_the_local_clock() -> None:
    quiet = Subscription("one", "ana", ("all",), quiet=NIGHTS)
    evening = datetime(2026, 3, 28, 19, 0, tzinfo=UTC)  # clocks go forward in the night
    (row,) = told(None, quiet, now=evening)
    assert row.hold_until == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)
    (by_day,) = told(None, quiet, now=NOON)
    assert by_day.hold_until is None


def test_nothing_but_quiet_keeps_nobody_from_hearing() -> None:
    always = Quiet(VIENNA, dict.fromkeys(range(7), ((0, 86400),)))
    assert always.over(NOON) == NOON


def test_a_bundle_is_held_to_the_next_full_multiple_and_urgent_ones_do_not_wait() -> None:
    hourly = Subscription(
        "one", "ana", ("all",), every=timedelta(hours=1), quiet=NIGHTS, urgent=("P1",)
    )
    at = NOON + timedelta(minutes=10)
    (row,) = told(None, hourly, now=at)
    assert (row.hold_until, row.mode) == (NOON + timedelta(hours=1), "digest")
    (on_time,) = told(None, hourly, now=NOON)
    assert on_time.hold_until is None
    (urgent,) = told(a_decision(priority="P1", about=ABOUT), hourly, now=at)
    assert (urgent.hold_until, urgent.mode) == (None, "page")


def test_a_bundle_goes_as_one_message_however_few_it_holds() -> None:
    rates = {"email": Rate(10, 10), "to": Rate(1, 10)}
    gates = {
        name: new_gate(name, rates[name.partition(":")[0]], now=NOON)
        for name in ("email", "to:email:ana")
    }
    waiting = [Waiting("email", "email:ana", 3, NOON, bundle=True)]
    shares, after = allot(waiting, gates, {}, Limits(rates, 10), free=10, now=NOON)
    assert [one.together for one in shares] == [True]
    assert after["to:email:ana"].tokens == 9


def test_a_message_says_since_when_it_was_held() -> None:
    held = Message("s", ("first",)).remarked(Remarks(held_since=NOON))
    assert "Held since 2026-03-02 12:00 UTC" in held.lines[-1]

"""What the engine asks of a policy, and what it is answered."""

from __future__ import annotations

from fractions import Fraction

import pytest

from shared.contract.events import Priority, Severity, Status
from shared.contract.times import Instant, Seconds
from shared.policy.document import Addressee, Policy, PolicyTimeline
from shared.policy.load import edited

HOUR = 3600
MINUTE = 60


@pytest.mark.parametrize(
    ("users", "orgs", "share", "band"),
    [
        (0, None, None, "I1"),
        (1, 1, 0.0, "I1"),
        (2, 1, 0.0, "I2"),
        (9, 2, 0.0499, "I2"),
        (1, 1, 0.0001, "I2"),
        (1, 1, 0.00009, "I1"),
        (10, 1, None, "I3"),
        (99, 9, 0.1999, "I3"),
        (1, 3, None, "I3"),
        (None, None, 0.05, "I3"),
        (None, None, 0.04995, "I2"),
        (None, None, 0.19995, "I3"),
        (100, None, None, "I4"),
        (None, 10, None, "I4"),
        (1, 1, 0.2, "I4"),
    ],
)
def test_the_widest_count_decides_the_band(
    users: int | None, orgs: int | None, share: float | None, band: str, policy: Policy
) -> None:
    assert policy.impact_band(users, orgs, share, org_wide=False, severity="S3") == band


@pytest.mark.parametrize(
    ("severity", "band"), [("S1", "I2"), ("S2", "I2"), ("S3", "I1"), ("S4", "I1")]
)
def test_unknown_counts_are_read_by_severity(severity: str, band: str, policy: Policy) -> None:
    assert policy.impact_band(None, None, None, org_wide=False, severity=severity) == band


@pytest.mark.parametrize(("users", "band"), [(None, "I3"), (1, "I3"), (99, "I3"), (100, "I4")])
def test_a_whole_organisation_is_at_least_many(
    users: int | None, band: str, policy: Policy
) -> None:
    assert policy.impact_band(users, None, None, org_wide=True, severity="S4") == band


def test_the_enums_of_the_contract_find_the_same(policy: Policy) -> None:
    assert policy.cell(Severity.S3, "I1") is policy.cell("S3", "I1")
    assert policy.trigger("T06", Priority.P2) is policy.trigger("T06", "P2")
    assert policy.treatment(Status.WAITING_CUSTOMER, "resolve") == "pause"


@pytest.mark.parametrize(
    ("limit", "plan", "vip", "minutes"),
    [
        (60, "premium", True, 23),
        (60, "enterprise", True, 15),
        (40, "enterprise", True, 15),
        (0, "standard", False, 15),
        (120, "standard", False, 120),
        (120, "premium", False, 90),
    ],
)
def test_a_stay_is_shortened_to_the_whole_minute_and_the_floor(
    limit: int,
    plan: str,
    *,
    vip: bool,
    minutes: int,
    policy: Policy,
) -> None:
    assert policy.dwell(Seconds(limit * MINUTE), plan, vip=vip) == minutes * MINUTE


def test_warnings_are_exact_shares(policy: Policy) -> None:
    assert policy.warn_at == (Fraction(1, 2), Fraction(3, 4), Fraction(9, 10), Fraction(1))


def test_every_priority_has_extra_people_if_only_none(policy: Policy) -> None:
    assert policy.modifier("standard", vip=False).extra_notify["P4"] == ()
    assert policy.modifier("premium", vip=True).extra_notify["P1"] == (
        Addressee("account_manager", fyi=False),
        Addressee("exec_oncall", fyi=True),
    )


def test_a_trigger_row_keeps_its_words(policy: Policy) -> None:
    row = policy.trigger("T07", "P3")
    assert row is not None
    assert (row.id, row.name, row.to) == ("T07", "tier2_dwell", "3_or_product_if_S4")
    assert policy.trigger("T01", "P3") is None
    first = policy.trigger("T01", "P1")
    assert first is not None
    assert first.by == "due"
    second = policy.trigger("T02", "P3")
    assert second is not None
    assert second.ack is None


@pytest.mark.parametrize(
    ("priority", "plan", "region", "name"),
    [
        ("P1", "standard", "emea", "always"),
        ("P2", "standard", "amer", "amer"),
        ("P2", "premium", "amer", "always"),
        ("P3", "enterprise", "apac", "apac"),
        ("P3", "enterprise", None, "emea"),
        ("P3", "enterprise", "moon", "emea"),
        ("P3", "enterprise", "always", "emea"),
    ],
)
def test_the_promise_counts_in_the_contracts_calendar(
    priority: str, plan: str, region: str | None, name: str, policy: Policy
) -> None:
    assert policy.calendar_for(priority, plan, region).name == name
    assert policy.internal_calendar("S2", priority, plan, region).name == name
    assert policy.internal_calendar("S1", priority, plan, region).name == "always"


def test_a_department_counts_in_its_own_hours(policy: Policy) -> None:
    assert policy.department("engineering").ola["P2"].acknowledge == HOUR
    assert policy.department_calendar("engineering", "P2", "amer").name == "always"
    assert policy.department_calendar("product", "P2", "amer").name == "amer"
    assert policy.department_of_duty("it_duty") == "it"
    assert policy.department_of_duty("t3_oncall") is None


def test_pauses_stop_what_is_unanswered_and_hold_the_rest(policy: Policy) -> None:
    for status in ("waiting_customer", "scheduled_hold"):
        assert policy.treatment(status, "next_response") == "stop"
        assert policy.treatment(status, "customer_update") == "pause"
        assert policy.treatment(status, "first_response") == "run"
        assert policy.treatment(status, "ack") == "run"
        assert policy.ends_on_customer_message(status)
    assert policy.treatment("waiting_vendor", "resolve") == "run"
    assert policy.treatment("resolved", "ack") == "stop"
    assert policy.pause_needs("open") == ()
    assert policy.pause_needs("scheduled_hold") == ("customer_agreement_ref", "resume_at")
    assert policy.longest_pause("scheduled_hold") == 720 * HOUR
    assert policy.longest_pause("waiting_customer") is None
    assert not policy.ends_on_customer_message("open")


def test_silence_has_steps_in_the_tickets_calendar(policy: Policy) -> None:
    wait = policy.waiting_customer_steps("P3", "amer")
    assert wait.calendar.name == "amer"
    assert [(step.after // HOUR, step.action) for step in wait.steps] == [
        (24, "remind"),
        (40, "remind"),
        (80, "auto_resolve"),
    ]
    assert policy.waiting_customer_steps("P3", "moon").calendar.name == "emea"
    assert policy.waiting_customer_steps("P1", None).calendar.name == "always"


def test_news_is_promised_on_low_priorities_only_above_tier_1(policy: Policy) -> None:
    assert policy.update_runs_for("P2", 1)
    assert [policy.update_runs_for("P3", tier) for tier in (1, 2, 3)] == [False, True, True]


@pytest.mark.parametrize(
    ("role", "permission", "tier", "may"),
    [
        ("t2_lead", "change_severity_down", None, True),
        ("t1_agent", "change_severity_down", None, False),
        (None, "change_severity_down", None, False),
        (None, "change_severity_up", None, True),
        ("t1_oncall", "raise_up_one_tier", None, True),
        ("t3_backup", "raise_up_one_tier", None, True),
        ("legal_duty", "decline", None, True),
        ("t1_lead", "lower_impact", None, True),
        ("t3_lead", "approve_skip", None, False),
        ("t2_specialist", "return_once_for_missing_information", 2, True),
        ("t2_oncall", "return_once_for_missing_information", 2, True),
        ("t1_agent", "return_once_for_missing_information", 2, False),
        ("t2_specialist", "return_once_for_missing_information", None, False),
    ],
)
def test_rights_are_held_by_roles(
    role: str | None,
    permission: str,
    tier: int | None,
    *,
    may: bool,
    policy: Policy,
) -> None:
    assert policy.may(role, permission, tier=tier) is may


def test_rights_name_their_roles_one_by_one(policy: Policy) -> None:
    assert policy.permitted("change_severity_down") == (
        "t1_lead",
        "t2_lead",
        "t3_lead",
        "incident_commander",
        "escalation_manager",
    )


def test_the_form_to_tier_3_holds_the_form_to_tier_2(policy: Policy) -> None:
    to_2, to_3 = policy.missing_information(2, ()), policy.missing_information(3, ())
    assert to_3[: len(to_2)] == to_2
    assert (len(to_2), len(to_3)) == (13, 21)
    assert policy.missing_information(2, to_2[1:]) == to_2[:1]
    assert policy.missing_information(1, ()) == ()


def test_a_version_holds_from_its_instant_on(policy: Policy) -> None:
    second = edited(policy, {"cells.S3.I1.t1_max": "4h"})
    timeline = PolicyTimeline([(Instant(1000), second), (Instant(0), policy)])
    assert [timeline.at(Instant(at)).version for at in (-5, 0, 999, 1000, 5000)] == [1, 1, 1, 2, 2]
    assert timeline.version(1) is policy
    assert timeline.next_activation(Instant(0)) == 1000
    assert timeline.next_activation(Instant(1000)) is None
    with pytest.raises(KeyError):
        timeline.version(3)


def test_of_two_versions_at_one_instant_the_later_holds(policy: Policy) -> None:
    second = edited(policy, {"cells.S3.I1.t1_max": "4h"})
    timeline = PolicyTimeline([(Instant(0), second), (Instant(0), policy)])
    assert timeline.at(Instant(0)) is second


def test_a_timeline_needs_versions_of_different_numbers(policy: Policy) -> None:
    with pytest.raises(ValueError, match="needs a policy"):
        PolicyTimeline([])
    with pytest.raises(ValueError, match="same version"):
        PolicyTimeline([(Instant(0), policy), (Instant(9), policy)])


def test_a_policy_cannot_be_changed(policy: Policy) -> None:
    with pytest.raises(AttributeError):
        policy.version = 7  # type: ignore[misc]

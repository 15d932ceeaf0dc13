"""One decision into its deliveries."""

from datetime import UTC, datetime

import pytest

from services.notifier.core.known import Decided
from services.notifier.core.plan import (
    Earlier,
    Planned,
    Purpose,
    plan,
)
from services.notifier.core.roster import TicketFacts
from shared.contract.decisions import AlertCode
from shared.contract.deliveries import Suppression
from shared.contract.ids import delivery_id
from tests.unit.notifier.builders import ESCALATION, NOON, a_decision, a_roster, called


def rows(
    decision: Decided,
    *,
    facts: TicketFacts | None = None,
    earlier: dict[tuple[str, str], Earlier] | None = None,
    alerts: bool = True,
) -> dict[str, Planned]:
    planned = plan(
        decision,
        a_roster(),
        facts=facts or TicketFacts(),
        earlier=earlier or {},
        alerts=alerts,
        now=NOON,
    )
    return {f"{row.purpose}:{row.role}": row for row in planned}


def test_every_role_called_has_one_row_under_the_derived_id() -> None:
    decision = a_decision(notify=[called("t2_oncall"), called("t2_lead", "chat", fyi=True)])
    found = rows(decision)
    assert {row.id for row in found.values()} == {
        delivery_id(decision.id, "t2_oncall"),
        delivery_id(decision.id, "t2_lead"),
    }
    oncall, lead = found["notice:t2_oncall"], found["notice:t2_lead"]
    assert (oncall.person, oncall.channel, oncall.ways) == ("ben", "webhook", ("webhook", "email"))
    assert (lead.person, lead.channel, lead.fyi, lead.mode) == ("ana", "email", True, "chat")


def test_the_same_decision_is_planned_the_same() -> None:
    decision = a_decision(notify=[called("t2_oncall"), called("t2_backup")])
    assert rows(decision) == rows(decision)


def test_a_decision_without_people_has_no_rows() -> None:
    assert rows(a_decision("tier.changed")) == {}


def test_an_empty_seat_is_suppressed_and_told_to_the_engine_once() -> None:
    found = rows(a_decision(notify=[called("t2_backup")]))
    row, alert = found["notice:t2_backup"], found["alert:t2_backup"]
    assert (row.suppressed, row.person, row.channel) == (Suppression.NOBODY_ON_SCHEDULE, None, None)
    assert (alert.code, alert.channel, alert.suppressed) == (
        AlertCode.NOBODY_ON_SCHEDULE,
        "intake",
        None,
    )


def test_the_engine_hears_once_of_an_empty_seat_however_often_it_is_called() -> None:
    first = rows(a_decision(version=2, notify=[called("t2_backup")]))
    again = rows(a_decision("escalation.notice_due", 3, step=0, notify=[called("t2_backup")]))
    assert first["notice:t2_backup"].id != again["notice:t2_backup"].id
    assert first["alert:t2_backup"].id == again["alert:t2_backup"].id


def test_who_need_not_answer_is_missed_by_nobody() -> None:
    found = rows(a_decision(notify=[called("t2_backup", fyi=True)]))
    assert list(found) == ["notice:t2_backup"]
    assert found["notice:t2_backup"].suppressed == Suppression.NOBODY_ON_SCHEDULE


def test_whoever_holds_several_of_the_roles_called_is_told_once_and_asked_if_any_asks() -> None:
    notify = [called("t2_queue", "chat", fyi=True), called("t2_oncall"), called("t2_lead")]
    found = rows(a_decision(notify=notify))
    assert {row.role: row.suppressed for row in found.values()} == {
        "t2_queue": Suppression.SAME_PERSON,
        "t2_oncall": None,
        "t2_lead": None,
    }


def test_a_role_the_roster_does_not_know_is_an_empty_seat() -> None:
    assert (
        rows(a_decision(notify=[called("astrologer")]))["notice:astrologer"].suppressed
        == Suppression.NOBODY_ON_SCHEDULE
    )


def test_without_intake_the_empty_seat_stays_in_the_ledger_alone() -> None:
    assert list(rows(a_decision(notify=[called("t2_backup")]), alerts=False)) == [
        "notice:t2_backup"
    ]


def test_outside_an_escalation_no_step_can_be_skipped_so_nobody_is_alerted() -> None:
    assert list(rows(a_decision("case.opened", notify=[called("t2_backup")]))) == [
        "notice:t2_backup"
    ]


def test_a_role_asked_and_informed_is_asked_once_by_the_more_urgent_mode() -> None:
    found = rows(a_decision(notify=[called("t2_lead", "email", fyi=True), called("t2_lead")]))
    assert [(row.fyi, row.mode) for row in found.values()] == [(False, "page")]


@pytest.mark.parametrize(
    ("owner", "tier", "expected"),
    [
        ("ben", 1, "ben"),
        ("Ana Abel", 2, "ana"),
        ("  resolver 7 ", 2, "ana"),
        ("Resolver 99", 1, "ana"),
        ("Resolver 99", 2, "ben"),
        (None, 2, "ben"),
    ],
)
def test_the_owner_is_whom_the_ticket_names_or_else_the_queue_of_its_tier(
    owner: str | None, tier: int, expected: str
) -> None:
    decision = a_decision("timer.warned", tier=tier, notify=[called("owner", "chat")])
    assert rows(decision, facts=TicketFacts(owner=owner))["notice:owner"].person == expected


def test_a_hold_is_carried_as_an_instant() -> None:
    decision = a_decision(notify=[called("t2_lead")], hold_until="2026-03-02T08:00:00Z")
    assert rows(decision)["notice:t2_lead"].hold_until == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_", "step", "ladder"),
    [
        ("escalation.raised", None, True),
        ("escalation.notice_due", 2, True),
        ("escalation.notice_due", None, False),
        ("timer.warned", None, False),
    ],
)
def test_calls_of_a_ladder_are_told_from_news(type_: str, step: int | None, ladder: bool) -> None:  # noqa: FBT001
    assert (
        rows(a_decision(type_, step=step, notify=[called("t2_lead")]))["notice:t2_lead"].ladder
        is ladder
    )


def test_whoever_was_called_is_stood_down_by_the_same_person_and_mode() -> None:
    decision = a_decision(
        "escalation.ended", reason="resolved", stand_down=["owner", "owner", "t2_oncall"]
    )
    earlier = {(ESCALATION, "owner"): Earlier("ana", "page")}
    found = rows(decision, earlier=earlier)
    owner, oncall = found["stand_down:owner"], found["stand_down:t2_oncall"]
    assert (owner.person, owner.mode, owner.suppressed) == ("ana", "page", None)
    assert (oncall.person, oncall.suppressed) == (None, Suppression.NOTHING_WAS_SENT)
    assert {row.purpose for row in found.values()} == {Purpose.STAND_DOWN}

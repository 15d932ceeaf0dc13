"""What the notifier has heard of a ticket, and which notices that leaves standing."""

from uuid import UUID

import pytest

from services.notifier.core.known import (
    Decided,
    Known,
    Place,
    catch_up,
    learn,
    place,
)
from services.notifier.core.plan import Purpose
from services.notifier.core.roster import TicketFacts
from services.notifier.core.stale import Waiting, stale
from shared.contract.decisions import EndReason
from shared.contract.ids import decision_id
from tests.unit.notifier.builders import ESCALATION, TICKET, a_decision


def heard(*decisions: Decided) -> Known:
    known = Known(TICKET)
    for decision in decisions:
        assert place(known, decision) is Place.NEXT
        known = learn(known, decision)
    return known


OPENED = a_decision("case.opened", 1)
RAISED = a_decision("escalation.raised", 2)
URL = "https://desk.example.org/1"


@pytest.mark.parametrize(
    ("version", "expected"), [(1, Place.OLD), (2, Place.OLD), (3, Place.NEXT), (4, Place.GAP)]
)
def test_versions_rise_by_exactly_one(version: int, expected: Place) -> None:
    assert place(heard(OPENED, RAISED), a_decision(version=version)) is expected


def test_the_newest_version_under_another_id_is_a_conflict() -> None:
    other = Decided(UUID(int=1), "tier.changed", TICKET, 2, RAISED.at, {})
    assert place(heard(OPENED, RAISED), other) is Place.CONFLICT


def test_the_newest_decision_says_what_the_ticket_is_about() -> None:
    opened = a_decision("case.opened", 1, about={"title": "Printer on fire", "owner": "ana"})
    about = {"title": "Printer on fire", "url": URL, "customer": "acme"}
    known = heard(opened, a_decision("timer.warned", 2, about=about))
    assert known.facts == TicketFacts(title="Printer on fire", url=URL, customer="acme")


def a_row(
    purpose: Purpose = Purpose.NOTICE,
    version: int = 2,
    *,
    fyi: bool = False,
    ladder: bool = True,
    escalation: str | None = ESCALATION,
    type_: str = "escalation.raised",
    told: bool = False,
    overtaken: bool = False,
) -> Waiting:
    return Waiting(purpose, version, fyi, ladder, escalation, type_, told, overtaken)


ACKNOWLEDGED = a_decision("escalation.acknowledged", 3)
ENDED = a_decision("escalation.ended", 3, reason="withdrawn")
RESOLVED = a_decision("case.closed", 3, status="resolved")
REOPENED = a_decision("case.reopened", 4)


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_of_an_escalation_is_a_reason_not_to_send_its_calls(reason: EndReason) -> None:
    ended = a_decision("escalation.ended", 3, reason=str(reason))
    assert stale(a_row(), heard(OPENED, RAISED, ended)) == str(reason)


@pytest.mark.parametrize("status", ["resolved", "closed", "merged", "cancelled"])
def test_every_end_of_a_case_is_a_reason_not_to_send_its_warnings(status: str) -> None:
    row = a_row(escalation=None, type_="timer.warned")
    over = a_decision("case.closed", 3, status=status)
    assert stale(row, heard(OPENED, RAISED, over)) == status


@pytest.mark.parametrize(
    ("row", "after", "expected"),
    [
        pytest.param(a_row(), [], None, id="a standing call is sent"),
        pytest.param(a_row(), [ACKNOWLEDGED], "acknowledged", id="an answer ends the calls"),
        pytest.param(a_row(version=4), [ACKNOWLEDGED], None, id="what follows the answer is news"),
        pytest.param(a_row(fyi=True), [ACKNOWLEDGED], None, id="information is not answered"),
        pytest.param(a_row(ladder=False), [ACKNOWLEDGED], None, id="news is not answered"),
        pytest.param(a_row(), [ENDED], "withdrawn", id="the end takes calls"),
        pytest.param(a_row(fyi=True), [ENDED], "withdrawn", id="the end takes information too"),
        pytest.param(a_row(escalation="esc-9"), [ENDED], None, id="another escalation stands"),
        pytest.param(
            a_row(escalation=None, type_="timer.warned"), [RESOLVED], "resolved", id="case over"
        ),
        pytest.param(
            a_row(escalation=None, type_="timer.warned"),
            [RESOLVED, REOPENED],
            None,
            id="case open again",
        ),
        pytest.param(
            a_row(escalation=None, version=3, type_="case.closed"), [RESOLVED], None, id="the close"
        ),
        pytest.param(
            a_row(escalation=None, type_="config.alert"), [RESOLVED], None, id="set-up outlives it"
        ),
        pytest.param(a_row(Purpose.ALERT), [ENDED], None, id="the engine is always told"),
        pytest.param(
            a_row(Purpose.STAND_DOWN), [ENDED], "nothing_was_sent", id="nobody was called"
        ),
        pytest.param(a_row(Purpose.STAND_DOWN, told=True), [ENDED], None, id="whoever was called"),
        pytest.param(a_row(overtaken=True), [], "overtaken", id="a newer call waits"),
        pytest.param(
            a_row(overtaken=True, fyi=True), [], None, id="a newer call tells not the same"
        ),
        pytest.param(
            a_row(version=6),
            [ENDED, a_decision("escalation.raised", 4)],
            None,
            id="an escalation that came back stands",
        ),
    ],
)
def test_what_is_still_sent(row: Waiting, after: list[Decided], expected: str | None) -> None:
    assert stale(row, heard(OPENED, RAISED, *after)) == expected


def test_a_snapshot_ends_the_calls_it_no_longer_lists() -> None:
    known = heard(OPENED, RAISED)
    snapshot = {
        "status": "open",
        "version": 9,
        "escalations": [{"escalation_id": "esc-2", "acknowledged_by": "ana"}],
    }
    caught = catch_up(known, snapshot, version=8)
    assert stale(a_row(), caught) == "withdrawn"
    assert stale(a_row(escalation="esc-2"), caught) == "acknowledged"
    assert place(caught, a_decision(version=9)) is Place.NEXT


def test_a_snapshot_of_a_resolved_case_ends_its_own_notices() -> None:
    caught = catch_up(heard(OPENED), {"status": "resolved"}, version=5)
    assert stale(a_row(escalation=None, type_="timer.warned", ladder=False), caught) == "resolved"


def test_ids_follow_from_ticket_and_version() -> None:
    assert OPENED.id == decision_id(TICKET, 1)

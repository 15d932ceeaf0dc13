"""Digests about a group: to the account managers of its customers, at most every so often."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier.core.gathering import gathered, goes_at
from services.notifier.core.known import Decided, Known, learn
from services.notifier.core.plan import Planned, plan
from services.notifier.core.roster import ACCOUNT_MANAGER, Contact, Roster, Seat, TicketFacts
from services.notifier.roster_file import Finding, RosterError, load_roster
from tests.unit.notifier.builders import NOON, TICKET, a_decision, a_roster, called

GROUP = "group:shop/checkout/E42/emea/1"
QUARTER = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


def roster(**managers: str) -> Roster:
    usual = a_roster()
    cleo = Contact("cleo", "Cleo Cole", email="cleo@example.org")
    return replace(
        usual,
        contacts={**usual.contacts, "cleo": cleo},
        roles={**usual.roles, ACCOUNT_MANAGER: Seat("cleo", fact=ACCOUNT_MANAGER)},
        account_managers=managers,
    )


def told(*customers: str, **given: Any) -> Decided:
    digest = {"role": ACCOUNT_MANAGER, "about": GROUP, "every_s": 900, "customers": customers}
    notify = [called("t2_oncall"), called(ACCOUNT_MANAGER, "digest", fyi=True)]
    return a_decision(**{"digest": digest, "notify": notify, **given})


def planned(decision: Decided, by: Roster, now: datetime = NOON) -> tuple[Planned, ...]:
    return plan(decision, by, facts=TicketFacts(), earlier={}, alerts=True, now=now)


def test_each_account_manager_of_the_group_s_customers_gets_one_row() -> None:
    rows = planned(told("acme", "apex", "blue"), roster(acme="ana", apex="ana", blue="ben"))
    digests = [row for row in rows if row.mode == "digest"]
    assert [(row.role, row.person) for row in digests] == [
        (ACCOUNT_MANAGER, "ana"),
        (ACCOUNT_MANAGER, "ben"),
    ]
    assert len({row.id for row in rows}) == len(rows)


def test_customers_without_one_of_their_own_are_whoever_s_the_role_is() -> None:
    rows = planned(told("acme", "blue", "cyan"), roster(acme="ana"))
    assert [row.person for row in rows if row.mode == "digest"] == ["ana", "cleo"]


def test_a_digest_is_no_part_of_the_call_and_outlives_it() -> None:
    call, digest = planned(told("acme"), roster(acme="ana"))
    assert (call.escalation, digest.escalation) == ("esc-1", None)
    assert (digest.fyi, digest.ladder) == (True, False)


def test_whoever_is_called_urgently_as_well_is_called_and_gathers_nothing() -> None:
    urgent = told("acme", notify=[called(ACCOUNT_MANAGER, "page")])
    (row,) = planned(urgent, roster(acme="ana"))
    assert (row.mode, row.person) == ("page", "cleo")


def test_a_ticket_s_customer_names_its_account_manager() -> None:
    known = learn(Known(TICKET), a_decision("case.opened", 1, about={"customer": "acme"}))
    seated = roster(acme="ana").seated(ACCOUNT_MANAGER, tier=1, facts=known.facts, at=NOON)
    assert seated is not None
    assert seated.key == "ana"


@pytest.mark.parametrize(
    ("newest", "ready", "goes"),
    [
        pytest.param(None, NOON, NOON, id="the first goes at once"),
        pytest.param(NOON, NOON, NOON, id="what comes at that instant goes along"),
        pytest.param(NOON, NOON + MINUTE, NOON + QUARTER, id="later news waits for the next"),
        pytest.param(NOON + QUARTER, NOON + MINUTE, NOON + QUARTER, id="and is gathered for it"),
        pytest.param(NOON, NOON + QUARTER, NOON + QUARTER, id="which goes when the span is over"),
        pytest.param(
            NOON, NOON + 2 * QUARTER, NOON + 2 * QUARTER, id="after a pause it is at once"
        ),
    ],
)
def test_when_a_digest_goes(newest: datetime | None, ready: datetime, goes: datetime) -> None:
    assert goes_at(newest, QUARTER, ready) == goes


def test_an_hour_of_news_every_minute_is_five_digests_to_each() -> None:
    slots: dict[tuple[str, str], datetime] = {}
    gone = set()
    by = roster(acme="ana", blue="ben")
    for minute in range(61):
        now = NOON + minute * MINUTE
        decision = told("acme", "blue")
        for row in gathered(decision, planned(decision, by, now), slots, now):
            if row.mode == "digest":
                gone.add((row.person, row.hold_until or now))
            else:
                assert row.hold_until is None
    assert sorted(gone) == [
        (person, NOON + n * QUARTER) for person in ("ana", "ben") for n in range(5)
    ]


def test_a_decision_for_closed_hours_is_gathered_from_when_they_are_over() -> None:
    slots: dict[tuple[str, str], datetime] = {}
    decision = told("acme", hold_until=(NOON + QUARTER).isoformat())
    rows = gathered(decision, planned(decision, roster(acme="ana")), slots, NOON)
    assert {row.hold_until for row in rows} == {NOON + QUARTER}
    assert slots == {(GROUP, "ana"): NOON + QUARTER}


def test_an_account_manager_whom_nobody_knows_is_a_finding() -> None:
    text = """\
roster: {name: test, version: 1}
modes: {page: [email]}
people: {ana: {name: Ana Abel, email: ana@example.org}}
roles: {account_manager: {fact: account_manager, to: ana}}
account_managers:
  acme: ana
  "4711": zoe
"""
    with pytest.raises(RosterError) as raised:
        load_roster(text)
    assert raised.value.findings == (
        Finding(7, "account_managers.4711", "'zoe' is neither in people nor in groups"),
    )
    found = load_roster(text.replace("zoe", "ana"))
    assert found.account_managers == {"acme": "ana", "4711": "ana"}

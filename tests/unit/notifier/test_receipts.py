"""Who gets a receipt, what it says, and that it never stands in a call's way."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.notifier.channels.base import Notice
from services.notifier.channels.email import Relay, compose
from services.notifier.channels.webhook import payload
from services.notifier.core.allot import Limits, Share, Waiting, allot
from services.notifier.core.flow import Rate, new_gate
from services.notifier.core.known import Decided, Known, learn
from services.notifier.core.message import Message, Remarks
from services.notifier.core.plan import Purpose
from services.notifier.core.receipts import is_address, receipt
from services.notifier.core.roster import Contact, Receipts, TicketFacts
from services.notifier.core.wording import Told
from services.notifier.roster_file import Finding, RosterError, load_roster
from services.notifier.settings import DEFAULT_ROSTER
from services.notifier.words import Words
from shared.contract.ids import decision_id
from tests.unit.notifier.builders import NOON, TICKET, a_decision

BY_MAIL = Receipts("email")
BY_WEBHOOK = Receipts("webhook", to="desk")
DUE = "2026-03-02T12:15:00Z"
WORDS = Words()
ROSTER = """\
roster: {name: test, version: 1}
modes: {page: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org}
groups:
  desk: {name: The helpdesk, webhook: {url: "https://desk.example.org/hook"}}
roles: {t1_queue: ana}
"""


def opened(**given: Any) -> Decided:
    data = {
        "requester": "rosa@customer.example",
        "reported_at": NOON.isoformat(),
        "timers": [{"name": "first_response", "due": DUE}],
    }
    return a_decision("case.opened", 1, **{**data, **given})


def why(decision: Decided, receipts: Receipts = BY_MAIL, *, after: timedelta = timedelta()) -> Any:
    (row,) = receipt(Known(TICKET), decision, receipts, now=NOON + after)
    return row.suppressed


def written(decision: Decided, *, veiled: bool = False, language: str = "en") -> Message:
    facts = TicketFacts(title="Buy pills")
    told = Told(decision, "requester", Purpose.RECEIPT, fyi=True, facts=facts, veiled=veiled)
    return WORDS.message(told, language=language)


def a_notice(decision: Decided) -> Notice:
    return Notice(
        id=UUID(int=5),
        attempt=1,
        purpose=Purpose.RECEIPT,
        role="requester",
        mode="email",
        fyi=True,
        contact=Contact("requester", "", email="rosa@customer.example"),
        decision=decision,
        facts=TicketFacts(title="Buy pills", owner="olga"),
        message=written(decision),
        remarks=Remarks(),
        planned_at=NOON,
    )


def test_a_ticket_s_first_opening_gets_one_receipt_whatever_decision_opens_it() -> None:
    first = opened()
    other = replace(first, id=decision_id(TICKET, 3), version=3)
    (one,) = receipt(Known(TICKET), first, BY_MAIL, now=NOON)
    (same,) = receipt(Known(TICKET), other, BY_MAIL, now=NOON + timedelta(hours=1))
    assert (one.purpose, one.ways, one.suppressed) == (Purpose.RECEIPT, ("receipt",), None)
    assert one.id == same.id
    known = learn(Known(TICKET), first)
    assert receipt(known, a_decision("case.opened", 2), BY_MAIL, now=NOON) == ()


def test_where_the_roster_asks_for_none_nothing_is_planned() -> None:
    assert receipt(Known(TICKET), opened(), None, now=NOON) == ()


@pytest.mark.parametrize("kind", ["case.reopened", "group.opened", "escalation.raised"])
def test_nothing_but_an_opening_is_confirmed(kind: str) -> None:
    decision = a_decision(kind, 1, requester="rosa@customer.example")
    assert receipt(Known(TICKET), decision, BY_MAIL, now=NOON) == ()


def test_whoever_cannot_be_written_to_gets_none() -> None:
    assert why(opened(requester=None)) == "no_contact"
    assert why(opened(requester="user17")) == "no_contact"
    assert why(opened(requester="user17"), BY_WEBHOOK) is None
    assert why(opened(requester=None), BY_WEBHOOK) == "no_contact"


def test_what_was_asked_more_than_a_day_ago_is_confirmed_no_more() -> None:
    assert why(opened(), after=timedelta(hours=24)) is None
    assert why(opened(), after=timedelta(hours=24, seconds=1)) == "too_old"
    assert why(opened(reported_at="2019-01-01T00:00:00Z")) == "too_old"


@pytest.mark.parametrize(
    "text",
    [
        *("a b@c.example", "a@b", "a..b@c.example", "a@c.example\r\nBcc: d@e.example"),
        *("<a@c.example>", "a@c.example, d@e.example", "@c.example", "a@", "ä@c.example"),
        "x" * 250 + "@c.example",
    ],
)
def test_nothing_but_one_plain_address_is_written_to(text: str) -> None:
    assert not is_address(text)
    assert is_address("o'hara+desk@mail.customer.example")


@pytest.mark.parametrize("language", ["en", "de"])
def test_it_says_the_number_and_the_promise_and_nothing_that_is_ours_or_that_they_wrote(
    language: str,
) -> None:
    message = written(opened(about={"component": "billing"}), language=language)
    text = message.text()
    assert "A" in message.subject.split()
    assert "2026-03-02 12:15:00 UTC" in text
    assert message.links == ()
    for kept_back in ("pills", "P2", "billing", "tier", TICKET):
        assert kept_back not in message.subject + text


def test_of_a_restricted_case_it_says_the_number_alone() -> None:
    text = written(opened(), veiled=True).text()
    assert "number A." in text
    assert "first answer" not in text


def test_without_a_promise_it_promises_nothing() -> None:
    assert "first answer" not in written(opened(timers=[])).text()
    assert (
        "first answer"
        not in written(opened(timers=[{"name": "first_response", "due": None}])).text()
    )


def test_a_helpdesk_is_told_whose_it_is_and_no_more() -> None:
    posted = payload(a_notice(opened(about={"component": "billing"})))
    assert posted["type"] == "receipt"
    assert posted["data"].keys() == {
        *("delivery_id", "subject", "text", "ticket", "purpose", "requester")
    }
    assert posted["data"]["requester"] == "rosa@customer.example"


def test_a_mail_goes_to_the_bare_address_and_is_marked_as_automatic() -> None:
    relay = Relay("localhost", 25, "none", "tierline@example.org")
    mail = compose(a_notice(opened()), relay, now=NOON)
    assert str(mail["To"]) == "rosa@customer.example"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_receipts_are_served_after_everything_else_however_long_they_have_waited() -> None:
    rates = {name: Rate(100, 100) for name in ("receipt", "email", "to", "now")}
    limits = Limits(rates, at_once=4)
    gates = {
        name: new_gate(name, limits.rate(name), now=NOON)
        for name in ("receipt", "email", "to:email:ana")
    }
    waiting = [
        Waiting("receipt", "receipt:receipt", 9000, NOON - timedelta(hours=1)),
        Waiting("email", "email:ana", 3, NOON),
    ]
    shares, _ = allot(waiting, gates, {}, limits, free=4, now=NOON)
    assert shares == (Share("email", "email:ana", 3), Share("receipt", "receipt:receipt", 1))


@pytest.mark.parametrize(
    ("written_as", "finding"),
    [
        (
            "{channel: email, to: ana}",
            Finding(
                8,
                "receipts.to",
                "mail goes to whoever asked: leave it out, or use channel webhook",
            ),
        ),
        (
            "{channel: webhook}",
            Finding(
                8,
                "receipts.channel",
                "goes to a helpdesk that passes it on: give `to`, who has its webhook",
            ),
        ),
        (
            "{channel: webhook, to: zoe}",
            Finding(8, "receipts.to", "'zoe' is neither in people nor in groups"),
        ),
        (
            "{channel: webhook, to: ana}",
            Finding(8, "receipts.to", "'ana' has no webhook"),
        ),
    ],
)
def test_receipts_that_would_go_nowhere_are_refused(written_as: str, finding: Finding) -> None:
    with pytest.raises(RosterError) as raised:
        load_roster(f"{ROSTER}receipts: {written_as}\n")
    assert raised.value.findings == (finding,)


def test_a_roster_says_how_receipts_go() -> None:
    assert load_roster(ROSTER).receipts is None
    assert load_roster(
        f"{ROSTER}receipts: {{channel: email, language: de}}\n"
    ).receipts == Receipts("email", language="de")
    assert load_roster(f"{ROSTER}receipts: {{channel: webhook, to: desk}}\n").receipts == BY_WEBHOOK


def test_the_shipped_roster_writes_to_no_customer() -> None:
    assert load_roster(DEFAULT_ROSTER.read_text(encoding="utf-8")).receipts is None

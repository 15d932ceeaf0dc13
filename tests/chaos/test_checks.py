"""The checks of a run find what they are there to find; a check that cannot fail proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.escalator.core.decide import dump, restore
from tests.chaos.checks import judged
from tests.chaos.checks.finding import Fault
from tests.chaos.evidence import Evidence
from tests.chaos.honest import STORY, first_notice, honest, table, without
from tests.chaos.receiver import Receipt

Damage = Callable[[Evidence], Evidence]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    findings, compared = judged(honest())
    assert (findings, compared.exact, compared.late) == ([], 2, 0)


def an_event_gone(evidence: Evidence) -> Evidence:
    return replace(evidence, events=without(evidence.events, 3))


def an_event_altered(evidence: Evidence) -> Evidence:
    line = evidence.events[1]
    other = replace(line, value=line.value.replace(b"blemish", b"scratch"))
    return replace(evidence, events=[evidence.events[0], other, *evidence.events[2:]])


def an_event_unheard(evidence: Evidence) -> Evidence:
    heard = [{**row, "n": row["n"] - 1} for row in evidence.escalator["heard"]]
    return table(evidence, "escalator", "heard", heard)


def a_decision_never_sent(evidence: Evidence) -> Evidence:
    return replace(evidence, decisions=without(evidence.decisions, 4))


def a_decision_said_differently(evidence: Evidence) -> Evidence:
    line = evidence.decisions[2]
    other = replace(line, offset=99, value=line.value.replace(b'"tier":', b'"tier" :'))
    return replace(evidence, decisions=[*evidence.decisions, other])


def a_state_without_its_decision(evidence: Evidence) -> Evidence:
    """The state was kept, its last decision was not: what an outbox outside would leave."""
    evidence = table(evidence, "escalator", "outbox", evidence.escalator["outbox"][:-1])
    return replace(evidence, decisions=evidence.decisions[:-1])


def a_state_of_another(evidence: Evidence) -> Evidence:
    cases = [
        {**row, "body": dump(replace(restore(row["body"]), tier=1))}
        for row in evidence.escalator["cases"]
    ]
    return table(evidence, "escalator", "cases", cases)


def a_notice_nobody_owes(evidence: Evidence) -> Evidence:
    return table(evidence, "notifier", "delivery", evidence.notifier["delivery"][1:])


def a_notice_owed_twice(evidence: Evidence) -> Evidence:
    rows = evidence.notifier["delivery"]
    return table(evidence, "notifier", "delivery", [*rows, rows[0]])


def a_notice_that_never_arrived(evidence: Evidence) -> Evidence:
    return replace(evidence, before=[], receipts=evidence.receipts[1:])


def a_repeat_that_does_not_say_so(evidence: Evidence) -> Evidence:
    key = first_notice(evidence)
    again = Receipt(key, b"{}", marked=False, deliveries=(key,))
    return replace(evidence, receipts=[*evidence.receipts, again])


def a_message_with_two_bodies(evidence: Evidence) -> Evidence:
    key = first_notice(evidence)
    again = Receipt(key, b"[]", marked=True, deliveries=(key,))
    return replace(evidence, receipts=[*evidence.receipts, again])


def a_ticket_off_the_board(evidence: Evidence) -> Evidence:
    return table(evidence, "tracker", "ticket", evidence.tracker["ticket"][1:])


def a_board_that_stood_still(evidence: Evidence) -> Evidence:
    rows = [
        {**row, "state": json.dumps({**json.loads(row["state"]), "facts": _NO_FACTS})}
        for row in evidence.tracker["ticket"]
    ]
    return table(evidence, "tracker", "ticket", rows)


def an_entry_out_of_the_timeline(evidence: Evidence) -> Evidence:
    return table(evidence, "tracker", "timeline", evidence.tracker["timeline"][1:])


def a_sum_that_counts_twice(evidence: Evidence) -> Evidence:
    rows = [{**row, "n": row["n"] + 1} for row in evidence.tracker["tally"]]
    return table(evidence, "tracker", "tally", rows)


_NO_FACTS: dict[str, object] = {
    "values": {},
    "opened": None,
    "marks": [],
    "handed": [],
    "wrote": None,
    "replied": None,
    "updated": 0,
}


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (an_event_gone, Fault.LOST),
        (an_event_altered, Fault.MISMATCH),
        (an_event_unheard, Fault.LOST),
        (a_decision_never_sent, Fault.GAP),
        (a_decision_said_differently, Fault.MISMATCH),
        (a_state_without_its_decision, Fault.GAP),
        (a_state_of_another, Fault.WRONG),
        (a_notice_nobody_owes, Fault.LOST),
        (a_notice_owed_twice, Fault.DUPLICATE),
        (a_notice_that_never_arrived, Fault.LOST),
        (a_repeat_that_does_not_say_so, Fault.DUPLICATE),
        (a_message_with_two_bodies, Fault.MISMATCH),
        (a_ticket_off_the_board, Fault.LOST),
        (a_board_that_stood_still, Fault.WRONG),
        (an_entry_out_of_the_timeline, Fault.LOST),
        (a_sum_that_counts_twice, Fault.WRONG),
    ],
)
def test_what_is_wrong_is_found(damage: Damage, fault: Fault) -> None:
    findings, _ = judged(damage(honest()))
    assert fault in {one.fault for one in findings}


def test_a_timer_that_fired_though_its_input_lay_in_the_log_is_found() -> None:
    said = [one for one in STORY if one[2] != "escalation.acknowledged"]
    ignored = honest(said)
    asked = honest()
    # The escalator decided as if the acknowledgement had come last.
    findings, _ = judged(
        replace(
            asked,
            escalator={**ignored.escalator, "progress": asked.escalator["progress"]},
            decisions=ignored.decisions,
        )
    )
    assert any(one.fault is Fault.WRONG and "desk:A" in one.text for one in findings)

"""The pure parts of the demo: whom mail asks for an answer, and what the proof says."""

from collections import Counter
from email.message import EmailMessage

import pytest

from cli.demo.audit import Read, verdicts
from cli.demo.people import may_answer, tickets_to_answer

ONE = """Ticket desk:INC7: Mail is slow
What happened: it was escalated to tier 2
Asked of you (t2 oncall): acknowledge it by 2016-02-29 08:15:00 UTC.
Now: tier 2, priority P2.
"""
FOR_INFORMATION = """Ticket desk:INC7: Mail is slow
Asked of you (t2 lead): nothing; this is for your information.
"""
DIGEST = """So many notices for you were due at about the same time that they come as one message.
[P2] desk:INC7: it was escalated to tier 2; acknowledge it by 2016-02-29 08:15:00 UTC
[P2] desk:INC9: a call (step 1 of its ladder) about the escalation to tier 2
[P2] desk:INC7: a call (step 2 of its ladder) about the escalation to tier 2
"""


@pytest.mark.parametrize(
    ("text", "tickets"),
    [
        (ONE, ["desk:INC7"]),
        (FOR_INFORMATION, []),
        (DIGEST, ["desk:INC7", "desk:INC9"]),
        ("", []),
    ],
)
def test_mail_is_answered_where_it_asks_and_a_digest_for_all_that_it_names(
    text: str, tickets: list[str]
) -> None:
    mail = EmailMessage()
    mail.set_content(text)
    mail.add_alternative("<p>as HTML</p>", subtype="html")
    assert tickets_to_answer(mail, "desk") == tickets


@pytest.mark.parametrize(
    ("role", "track", "target", "may"),
    [
        ("t2_specialist", "functional", "t2", True),
        ("t3_oncall", "functional", "t2", False),
        ("escalation_manager", "functional", "t2", True),
        ("engineering_duty", "external", "engineering", True),
        ("t2_oncall", "external", "engineering", False),
        ("t2_lead", "hierarchical", "t2_lead", True),
        ("t2_lead", "hierarchical", "exec", False),
        ("exec_backup", "hierarchical", "exec", True),
    ],
)
def test_people_answer_only_what_waits_for_them(
    role: str, track: str, target: str, *, may: bool
) -> None:
    assert may_answer(role, {"track": track, "target": target}) == may


def a_read() -> Read:
    """One ticket of which everything holds."""
    return Read(
        events={"desk:A": Counter(e1=1, e2=1)},
        versions={"desk:A": [1, 2, 3]},
        due={("d1", "t2_oncall"), ("d2", "t2_lead")},
        states={"desk:A": 3},
        ledger=Counter({("d1", "t2_oncall"): 1, ("d2", "t2_lead"): 1}),
    )


ACCEPTED = {"desk:A": {"e1", "e2"}}


def broken(read: Read) -> list[str]:
    return [verdict.promise.split()[1] for verdict in verdicts(ACCEPTED, read) if not verdict.held]


def test_a_whole_run_holds_every_promise() -> None:
    assert broken(a_read()) == []


def test_an_accepted_event_that_is_not_in_the_timeline_is_lost() -> None:
    read = a_read()
    del read.events["desk:A"]["e2"]
    assert broken(read) == ["event"]


def test_an_event_that_is_there_twice_is_doubled() -> None:
    read = a_read()
    read.events["desk:A"]["e1"] = 2
    assert broken(read) == ["event"]


@pytest.mark.parametrize("versions", [[1, 3], [1, 2], [1, 2, 2, 3], [2, 3], []])
def test_versions_that_miss_double_or_fall_behind_are_told(versions: list[int]) -> None:
    read = a_read()
    read.versions["desk:A"] = versions
    assert broken(read) == ["ticket's"]


@pytest.mark.parametrize("rows", [0, 2])
def test_a_due_notice_without_its_one_row_is_told(rows: int) -> None:
    read = a_read()
    read.ledger["d1", "t2_oncall"] = rows
    assert broken(read) == ["notice"]


def test_a_run_in_which_nothing_was_due_proves_nothing() -> None:
    read = a_read()
    read.due = set()
    assert broken(read) == ["notice"]

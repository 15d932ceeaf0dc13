"""The words people read, and that nobody's words do more than be read."""

from email import message_from_bytes
from email.policy import default as modern
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from services.notifier.channels.base import Notice
from services.notifier.channels.email import Relay, compose
from services.notifier.channels.webhook import payload
from services.notifier.core.known import Decided
from services.notifier.core.message import Message, Remarks, defused, plain
from services.notifier.core.plan import Purpose
from services.notifier.core.roster import Contact, TicketFacts
from services.notifier.core.wording import Told
from services.notifier.words import Words, WordsError
from tests.unit.notifier.builders import NOON, TICKET, a_decision

WORDS = Words()
RELAY = Relay("localhost", 25, "none", "tierline@example.org")
HOSTILE = [
    'a\r\nBcc: everybody@example.org\r\n\r\n<script>alert("x")</script>',
    "<!channel> <@U123> @here @everyone <#C1>",
    "</p></body><img src=x onerror=alert(1)>",
    "\u202egnp.exe\u2066 \x00\x1b[31m\u2028\u2029\x85",
    "{title} {0.__class__} %s %(x)s ${HOME} {{7*7}}",
    "\ud800 lone surrogate",
    "x" * 10_000,
]


def worded(
    decision: Decided,
    title: str = "Mail is slow",
    *,
    purpose: Purpose = Purpose.NOTICE,
    fyi: bool = False,
    tracker_url: str | None = None,
) -> Message:
    words = WORDS if tracker_url is None else Words(public_url=tracker_url)
    return words.message(Told(decision, "t2_oncall", purpose, fyi, TicketFacts(title=title)))


def a_notice(title: str, *, attempt: int = 1, remarks: Remarks | None = None) -> Notice:
    decision = a_decision(ack_due="2026-03-02T12:15:00Z")
    return Notice(
        id=UUID(int=5),
        attempt=attempt,
        purpose=Purpose.NOTICE,
        role="t2_oncall",
        mode="page",
        fyi=False,
        contact=Contact("ben", "Ben Berg", email="ben@example.org"),
        decision=decision,
        facts=TicketFacts(title=title),
        message=worded(decision, title),
        remarks=remarks or Remarks(),
        planned_at=NOON,
    )


def test_a_call_says_what_happened_why_and_what_is_asked_by_when() -> None:
    decision = a_decision(
        ack_due="2026-03-02T13:15:00+01:00",
        because={
            "triggers": ["T06", "T20"],
            "facts": {},
            "arithmetic": ["4h x 0.5 = 2h", {"used": "2h"}],
        },
    )
    message = worded(decision, tracker_url="https://board.example.org/")
    assert message.subject == "[P2] desk:A: it was escalated to tier 2 (Mail is slow)"
    assert message.lines == (
        "Ticket desk:A: Mail is slow",
        "What happened: it was escalated to tier 2",
        "Why: tier 1 has had it for as long as tier 1 may (T06); it became worse (T20).",
        "The sum: 4h x 0.5 = 2h; used 2h.",
        "Asked of you (t2 oncall): acknowledge it by 2026-03-02 12:15:00 UTC.",
        "Now: tier 2, priority P2, cell S2/I2, decided for 2026-03-02 12:00:00 UTC.",
    )
    assert message.links == (("Its history", "https://board.example.org/tickets/desk:A"),)


@pytest.mark.parametrize(
    ("decision", "purpose", "happened"),
    [
        (
            a_decision("escalation.notice_due", step=2, target="exec"),
            Purpose.NOTICE,
            "a call (step 3 of its ladder) about the escalation to exec",
        ),
        (
            a_decision("escalation.notice_due", step=None, target="engineering_duty"),
            Purpose.NOTICE,
            "news about the escalation to engineering duty",
        ),
        (
            a_decision("timer.warned", timer="resolve", share=0.75, due="2026-03-02T18:00:00Z"),
            Purpose.NOTICE,
            "the resolution falls due at 2026-03-02 18:00:00 UTC (75% used)",
        ),
        (
            a_decision(
                "timer.warned", timer="waiting_customer", step="remind", due="2026-03-02T18:00:00Z"
            ),
            Purpose.NOTICE,
            "waiting for the customer falls due at 2026-03-02 18:00:00 UTC",
        ),
        (
            a_decision("timer.breached", timer="first_response", due="2026-03-02T11:00:00Z"),
            Purpose.NOTICE,
            "the first reply was due at 2026-03-02 11:00:00 UTC and has not come",
        ),
        (
            a_decision("case.reclassified", 2, **{"from": "S3/I1", "to": "S2/I1"}),
            Purpose.NOTICE,
            "its classification changed from S3/I1 to S2/I1",
        ),
        (a_decision("case.opened"), Purpose.NOTICE, "a case was opened"),
        (
            a_decision("config.alert", code="skewed_source", detail="desk"),
            Purpose.NOTICE,
            "the set-up needs attention: skewed source (desk)",
        ),
        (
            a_decision("escalation.ended", reason="resolved"),
            Purpose.STAND_DOWN,
            "nothing more is asked of you: the ticket is resolved",
        ),
        (a_decision("group.joined"), Purpose.NOTICE, "group joined"),
    ],
)
def test_every_kind_of_decision_has_its_words(
    decision: Decided, purpose: Purpose, happened: str
) -> None:
    assert worded(decision, purpose=purpose).lines[1] == f"What happened: {happened}"


def test_whoever_is_only_informed_is_asked_for_nothing() -> None:
    decision = a_decision(ack_due="2026-03-02T12:15:00Z")
    informed = worded(decision, fyi=True)
    closing = worded(decision, purpose=Purpose.STAND_DOWN)
    assert "Asked of you (t2 oncall): nothing; this is for your information." in informed.lines
    assert "Asked of you (t2 oncall): nothing more. Thank you for standing ready." in closing.lines


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_one_line_without_control_characters(title: str) -> None:
    message = worded(a_decision(), title)
    for line in (message.subject, *message.lines):
        assert line.isprintable()
        assert len(line) <= 500


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_adds_no_header_to_a_mail(title: str) -> None:
    mail = message_from_bytes(compose(a_notice(title), RELAY, now=NOON).as_bytes(), policy=modern)
    assert sorted(mail.keys()) == sorted(
        [
            *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"),
            *("Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"),
        ]
    )
    assert mail["To"] == "Ben Berg <ben@example.org>"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(f"{tag} {sorted(name for name, _ in attrs)}")


def tags(html: str) -> list[str]:
    parser = Tags()
    parser.feed(html)
    return parser.seen


@given(st.text(max_size=200))
def test_no_title_changes_the_shape_of_the_html(title: str) -> None:
    plain_one = worded(a_decision(), "x").html()
    assert tags(worded(a_decision(), title or "y").html()) == tags(plain_one)


@given(st.text(alphabet=st.sampled_from("<>@!#&chanelU1 \u200b"), max_size=60))
def test_no_title_mentions_anybody(title: str) -> None:
    body = payload(a_notice(f"{title}@here <!channel> <@U1>"))
    for field in ("subject", "text"):
        said = body["data"][field]
        assert not any(mark in said for mark in ("<@", "<!", "<#", "@here", "@U1"))


@given(st.text(max_size=300))
def test_plain_text_is_printable_and_settled(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert once.encode().decode() == once
    assert "\n" not in once
    assert "\r" not in once


def test_defusing_leaves_the_words_readable() -> None:
    assert defused("mail a@b.org").replace("\u200b", "") == "mail a@b.org"


def test_a_webhook_body_is_the_same_on_every_attempt() -> None:
    first = payload(a_notice("Mail is slow"))
    assert payload(a_notice("Mail is slow", attempt=4, remarks=Remarks(repeat=True))) == first


def test_a_possible_repeat_and_missed_messages_are_said_in_a_mail() -> None:
    mail = compose(a_notice("x", remarks=Remarks(repeat=True, missed=2)), RELAY, now=NOON)
    part = mail.get_body(("plain",))
    assert part is not None
    text = part.get_content()
    assert "may be a repeat" in text
    assert "did not reach you: 2" in text


def test_mails_of_one_case_are_one_thread_under_stable_ids() -> None:
    mail = compose(a_notice("x"), RELAY, now=NOON)
    again = compose(a_notice("x", attempt=2), RELAY, now=NOON)
    assert mail["Message-ID"] == again["Message-ID"] == f"<{UUID(int=5)}@example.org>"
    case, escalation = mail["References"].split()
    assert mail["In-Reply-To"] == case
    assert case.startswith("<case-")
    assert escalation.startswith("<escalation-")
    assert mail["Auto-Submitted"] == "auto-generated"


def test_only_web_addresses_become_links() -> None:
    def linked(url: str) -> Message:
        facts = TicketFacts(title="x", url=url)
        return WORDS.message(Told(a_decision(), "r", Purpose.NOTICE, fyi=False, facts=facts))

    assert linked("javascript:alert(1)").links == ()
    html = linked('https://desk.example.org/?q=1"&<b>').html()
    assert 'href="https://desk.example.org/?q=1&quot;&amp;&lt;b&gt;"' in html


def test_the_letter_of_an_ended_escalation_asks_how_it_was() -> None:
    ended = {"reason": "resolved", "escalation_id": "esc/1", "stand_down": ["t2_oncall"]}
    decision = Decided(UUID(int=1), "escalation.ended", "desk:A", 2, NOON, ended)
    told = Told(decision, "t2_oncall", Purpose.STAND_DOWN, fyi=True, facts=TicketFacts())
    (_, asked) = Words(public_url="https://b.example.org").message(told).links
    assert asked == (
        "How was it? Half a minute",
        "https://b.example.org/feedback/receiver?ticket=desk:A&escalation=esc%2F1",
    )


def test_a_ticket_key_is_quoted_in_its_link() -> None:
    decision = Decided(UUID(int=1), "case.opened", 'desk:"ä/?#', 1, NOON, {})
    told = Told(decision, "r", Purpose.NOTICE, fyi=False, facts=TicketFacts())
    message = Words(public_url="https://b.example.org").message(told)
    assert message.links[0][1] == "https://b.example.org/tickets/desk:%22%C3%A4%2F%3F%23"
    assert TICKET not in message.subject


@pytest.mark.parametrize(
    "wanted",
    [
        "p.head.__call__.__globals__",
        "p.head._func.__globals__",
        "p.__class__.__mro__",
        "p._body_stream.append('x')",
        "p.head.name.__class__",
    ],
)
def test_a_letter_gets_at_nothing_behind_the_sentences_that_it_shares(
    wanted: str, tmp_path: Path
) -> None:
    (tmp_path / "en").mkdir()
    letter = (
        f'{{% import "parts.txt" as p with context %}}{{{{ p.head() }}}}\n---\n{{{{ {wanted} }}}}\n'
    )
    (tmp_path / "en" / "raise_notice.txt").write_text(letter, encoding="utf-8")
    told = Told(a_decision(), "t2_oncall", Purpose.NOTICE, fyi=False, facts=TicketFacts())
    with pytest.raises(WordsError, match="cannot be written"):
        Words(own=tmp_path).message(told)


def test_what_is_asked_is_said_apart_only_where_it_is_wanted() -> None:
    told = Told(a_decision(), "t2_oncall", Purpose.NOTICE, fyi=False, facts=TicketFacts())
    whole, without = WORDS.message(told), WORDS.message(told, apart=False)
    assert whole.asked in whole.lines
    assert (without.asked, without.lines) == ("", whole.lines)

"""Sixty hostile names in every sink: they are read, and do nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from services.notifier.channels.base import Notice
from services.notifier.channels.email import Relay, compose
from services.notifier.channels.phone import LONGEST_TEXT, aloud, in_short
from services.notifier.channels.teams import MOST_BYTES, card
from services.notifier.channels.webhook import payload
from services.notifier.core.known import Called, Known
from services.notifier.core.message import Message, Remarks
from services.notifier.core.plan import Purpose
from services.notifier.core.roster import Contact, Roster, TicketFacts
from services.notifier.core.slack import SECTION, card_blocks, digest_blocks, notice_blocks
from services.notifier.core.wording import Terms, Told
from services.notifier.words import Words
from tests.unit.notifier.builders import NOON, a_decision

WORDS = Words(public_url="https://board.example.org")
NOBODY = Roster("none", 1, {}, {}, {})
HOSTILE = [
    *("<!channel>", "<!here>", "<!everyone>", "<@U0123ABCD>", "<#C0123ABCD>", "<!subteam^S1>"),
    *("@here", "@channel", "@everyone", "@all", "@ana", "<at>ana</at>", "<users/all>"),
    *("<https://evil.example.org|your bank>", "[x](https://evil.example.org)", "![x](y)"),
    *("*bold*", "_it_", "~s~", "`code`", "```block```", "> quote", "# head", "- item", "1. item"),
    *("<script>alert(1)</script>", "</p></body>", "<img src=x onerror=alert(1)>", "<!--", "]]>"),
    *("&lt;b&gt;", "&#60;b&#62;", "&amp;", "%3Cb%3E", "\\u003cb\\u003e", '"><b>', "'><b>"),
    *("a\r\nBcc: x@example.org", "a\nSubject: x", "a\rX: y", "a\x00b", "a\x0bb", "a\x1b[31mb"),
    *("\u202egnp.exe", "\u2066x\u2069", "\u200b\u200b", "\ufeff", "\u2028x", "\u2029x", "\x85x"),
    *("\ud800", "\udfff\ud800", "e\u0301" * 200, "x" * 10_000, "\U0001f600" * 500),
    *("{{ 7 * 7 }}", "{% for x in y %}", "{# x #}", "{0.__class__}", "%s%n", "${HOME}", "$(id)"),
    *("</Say><Hangup/>", "<Say>x</Say>", "\\", "\\\\n", "' OR 1=1 --", "../../etc/passwd", ""),
]


def worded(title: str) -> Message:
    told = Told(
        a_decision(ack_due="2026-03-02T12:15:00Z"),
        "t2_oncall",
        Purpose.NOTICE,
        fyi=False,
        facts=TicketFacts(title=title, owner=title),
    )
    return WORDS.message(told)


def a_notice(message: Message, title: str) -> Notice:
    return Notice(
        id=UUID(int=5),
        attempt=1,
        purpose=Purpose.NOTICE,
        role="t2_oncall",
        mode="page",
        fyi=False,
        contact=Contact("ben", title, email="ben@example.org"),
        decision=a_decision(),
        facts=TicketFacts(title=title),
        message=message,
        remarks=Remarks(),
        planned_at=NOON,
    )


def texts(node: Any) -> list[str]:
    """Return every text in *node* that Slack reads as mark-up."""
    if isinstance(node, dict):
        own = [node["text"]] if node.get("type") == "mrkdwn" else []
        return own + [one for value in node.values() for one in texts(value)]
    if isinstance(node, list):
        return [one for value in node for one in texts(value)]
    return []


def is_tame_mrkdwn(text: str) -> bool:
    links = re.sub(r"<https://board\.example\.org/[^<>|]*\|[^<>|]*>", "", text)
    return "<" not in links and ">" not in links and not re.search(r"@(?!\u200b)", links)


def test_there_are_sixty_of_them() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("title", HOSTILE)
def test_slack_shows_it_and_calls_nobody(title: str) -> None:
    message = worded(title)
    known = Known(
        "desk:A",
        tier=2,
        priority="P1",
        facts=TicketFacts(title=title),
        calls={
            "e": Called(1, target=title, by=title),
            "f": Called(1, target="t2", acknowledged=2, by=title),
        },
    )
    shown = notice_blocks(
        message,
        state=card_blocks(known, NOBODY, Terms(), veiled=False, url="https://board.example.org/x"),
    )
    shown += digest_blocks(message, [title or "x"] * 50)
    assert all(is_tame_mrkdwn(text) for text in texts(shown)), texts(shown)
    assert all(0 < len(text) <= SECTION for text in texts(shown))
    json.dumps(shown).encode()


@given(st.text(alphabet=st.sampled_from("<>@!#&|*_~`channelU1 \u200b\r\n"), max_size=80))
def test_nothing_that_is_made_of_slack_s_marks_is_one(title: str) -> None:
    assert all(is_tame_mrkdwn(text) for text in texts(notice_blocks(worded(title))))


@pytest.mark.parametrize("title", HOSTILE)
def test_teams_shows_it_and_calls_nobody(title: str) -> None:
    made = card(worded(title))
    assert len(json.dumps(made, ensure_ascii=False).encode()) <= MOST_BYTES
    for block in made["attachments"][0]["content"]["body"]:
        assert "<at>" not in block["text"]
        assert not re.search(r"(?<!\\)[\[*_`<]", block["text"])


@pytest.mark.parametrize("title", HOSTILE)
def test_a_mail_has_the_same_headers_whatever_a_name_holds(title: str) -> None:
    relay = Relay("localhost", 25, "none", "tierline@example.org")
    plain_one = compose(a_notice(worded("x"), "Ben"), relay, now=NOON)
    mail = compose(a_notice(worded(title), title), relay, now=NOON)
    assert mail.keys() == plain_one.keys()
    assert b"\r\nBcc" not in mail.as_bytes()


@pytest.mark.parametrize("title", HOSTILE)
def test_html_has_the_same_shape_whatever_a_title_holds(title: str) -> None:
    assert tags(worded(title).html()) == tags(worded("x").html())


@pytest.mark.parametrize("title", HOSTILE)
def test_a_webhook_s_words_mention_nobody_and_are_json(title: str) -> None:
    body = payload(a_notice(worded(title), title))
    for field in ("subject", "text"):
        assert not re.search(r"@(?!\u200b)|<[@!#]", body["data"][field])
    assert json.loads(json.dumps(body["data"]["subject"])) == body["data"]["subject"]


@pytest.mark.parametrize("title", HOSTILE)
def test_a_text_and_a_call_are_one_short_line(title: str) -> None:
    message = worded(title)
    for said in (in_short(message), aloud(message)):
        assert "\n" not in said
        assert len(said) <= max(LONGEST_TEXT, 600)
    linked = replace(message, links=(("Answer", "https://t.example.org/v1/answers/x"),))
    assert in_short(linked).endswith(" https://t.example.org/v1/answers/x")


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

"""`tierline channels test`: one marked notice through the real way out, and what came back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.channels.command import app
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.mailbox import Mailbox, mailbox
from tests.support.notifier_service import SECRET
from tests.support.slack_server import TOKEN, slack_server

ROSTER = """
roster: {name: test, version: 1}
modes: {page: [webhook, email], chat: [slack, email], email: [email], digest: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org, webhook: {url: "env:ANA_URL", secret: "env:ANA_SECRET"}}
groups:
  tier-2: {name: Tier 2, slack: C0TIER2}
roles: {t2_queue: tier-2, t2_oncall: ana}
channels:
  tier2: {post: [t2_queue], to: tier-2}
  leads: {post: [t2_oncall]}
"""


@pytest.fixture
async def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Mailbox]:
    file = tmp_path / "roster.yaml"
    file.write_text(ROSTER, encoding="utf-8")
    async with mailbox() as server:
        given = {
            "NOTIFIER_ROSTER_FILE": str(file),
            "NOTIFIER_SMTP_HOST": "127.0.0.1",
            "NOTIFIER_SMTP_PORT": str(server.port),
            "NOTIFIER_SMTP_SECURITY": "none",
            "NOTIFIER_MAIL_FROM": "tierline@example.org",
            "NOTIFIER_WEBHOOK_ALLOW": "http://127.0.0.1/32",
            "NOTIFIER_SLACK_TOKEN": "env:SLACK_TOKEN",
            "SLACK_TOKEN": TOKEN,
            "ANA_URL": "http://127.0.0.1:9",
            "ANA_SECRET": SECRET,
        }
        for name, text in given.items():
            monkeypatch.setenv(name, text)
        yield server


async def run(*words: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(CliRunner().invoke, app, ["test", *words])
    return done.exit_code, done.stdout, done.stderr


async def test_each_way_to_a_person_is_tried_and_its_answer_told(
    mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: Request) -> Answer:
        return Answer(410)

    async with http_peer(gone) as peer:
        monkeypatch.setenv("ANA_URL", peer.url)
        code, out, err = await run("ana", "--json")
    assert (code, err) == (1, "")
    found = {one["way"]: (one["outcome"], one["answer"]) for one in json.loads(out)}
    assert found == {"webhook": ("refused", "http_410"), "email": ("sent", "smtp 250")}
    (letter,) = mail.got
    assert str(letter["Subject"]).startswith("TEST: ")
    assert len(peer.got) == 1
    assert peer.got[0].json()["type"] == "channel.tested"


async def test_a_dedicated_channel_is_tried_by_the_way_of_its_group(
    mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with slack_server() as slack:
        monkeypatch.setenv("NOTIFIER_SLACK_URL", slack.url)
        code, out, _ = await run("tier2", "--by", "slack")
        (shown,) = slack.messages
    assert code == 0
    assert out.startswith("slack    slack of tier-2: delivered (slack C0TIER2 ")
    assert (shown.channel, shown.text[:6]) == ("C0TIER2", "TEST: ")
    assert mail.got == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eve",), "the roster knows no 'eve'; it knows: ana, tier-2, tier2"),
        (("leads",), "the roster names no group for it (`to`)"),
        (("ana", "--by", "slack"), "ana is not reached by slack, but by: webhook, email"),
    ],
)
async def test_who_cannot_be_tried_is_said_and_nothing_is_sent(
    mail: Mailbox, words: tuple[str, ...], said: str
) -> None:
    code, _, err = await run(*words)
    assert code == 2
    assert said in err
    assert mail.got == []


async def test_a_way_that_cannot_be_set_up_is_named(
    mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANA_SECRET")
    code, _, err = await run("ana")
    assert code == 2
    assert "ANA_SECRET" in err
    assert mail.got == []

"""Teams, telephone and the long tail, the sandbox, and channels of other packages: real peers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from shared.runtime.settings import SettingsError
from tests.support.decisions import a_decision, calls
from tests.support.http_peer import Answer, Request, http_peer, in_turn
from tests.support.mailbox import body
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import states

ROSTER = """
roster: {{name: test, version: 1}}
modes: {{page: [{first}], chat: [{first}], email: [{first}], digest: [{first}]}}
people:
  ana: {{name: Ana Abel, {ways}}}
roles: {{t2_oncall: ana}}
"""
CALL = a_decision(notify=calls("t2_oncall"), ack_due="2026-03-02T10:15:00Z")


def roster(folder: Path, first: str, ways: str) -> str:
    path = folder / "ways.yaml"
    path.write_text(ROSTER.format(first=first, ways=ways), encoding="utf-8")
    return str(path)


async def test_teams_gets_a_card_that_a_workflow_takes(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with http_peer(in_turn(Answer(202))) as teams:
        monkeypatch.setenv("ANA_TEAMS", f"{teams.url}/workflows/x?sig=y")
        people = roster(tmp_path, "teams", "teams: env:ANA_TEAMS")
        async with desk.notifier(NOTIFIER_ROSTER_FILE=people):
            await desk.ledger.decide(CALL)
            await desk.ledger.until_finished(1)
    (request,) = teams.got
    (attachment,) = request.json()["attachments"]
    assert request.json()["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert "escalated to tier 2" in attachment["content"]["body"][0]["text"]
    (row,) = await desk.ledger.deliveries()
    assert (row["state"], row["address"]) == ("delivered", "teams of ana")


async def test_a_discord_or_mattermost_is_reached_through_apprise(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with http_peer() as chat:
        address = f"mmost://127.0.0.1:{chat.port}/3ccdd113474722377935511fc85d3dd4"
        monkeypatch.setenv("ANA_CHAT", address)
        people = roster(tmp_path, "apprise", "apprise: env:ANA_CHAT")
        async with desk.notifier(
            NOTIFIER_ROSTER_FILE=people, NOTIFIER_APPRISE_ALLOW="mmost,discord"
        ):
            await desk.ledger.decide(CALL)
            await desk.ledger.until_finished(1)
    (request,) = chat.got
    assert "escalated to tier 2" in request.json()["text"]
    assert states(await desk.ledger.deliveries()) == [("t2_oncall", "sent", None)]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("json://127.0.0.1:{port}/", "kind_not_allowed: json"),
        ("syslog://", "kind_not_allowed: syslog"),
        ("mmosts://127.0.0.1:{port}/3ccdd113474722377935511fc85d3dd4", "forbidden_destination"),
        ("mmosts://localhost:{port}/3ccdd113474722377935511fc85d3dd4", "forbidden_destination"),
        ("mmosts://169.254.169.254/3ccdd113474722377935511fc85d3dd4", "forbidden_destination"),
        ("mmosts:///", "invalid_apprise_address"),
    ],
)
async def test_apprise_opens_no_way_that_a_webhook_has_not(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    async with http_peer() as canary:
        monkeypatch.setenv("ANA_CHAT", address.format(port=canary.port))
        people = roster(tmp_path, "apprise", "apprise: env:ANA_CHAT")
        async with desk.notifier(NOTIFIER_ROSTER_FILE=people, NOTIFIER_WEBHOOK_ALLOW=""):
            await desk.ledger.decide(CALL)
            await desk.ledger.until_finished(1)
    (row,) = await desk.ledger.deliveries()
    assert row["state"] == "dead"
    assert row["reason"].startswith(why)
    assert canary.got == []


async def test_a_text_and_a_call_go_to_a_provider_in_the_shape_of_twilio(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHONE_TOKEN", "nobody's")

    async def respond(request: Request) -> Answer:
        if request.path.endswith("Messages.json"):
            return Answer(400, body=b'{"code": 21610}')
        return Answer(201, body=b'{"sid": "CA1"}')

    async with http_peer(respond) as provider:
        people = roster(tmp_path, "sms", 'sms: "+431234567", voice: "+431234568"')
        async with desk.notifier(
            NOTIFIER_ROSTER_FILE=people,
            NOTIFIER_PHONE_URL=f"{provider.url}/2010-04-01",
            NOTIFIER_PHONE_ACCOUNT="AC1",
            NOTIFIER_PHONE_TOKEN="env:PHONE_TOKEN",  # noqa: S106  its name
            NOTIFIER_PHONE_FROM="+439999999",
        ):
            await desk.ledger.decide(CALL)
            await desk.ledger.until_finished(1)
    text, call = provider.got
    assert text.path == "/2010-04-01/Accounts/AC1/Messages.json"
    sent = parse_qs(text.body.decode())
    assert (sent["To"], sent["From"]) == (["+431234567"], ["+439999999"])
    assert "acknowledge it by 2026-03-02 10:15:00 UTC" in sent["Body"][0]
    said = parse_qs(call.body.decode())["Twiml"][0]
    assert said.startswith("<Response><Say>Tierline. [P2] desk:A")
    (row,) = await desk.ledger.deliveries()
    assert (row["state"], row["provider_ref"], row["address"]) == ("sent", "phone CA1", "voice …68")


async def test_a_telephone_file_keeps_what_would_be_sent(desk: Desk, tmp_path: Path) -> None:
    people = roster(tmp_path, "sms", 'sms: "+431234567"')
    kept = tmp_path / "phone.jsonl"
    async with desk.notifier(NOTIFIER_ROSTER_FILE=people, NOTIFIER_PHONE_FILE=str(kept)):
        await desk.ledger.decide(CALL)
        await desk.ledger.until_finished(1)
    (line,) = [json.loads(one) for one in kept.read_text(encoding="utf-8").splitlines()]
    assert (line["kind"], line["to"]) == ("text", "+431234567")


async def test_in_the_sandbox_nothing_leaves_and_everything_is_written_down(
    desk: Desk, tmp_path: Path
) -> None:
    kept = tmp_path / "sandbox.jsonl"
    async with desk.notifier(
        NOTIFIER_SANDBOX_FILE=str(kept), NOTIFIER_INTAKE_URL="http://127.0.0.1:9"
    ):
        await desk.ledger.decide(a_decision(notify=calls("t2_oncall", "t3_oncall", "t2_backup")))
        await desk.ledger.until_finished(3)
    lines = [json.loads(one) for one in kept.read_text(encoding="utf-8").splitlines()]
    assert sorted((one["channel"], one["to"]) for one in lines) == [
        ("email", "ana"),
        ("webhook", "cleo"),
    ]
    assert (desk.mail.got, desk.cleo.got) == ([], [])
    refs = await desk.ledger.rows("SELECT DISTINCT provider_ref FROM delivery WHERE state = 'sent'")
    assert [row[0] for row in refs] == ["sandbox"]


@pytest.fixture
def pigeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another package, installed, that offers a channel."""
    package = tmp_path / "installed"
    info = package / "pigeons-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tierline.channels]\npigeon = pigeons:make\n")
    (package / "pigeons.py").write_text(
        "from pathlib import Path\n"
        "from services.notifier.core.retry import Accepted\n"
        "class Pigeon:\n"
        "    shows_lines = False\n"
        "    def __init__(self, loft):\n"
        "        self.loft = Path(loft)\n"
        "    async def send(self, notice):\n"
        "        where = notice.contact.addresses['pigeon']\n"
        "        message = notice.message\n"
        "        self.loft.write_text('\\n'.join((where + ': ' + message.subject, message.asked)))\n"
        "        return Accepted('pigeon 7')\n"
        "    async def close(self):\n"
        "        pass\n"
        "def make(environ):\n"
        "    return Pigeon(environ['LOFT'])\n"
    )
    loft = tmp_path / "loft"
    monkeypatch.setenv("LOFT", str(loft))
    monkeypatch.syspath_prepend(package)
    yield loft
    sys.modules.pop("pigeons", None)


def carried_by(loft: Path) -> str:
    return loft.read_text(encoding="utf-8")


async def call_by_pigeon(desk: Desk, tmp_path: Path) -> None:
    people = roster(tmp_path, "pigeon", "ways: {pigeon: the old tower}")
    async with desk.notifier(NOTIFIER_ROSTER_FILE=people):
        await desk.ledger.decide(CALL)
        await desk.ledger.until_finished(1)


async def test_another_package_s_channel_is_used_as_our_own_are(
    desk: Desk, tmp_path: Path, pigeon: Path
) -> None:
    await call_by_pigeon(desk, tmp_path)
    (row,) = await desk.ledger.deliveries()
    assert (row["channel"], row["state"], row["provider_ref"]) == ("pigeon", "sent", "pigeon 7")
    assert carried_by(pigeon).startswith("the old tower: [P2] desk:A")


async def test_a_channel_without_room_for_lines_is_told_apart_what_is_asked(
    desk: Desk, tmp_path: Path, pigeon: Path
) -> None:
    await call_by_pigeon(desk, tmp_path)
    _, asked = carried_by(pigeon).splitlines()
    assert asked == "Asked of you (t2 oncall): acknowledge it by 2026-03-02 10:15:00 UTC."


async def test_another_package_s_channel_that_does_not_say_what_it_shows_is_not_taken(
    desk: Desk, pigeon: Path
) -> None:
    module = pigeon.parent / "installed" / "pigeons.py"
    silent = module.read_text(encoding="utf-8").replace("    shows_lines = False\n", "")
    module.write_text(silent, encoding="utf-8")
    with pytest.raises(SettingsError, match="pigeon of pigeons:make cannot be made"):
        async with desk.notifier():
            pass


async def test_no_name_of_the_roster_adds_a_header_to_a_mail(desk: Desk, tmp_path: Path) -> None:
    people = tmp_path / "hostile.yaml"
    people.write_text(
        "roster: {name: test, version: 1}\n"
        "modes: {page: [email], chat: [email], email: [email], digest: [email]}\n"
        'people: {ana: {name: "Ana\\r\\nBcc: all@example.org", email: ana@example.org}}\n'
        "roles: {t2_oncall: ana}\n",
        encoding="utf-8",
    )
    async with desk.notifier(NOTIFIER_ROSTER_FILE=str(people)):
        await desk.ledger.decide(CALL)
        await desk.mail.until_got(1)
    mail = desk.mail.got[0]
    parsed = BytesParser().parsebytes(mail.as_bytes())
    assert "Bcc" not in parsed
    assert "escalated to tier 2" in body(mail)

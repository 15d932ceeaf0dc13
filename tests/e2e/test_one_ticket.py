"""One ticket through the whole system: reported over HTTP, told by mail, shown on the board."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest

from cli.mail_sink import MailSink
from cli.stack import Stack
from services.notifier.settings import DEFAULT_ROSTER
from shared.runtime.clock import Clock
from tests.support.consuming import until
from tests.support.whole_system import Site, post, read, running

TITLE = "Nobody can log in"
REPORT = {"title": TITLE, "severity": "S1", "affected_users": 40, "requester": "ann"}
IN_HOURS = datetime(2026, 3, 3, 10, tzinfo=UTC)
OWNER = "Olga Ost <olga@example.org>"


class World:
    """A running system, its people's mail, and a client."""

    def __init__(self, stack: Stack, mail: list[EmailMessage], client: httpx2.AsyncClient) -> None:
        self.stack = stack
        self.mail = mail
        self.client = client

    def told(self) -> set[str]:
        return {str(mail["To"]) for mail in self.mail}

    async def ticket(self) -> dict[str, object]:
        return dict(await read(self.client, f"{self.stack.url('tracker')}/v1/tickets/desk:A"))


@pytest.fixture
async def world(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[World]:
    mail: list[EmailMessage] = []
    site = Site(tmp_path, kafka, database, topic_prefix)
    roster = tmp_path / "roster.yaml"
    known = DEFAULT_ROSTER.read_text("utf-8")
    olga = "people:\n  olga: {name: Olga Ost, email: olga@example.org}\n"
    roster.write_text(known.replace("people:\n", olga, 1), "utf-8")
    settings = {"TRACKER_WATCHDOG_GRACE": "PT1S", "NOTIFIER_ROSTER_FILE": str(roster)}
    async with (
        MailSink(tmp_path / "mail.mbox", mail.append) as sink,
        httpx2.AsyncClient(trust_env=False, timeout=30) as client,
        running(site.plan({**sink.variables, **settings})) as stack,
    ):
        await stack.serve(Clock.starting(IN_HOURS, speed=1))
        yield World(stack, mail, client)


async def test_a_report_calls_people_by_mail_and_their_answer_is_on_the_board(
    world: World,
) -> None:
    await post(world.client, world.stack, id="e1", type="ticket.opened", data=REPORT)

    async def told() -> bool:
        called = {
            "Tier 3 on call <t3-oncall@example.org>",
            "Engineering on duty <engineering-duty@example.org>",
        }
        return called <= world.told()

    await until(told)
    assert [mail["Subject"] for mail in world.mail if TITLE not in str(mail["Subject"])] == []

    async def called() -> bool:
        ticket = await world.ticket()
        return ticket.get("tier") == 3 and bool(ticket["escalations"])

    await until(called)
    await post(
        world.client,
        world.stack,
        id="a1",
        type="escalation.acknowledged",
        data={"by": "tom", "role": "t3_oncall"},
    )

    async def answered() -> bool:
        escalations = (await world.ticket())["escalations"]
        assert isinstance(escalations, list)
        return "tom" in {one["acknowledged_by"] for one in escalations}

    await until(answered)

    async def nothing_is_missing() -> bool:
        # A second after they were due; what comes later is no alarm any more once it has come.
        seen = await read(world.client, f"{world.stack.url('tracker')}/v1/alarms")
        return seen["watched"] == 1 and set(seen["by_kind"].values()) == {0}

    await until(nothing_is_missing)


async def test_whoever_owns_the_ticket_is_told_when_it_comes_back(world: World) -> None:
    opened = {"title": "Totals differ", "severity": "S3", "owner": "olga", "affected_users": 1}
    told: list[tuple[str, dict[str, object]]] = [
        ("ticket.opened", opened),
        ("ticket.status_changed", {"status": "resolved", "by": "olga"}),
        ("ticket.status_changed", {"status": "open", "by": "ann"}),
    ]
    for n, (kind, data) in enumerate(told):
        await post(world.client, world.stack, id=f"e{n}", type=kind, data=data)

    async def owner_told() -> bool:
        return OWNER in world.told()

    await until(owner_told)


async def test_every_service_that_is_killed_comes_back_and_the_ticket_goes_on(
    world: World,
) -> None:
    before = {name: service.pid for name, service in world.stack.services.items()}
    for service in world.stack.services.values():
        await service.kill()

    async def back() -> bool:
        return all(
            service.restarts == 1 and service.pid not in (None, before[name])
            for name, service in world.stack.services.items()
        )

    await until(back)
    for service in world.stack.services.values():
        await service.until_ready()
    await post(world.client, world.stack, id="e1", type="ticket.opened", data=REPORT)

    async def told() -> bool:
        return (await world.ticket()).get("tier") == 3 and bool(world.mail)

    await until(told)

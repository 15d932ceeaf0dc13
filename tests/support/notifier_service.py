"""The notifier for tests: in this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from cli.embedded.ports import free_ports
from services.notifier.__main__ import main
from services.notifier.settings import Settings
from shared.contract.topics import DELIVERIES, TIER_CHANGES
from shared.runtime.migrations import migrate
from tests.support.consuming import until
from tests.support.decisions import publish
from tests.support.kafka_topics import a_topic, all_records
from tests.support.mailbox import Mailbox

SECRET = "whsec_" + "dGVzdC1zZWNyZXQtb2YtMzItYnl0ZXMtMDEyMzQ1Njc="

ROSTER = """
roster: {name: test, version: 1}
modes:
  page: [webhook, email, console]
  chat: [webhook, email, console]
  email: [email, webhook, console]
  digest: [email, webhook, console]
people:
  ana: {name: Ana Abel, email: ana@example.org}
  ben: {name: Ben Berg, email: ben@example.org}
  cleo: {name: Cleo Cole, email: cleo@example.org, webhook: {url: "env:CLEO_URL", secret: "env:CLEO_SECRET"}}
  dora: {name: Dora Dorn, webhook: {url: "env:CLEO_URL", secret: "env:CLEO_SECRET"}}
roles:
  t2_queue: ana
  t2_oncall: ana
  t2_lead: ben
  t3_oncall: cleo
  t3_lead: dora
  t2_backup: null
"""
"""Ana and Ben have mail, Cleo a webhook and mail, Dora the webhook alone; nobody is the backup."""


@dataclass(frozen=True)
class Ledger:
    """One installation: its topics, its database, and what both hold."""

    kafka: str
    prefix: str
    url: str

    async def decide(self, *decisions: tuple[str, bytes]) -> None:
        """Put *decisions* on the topic."""
        await publish(self.kafka, f"{self.prefix}{TIER_CHANGES}", decisions)

    async def rows(self, sql: str, *given: Any) -> list[Any]:
        """Return what *sql* finds in the notifier's schema."""
        conn = await asyncpg.connect(self.url, server_settings={"search_path": "notifier"})
        try:
            return list(await conn.fetch(sql, *given))
        finally:
            await conn.close()

    async def deliveries(self) -> list[dict[str, Any]]:
        """Return the ledger, in the order of tickets, versions and roles."""
        found = await self.rows("SELECT * FROM delivery ORDER BY ticket, version, role, purpose")
        return [dict(row) for row in found]

    async def until(self, condition: str, *given: Any, within_s: float = 45.0) -> None:
        """Wait until the SQL *condition* (``… FROM …``) holds in the first row that it gives."""

        async def holds() -> bool:
            found = await self.rows(f"SELECT {condition}", *given)
            return bool(found and found[0][0])

        await until(holds, within_s=within_s)

    async def until_heard(self, count: int, *, within_s: float = 45.0) -> None:
        """Wait until *count* decisions were taken in, those that were no news among them."""
        await self.until("sum(next_offset) >= $1 FROM progress", count, within_s=within_s)

    async def until_finished(self, count: int, *, within_s: float = 45.0) -> None:
        """Wait until *count* deliveries are there and none is unfinished."""
        await self.until(
            "count(*) >= $1 AND count(*) = count(finished_at) FROM delivery",
            count,
            within_s=within_s,
        )

    async def told(self) -> list[dict[str, Any]]:
        """Return what is on the topic of deliveries: events, each partition in order."""
        await self.until("count(*) = 0 FROM outbox WHERE published_at IS NULL")
        records = await all_records(self.kafka, f"{self.prefix}{DELIVERIES}")
        return [json.loads(record.value or b"") for record in records]


async def a_ledger(kafka: str, prefix: str, url: str) -> Ledger:
    """Make the topics and the schema of an installation."""
    await migrate(url, ["notifier"])
    await a_topic(kafka, f"{prefix}{TIER_CHANGES}")
    await a_topic(kafka, f"{prefix}{DELIVERIES}")
    return Ledger(kafka, prefix, url)


def environ_of(
    ledger: Ledger, mail: Mailbox, roster: Path, given: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a quick notifier of *ledger* that mails to *mail*."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": ledger.kafka,
        "DATABASE_URL": ledger.url,
        "TIERLINE_TOPIC_PREFIX": ledger.prefix,
        "TIERLINE_DRAIN_DELAY_S": "0",
        "NOTIFIER_ROSTER_FILE": str(roster),
        "NOTIFIER_SMTP_HOST": "127.0.0.1",
        "NOTIFIER_SMTP_PORT": str(mail.port),
        "NOTIFIER_SMTP_SECURITY": "none",
        "NOTIFIER_MAIL_FROM": "tierline@example.org",
        "NOTIFIER_MAIL_PER_S": "1000",
        "NOTIFIER_WEBHOOK_PER_S": "1000",
        "NOTIFIER_WEBHOOK_ALLOW": "http://127.0.0.1/32",
        "NOTIFIER_PERSON_BURST": "1000",
        "NOTIFIER_SEND_DEADLINE": "PT2S",
        **given,
    }


@asynccontextmanager
async def notifier_here(environ: Mapping[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    """Run a notifier in this process, and give a client of its API."""
    (port,) = free_ports(1)
    settings = Settings.from_env({**environ, "NOTIFIER_HTTP_PORT": str(port)})
    stop = asyncio.Event()
    task = asyncio.create_task(main(settings, stop))
    test = asyncio.current_task()
    assert test is not None
    # A test does not go on waiting for what a dead notifier would have done.
    task.add_done_callback(lambda _: None if stop.is_set() else test.cancel())
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False
        ) as client:
            await _until_live(client)
            yield client
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def _until_live(client: httpx2.AsyncClient) -> None:
    async def live() -> bool:
        with suppress(httpx2.HTTPError):
            return (await client.get("/health/live")).is_success
        return False

    await until(live)


@asynccontextmanager
async def notifier_process(environ: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a notifier as a process of its own, to be killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.notifier",
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "NOTIFIER_HTTP_PORT": "0", **environ},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def states(deliveries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str | None]]:
    """Return role, state and reason of each delivery."""
    return [(one["role"], one["state"], one["reason"]) for one in deliveries]

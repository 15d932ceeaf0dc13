"""A person erased from all services' tables: nothing of them is left, and no rebuild brings it back."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from pydantic_core import to_json
from sqlalchemy import text

from services.escalator.core.inputs import restore_heard
from shared.contract.erasure import digest_of, pseudonym_of
from shared.contract.times import parse_instant
from shared.runtime.clock import Clock
from shared.runtime.database import open_database
from shared.runtime.migrations import migrate
from shared.runtime.settings import KafkaAccess
from shared.runtime.topics import create_topics
from tests.support.consuming import until
from tests.support.ticket_events import acknowledged, opened, status, updated, wrote
from tests.support.tracker_service import tracker_process
from tests.support.tracker_stream import publish, story

MAIL, FULL = "anna.huber@example.org", "Anna Huber"
EVENTS = [
    opened("2026-03-02T10:00:00Z", requester=MAIL, title="My router", severity="S1"),
    wrote("2026-03-02T10:05:00Z", author_id=MAIL, text="It is the one in my bedroom"),
    opened("2026-03-02T10:10:00Z", ticket="B", requester="bert", title=f"As {FULL} has said"),
    updated("2026-03-02T10:11:00Z", ticket="B", owner="paul"),
    acknowledged("2026-03-02T10:12:00Z", by="paul", role="t2_oncall"),
    status("2026-03-02T10:20:00Z", "resolved"),
]
STORY = story(EVENTS, parse_instant("2026-03-02T11:00:00Z"))
NAMED = ("anna", "huber", "bedroom", "router")
TABLES = {
    "tracker": ("ticket", "timeline", "dead_letter"),
    "escalator": ("ticket_event", "dead_letter"),
    "notifier": ("delivery", "answer", "attempt", "decision"),
}


async def tierline(environ: dict[str, str], *words: str) -> tuple[int, dict[str, Any], str]:
    """Run the command, and return its exit code, its JSON and its errors."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "tierline",
        *words,
        "--json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **environ},
    )
    async with asyncio.timeout(200):
        out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out) if out else {}, errors.decode()


async def asked(url: str, *statements: str, **given: Any) -> list[dict[str, Any]]:
    """Return the rows that the last of *statements* returns; only one with values may be given any."""
    found: list[dict[str, Any]] = []
    async with (
        open_database(url, schema="tracker", clock=Clock()) as database,
        database.transaction() as conn,
    ):
        for statement in statements:
            answer = await conn.execute(text(statement), given)
            if answer.returns_rows:
                found += [dict(row) for row in answer.mappings()]
    return found


async def everything(url: str) -> str:
    """Return all that the services' tables say, as one text."""
    names = [f"{schema}.{table}" for schema, tables in TABLES.items() for table in tables]
    rows = await asked(url, *(f"SELECT * FROM {name}" for name in names))  # noqa: S608
    return "\n".join(map(repr, rows)).lower()


async def fill_the_other_services(url: str) -> None:
    """Give the escalator and the notifier rows as they keep them of these tickets."""
    heard = {"effective": 1772445600, "received": 1772445600, "seq": 1}
    event = EVENTS[0].model_dump(mode="json", exclude_unset=True)
    await asked(
        url,
        "INSERT INTO escalator.ticket_event (ticket, effective_at, event_id, heard)"
        " VALUES ('desk:A', now(), 'e', CAST(:heard AS json))",
        heard=to_json({**heard, "event": event}).decode(),
    )
    await asked(
        url,
        'INSERT INTO escalator.dead_letter (topic, partition, "offset", raw, headers,'
        " error_class, error, service_version, created_at)"
        " VALUES ('t', 0, 0, :raw, '{}', 'x', 'y', '1', now())",
        raw=f'{{"by": "{MAIL}"'.encode(),
    )
    await asked(
        url,
        "INSERT INTO notifier.answer (id, ticket, escalation, person, role, act, through, at)"
        " VALUES ('a', 'desk:A', 'e', :person, 't2_oncall', 'ack', 'link', now())",
        person=MAIL,
    )


async def applied(url: str) -> int:
    """Return how many records the tracker has taken in."""
    (row,) = await asked(url, "SELECT coalesce(sum(next_offset), 0) AS n FROM progress")
    return int(row["n"])


async def test_nothing_of_an_erased_person_is_left_and_a_rebuild_does_not_bring_it_back(
    kafka: str, topic_prefix: str, database: str
) -> None:
    await create_topics(KafkaAccess(bootstrap_servers=kafka), prefix=topic_prefix, replicas=1)
    await migrate(database)
    environ = {
        "TRACKER_SHARE": "all",
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": topic_prefix,
        "DATABASE_URL": database,
    }
    await fill_the_other_services(database)
    await publish(kafka, topic_prefix, STORY)
    async with tracker_process(environ) as running:

        async def all_applied() -> bool:
            return await applied(database) == len(STORY)

        await until(all_applied)
        before = await everything(database)
        assert all(word in before for word in NAMED)

        code, said, errors = await tierline(environ, "erase", "person", MAIL, FULL, "--dry-run")
        assert code == 0, errors
        assert (said["dry_run"], said["tickets"]) == (True, 2)
        assert await everything(database) == before

        code, said, errors = await tierline(environ, "erase", "person", MAIL, FULL)
        assert code == 0, errors
        assert (said["tickets"], said["dead_letters"]) == (2, 1)
        assert (said["rows_of_escalator"], said["rows_of_notifier"]) == (1, 1)
        left = await everything(database)
        assert [word for word in NAMED if word in left] == []
        one = await running.get("/v1/tickets/desk:A")
        assert one["requester"] == pseudonym_of(digest_of(MAIL))
        assert one["title"] == "[erased]"
        assert (one["status"], one["severity"], one["owner"]) == ("resolved", "S1", "olga")

        code, said, errors = await tierline(environ, "rebuild")
        assert (code, said.get("differences")) == (0, []), errors
        again = await running.get("/v1/tickets/desk:A")
        assert {**again, "now": None} == {**one, "now": None}
        left = await everything(database)
        assert [word for word in NAMED if word in left] == []

        code, said, errors = await tierline(environ, "erase", "ended", "--for", "P1D")
        assert code == 0, errors
        ended = await running.get("/v1/tickets/desk:A")
        assert ended["owner"] == pseudonym_of(digest_of("olga"))
        assert (await running.get("/v1/tickets/desk:B"))["owner"] == "paul"
    (row,) = await asked(database, "SELECT CAST(heard AS text) FROM escalator.ticket_event")
    kept = restore_heard(row["heard"]).said
    assert getattr(kept.data, "severity", None) == "S1"


async def test_what_cannot_be_erased_is_refused_with_a_reason(database: str) -> None:
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "localhost:1", "DATABASE_URL": database}
    await migrate(database)
    code, _, errors = await tierline(environ, "erase", "person", "…")
    assert (code, "is no name" in errors) == (2, True)
    code, _, errors = await tierline(environ, "erase", "ended", "--for", "two years")
    assert (code, "P730D" in errors) == (2, True)

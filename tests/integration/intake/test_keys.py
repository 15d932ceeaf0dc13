"""Keys that change while intake runs, and when each was last used."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from typer.testing import CliRunner

from cli.keys.command import app
from services.intake.uses import NEWS, Uses
from shared.access.keys import ApiKey, KeyRing, Scope
from shared.access.keys_file import new_key
from shared.runtime.clock import real_now
from shared.runtime.kafka import Publisher, Record
from shared.runtime.settings import KafkaAccess
from tests.support.consuming import until
from tests.support.intake_service import STRUCTURED, Door, intake_here, intake_process
from tests.support.kafka_topics import a_topic, all_records

EVENT: Final[Mapping[str, Any]] = {
    "specversion": "1.0",
    "source": "desk",
    "type": "ticket.opened",
    "subject": "1",
    "data": {"title": "Down"},
}


def keys(file: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*words, "--file", str(file), "--json"])
    assert done.exit_code == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


async def status(client: httpx2.AsyncClient, key: str) -> int:
    headers = {**STRUCTURED, "authorization": f"Bearer {key}"}
    return (await client.post("/v1/events", json=EVENT, headers=headers)).status_code


async def test_a_running_intake_learns_new_keys_and_forgets_revoked_ones(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    for name, partitions in (("tickets.events", 12), ("keys.used", 1)):
        await a_topic(kafka, f"{topic_prefix}{name}", partitions=partitions)
    file = tmp_path / "keys.yaml"
    first = keys(file, "create", "desk", "--source", "desk")["key"]
    admin = keys(file, "create", "ops", "--source", "*", "--scope", "admin")["key"]
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": topic_prefix,
        "INTAKE_ALLOW_ANONYMOUS": "",
        "INTAKE_KEYS_FILE": str(file),
    }
    async with intake_process(environ) as one, intake_process(environ) as two:
        instances = (one.client, two.client)
        assert [await status(client, first) for client in instances] == [202, 202]

        async def all_know(count: int) -> bool:
            headers = {"authorization": f"Bearer {admin}"}
            listed = [await client.get("/v1/keys", headers=headers) for client in instances]
            assert all(answer.status_code == 200 for answer in listed)
            assert admin not in "".join(answer.text for answer in listed)
            return [len(answer.json()) for answer in listed] == [count, count]

        second = keys(file, "rotate", "desk", "--overlap", "1h")["key"]
        await until(lambda: all_know(3))
        for key in (first, second):
            assert [await status(client, key) for client in instances] == [202, 202]
        whole = file.read_text("utf-8")
        file.write_text("keys: [", encoding="utf-8")
        await until(lambda: says(one.client, "tierline_intake_keys_file_broken 1.0"))
        assert await status(one.client, second) == 202
        file.write_text(whole, encoding="utf-8")
        await until(lambda: says(one.client, "tierline_intake_keys_file_broken 0.0"))
        keys(file, "revoke", "desk")
        await until(lambda: all_know(1))
        for key in (first, second):
            assert [await status(client, key) for client in instances] == [401, 401]


async def says(client: httpx2.AsyncClient, line: str) -> bool:
    return line in (await client.get("/metrics")).text


@pytest.fixture
async def uses_topic(kafka: str, topic_prefix: str) -> str:
    return await a_topic(kafka, f"{topic_prefix}keys.used", partitions=1)


async def test_the_last_use_is_told_to_all_instances_and_survives_them(
    kafka: str, topic_prefix: str, uses_topic: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    desk, admin, idle = new_key("desk"), new_key("admin"), new_key("idle")
    ring = KeyRing(
        [
            ApiKey("admin", admin.sha256, None, frozenset({Scope.ADMIN})),
            ApiKey("desk", desk.sha256, "desk", frozenset({Scope.INGEST})),
            ApiKey("idle", idle.sha256, "desk", frozenset({Scope.INGEST})),
        ]
    )
    access = KafkaAccess(bootstrap_servers=kafka)
    publisher = Publisher(access, client_id="test")
    try:
        before = Uses(publisher, access, uses_topic)
        used_at = real_now() - timedelta(days=3)
        before.note(ring.all()[1], used_at)
        await before.tell(NEWS)
    finally:
        await publisher.close()
    async with intake_here(kafka, topic, Door(keys=ring, uses_topic=uses_topic)) as client:
        headers = {"authorization": f"Bearer {admin.text}"}
        refused = await client.get("/v1/keys", headers={"authorization": f"Bearer {desk.text}"})
        listed = {
            one["name"]: one for one in (await client.get("/v1/keys", headers=headers)).json()
        }
    assert refused.json()["code"] == "missing_scope"
    assert listed["idle"]["last_used"] is None
    # The refused question was a use, too: it was shown just now.
    assert listed["desk"]["last_used"] > used_at.isoformat()
    assert listed["admin"]["last_used"] is not None
    assert re.fullmatch(r"[0-9a-f]{12}", listed["desk"]["id"])


async def test_uses_are_told_seldom_and_only_what_is_new(kafka: str, uses_topic: str) -> None:
    access = KafkaAccess(bootstrap_servers=kafka)
    publisher = Publisher(access, client_id="test")
    key = ApiKey("desk", "ab" * 32, "desk", frozenset({Scope.INGEST}))
    begin = real_now()
    try:
        uses = Uses(publisher, access, uses_topic)
        for seconds in range(0, 1400, 60):
            for step in range(50):
                uses.note(key, begin + timedelta(seconds=seconds, milliseconds=step))
            await uses.tell(NEWS)
        assert len(await all_records(kafka, uses_topic)) == 3
        (latest,) = (await uses.latest()).values()
        assert latest == begin + timedelta(seconds=1380, milliseconds=49)
    finally:
        await publisher.close()


async def test_without_the_topic_of_uses_events_go_on(kafka: str, topic_prefix: str) -> None:
    access = KafkaAccess(bootstrap_servers=kafka)
    publisher = Publisher(access, client_id="test")
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=1)
    key = ApiKey("desk", "ab" * 32, "desk", frozenset({Scope.INGEST}))
    try:
        uses = Uses(publisher, access, f"{topic_prefix}keys.used")
        for seconds in range(5):
            uses.note(key, real_now() + timedelta(seconds=seconds))
            await uses.tell(timedelta(0))
        await publisher.publish([Record(topic, b"k", b"v", [])])
    finally:
        await publisher.close()
    assert len(await all_records(kafka, topic)) == 1


async def test_no_secret_is_ever_logged(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """What came with the requests, good or bad, does not stand in the log."""
    await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    file = tmp_path / "keys.yaml"
    good = keys(file, "create", "desk", "--source", "desk")["key"]
    secrets = [good, new_key("desk").text, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", "hunter2hunter2"]
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": topic_prefix,
        "INTAKE_ALLOW_ANONYMOUS": "",
        "INTAKE_KEYS_FILE": str(file),
        "INTAKE_ESCALATOR_URL": "http://127.0.0.1:9",
    }
    log: list[str] = []
    async with intake_process(environ, log=log) as intake:
        act = {"type": "escalation.acknowledged", "by": "tess", "role": "t2_oncall"}
        for secret in secrets:
            for header in (f"Bearer {secret}", f"Basic {secret}"):
                for path, body in (
                    ("/v1/events", EVENT),
                    ("/v1/tickets/desk:1/acts", act),
                    ("/v1/hooks/generic", {"ticket": "1"}),
                    ("/v1/policies", {}),
                ):
                    await intake.client.post(path, json=body, headers={"authorization": header})
    whole = "".join(log)
    assert "act not checked beforehand" in whole
    assert [secret for secret in secrets if secret in whole or secret[-20:] in whole] == []
    assert good.rpartition("_")[2] not in whole

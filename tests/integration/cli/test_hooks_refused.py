"""Webhooks that no mapping could read are kept, and read again by a better mapping."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from services.intake.hooks.mappings import SHIPPED
from tests.support.intake_service import intake_process
from tests.support.kafka_topics import a_topic, all_records

GOOD: Final = b'{"ticket":"7","updated_at":"2026-03-02T10:00:00Z","title":"Totals differ"}'
BAD: Final = b'{"ticket":"7","updated_at":"02.03.2026 11:30","title":"Totals agree"}'
HOPELESS: Final = b"{}"


@pytest.fixture
def environ(kafka: str, topic_prefix: str) -> dict[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}


@pytest.fixture
def better(tmp_path: Path) -> Path:
    """A folder with a mapping that reads the times of this desk."""
    text = (SHIPPED / "generic.yaml").read_text("utf-8")
    german = text.replace("  format: iso\n", '  format: "%d.%m.%Y %H:%M"\n').replace(
        "  zone: UTC\n", "  zone: Europe/Vienna\n"
    )
    (tmp_path / "generic.yaml").write_text(german, "utf-8")
    return tmp_path


async def tierline(environ: dict[str, str], *words: str) -> tuple[int | None, Any, str]:
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "tierline",
        *words,
        "--json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **environ},
    )
    said, errors = await process.communicate()
    return process.returncode, json.loads(said) if said else None, errors.decode()


async def test_what_was_refused_is_listed_and_replayed_by_a_better_mapping(
    environ: dict[str, str], kafka: str, topic_prefix: str, better: Path
) -> None:
    events = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    await a_topic(kafka, f"{topic_prefix}hooks.refused", partitions=1)
    async with intake_process(environ) as running:
        url = str(running.client.base_url)
        statuses = [
            (await running.client.post("/v1/hooks/generic", content=body)).status_code
            for body in (GOOD, BAD, BAD, HOPELESS)
        ]
        code, listed, _ = await tierline(environ, "hooks", "refused")
        assert code == 0
        nothing = await tierline(environ, "hooks", "replay", "--intake", url)
        own = ("--mappings", str(better))
        first = await tierline(environ, "hooks", "replay", "--intake", url, *own)
        again = await tierline(environ, "hooks", "replay", "--intake", url, *own)
    assert statuses == [202, 422, 422, 422]
    assert [base64.b64decode(one["body"]) for one in listed] == [BAD, HOPELESS]
    assert listed[0]["refused_for"][0]["path"] == "updated_at"
    assert nothing[:2] == (0, {"accepted": 0, "refused": [], "still_unreadable": 2})
    assert first[:2] == again[:2] == (0, {"accepted": 1, "refused": [], "still_unreadable": 1})
    records = [json.loads(record.value or b"") for record in await all_records(kafka, events)]
    replayed = [one for one in records if one["data"].get("title") == "Totals agree"]
    assert [one["time"] for one in replayed] == ["2026-03-02T10:30:00Z"] * 2
    assert len({one["id"] for one in replayed}) == 1


async def test_without_the_topic_it_says_how_to_make_it(environ: dict[str, str]) -> None:
    code, _, errors = await tierline(environ, "hooks", "refused")
    assert code == 1
    assert "tierline topics create" in errors


async def test_a_key_that_is_nowhere_is_told(
    environ: dict[str, str], kafka: str, topic_prefix: str
) -> None:
    await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    await a_topic(kafka, f"{topic_prefix}hooks.refused", partitions=1)
    missing = await tierline(environ, "hooks", "replay", "--intake", "http://x", "--key", "env:NO")
    assert missing[0] == 2
    assert "nothing is found at 'env:NO'" in missing[2]

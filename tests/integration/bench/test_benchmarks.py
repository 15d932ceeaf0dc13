"""Benchmarks that state tables or routes of their own still fit what they measure."""

import asyncio
import json
import os
import sys

import pytest


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("tracker", ("--tickets", "3", "--rows", "50", "--pairs", "1", "--queries", "1")),
        ("stream", ("--listeners", "3", "--events", "2")),
    ],
)
async def test_it_runs_to_its_end_and_prints_a_ratio(
    kafka: str, database: str, name: str, given: tuple[str, ...]
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.bench.bench_{name}",
        *given,
        "--json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka, "DATABASE_URL": database},
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert json.loads(out)["ratio"] > 0

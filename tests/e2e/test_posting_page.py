"""What docs/posting.md shows is what happens: its commands and its program, run on a whole system."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from cli.stack import Stack
from shared.runtime.clock import Clock
from tests.support.consuming import until
from tests.support.house import ROOT
from tests.support.whole_system import Site, running

PAGE: Final = (ROOT / "docs" / "posting.md").read_text("utf-8")
SERVICES: Final = ("intake", "escalator", "tracker")
SAID: Final = ("status", "code", "state", "act", "act_id", "ticket", "by", "missing", "allowed")
"""Keys whose values are the same whenever a command of the page is run."""


class Shell:
    """One bash that keeps its variables, as a reader's does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, block: str) -> tuple[int, str]:
        """Run *block*; return its exit code and what it printed."""
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        writer.write(f"{{\n{block}\n}}\nprintf '\\n:end:%s\\n' $?\n".encode())
        await writer.drain()
        told: list[str] = []
        async with asyncio.timeout(60):
            while not (line := (await reader.readline()).decode()).startswith(":end:"):
                assert line, "".join(told)
                told.append(line)
        return int(line.removeprefix(":end:")), "".join(told)


@pytest.fixture
async def stack(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Stack]:
    keys, hooks = tmp_path / "keys.yaml", tmp_path / "hooks.yaml"
    keys.write_text("keys: []\n", encoding="utf-8")
    hooks.write_text("hooks:\n  - {source: generic, secrets: [env:HOOK_SECRET]}\n", "utf-8")
    variables = {
        "INTAKE_KEYS_FILE": str(keys),
        "INTAKE_HOOKS_FILE": str(hooks),
        "HOOK_SECRET": secret(),
    }
    site = Site(tmp_path, kafka, database, topic_prefix)
    async with running(site.plan(variables, services=SERVICES)) as stack:
        await stack.serve(Clock())
        yield stack


def secret() -> str:
    return "whsec_" + base64.b64encode(b"a secret of the page's own desk").decode()


async def test_the_commands_of_the_page_do_what_it_says(stack: Stack, tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "INTAKE": stack.url("intake"),
        "TRACKER": stack.url("tracker"),
        "KEYS": str(tmp_path / "keys.yaml"),
        "HOOK_SECRET": secret(),
        "NO_PROXY": "*",
    }
    process = await asyncio.create_subprocess_exec(
        "bash",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environ,
    )
    shell = Shell(process)
    try:
        for block, shown in blocks():
            await as_shown(shell, block, shown)
        _, key = await shell.run('printf %s "$KEY"')
    finally:
        process.kill()
        await process.wait()
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    told = await printed(program, {**environ, "KEY": key.strip()})
    assert "kept at" in told[0]
    assert told[1] == "Nobody can log in"
    assert told[2].startswith("accepted (")
    # Its fate is told at the first decision that it has led to; others may come after.
    await until(partial(acknowledged, environ["TRACKER"]))
    assert {"ticket.opened", "case.opened"} <= {line.rpartition(" ")[2] for line in told[3:]}


async def acknowledged(tracker: str) -> bool:
    """Return whether the fate of the program's act tells that it was decided to hold."""
    async with httpx2.AsyncClient(base_url=tracker, trust_env=False) as client:
        page = (await client.get("/v1/tickets/desk:INC50/timeline")).json()
        (act,) = [
            one["id"]
            for one in page["items"]
            if (one["kind"], one["type"]) == ("event", "escalation.acknowledged")
        ]
        fate = (await client.get(f"/v1/acts/{act}")).json()
    return "escalation.acknowledged" in [one["type"] for one in fate["followed"]]


def blocks() -> list[tuple[str, Any]]:
    """Return every command of the page, each with the answer that is shown for it, if any."""
    found = re.findall(
        r"^```sh\n(.*?)^```\n(?:```json\n(.*?)^```)?", PAGE, re.MULTILINE | re.DOTALL
    )
    return [(block, json.loads(shown) if shown else None) for block, shown in found]


async def as_shown(shell: Shell, block: str, shown: Any) -> None:
    """Run *block* until it answers as is *shown*: intake and tracker take a moment to know things."""
    answer = ""
    try:
        async with asyncio.timeout(60):
            while True:
                code, answer = await shell.run(block)
                if code == 0 and (shown is None or agrees(json.loads(answer), shown)):
                    return
                await asyncio.sleep(0.3)
    except TimeoutError:
        pytest.fail(f"{block}\nanswers\n{answer}\ninstead of\n{shown}")


def agrees(answer: Any, shown: Any) -> bool:
    """Whether *answer* has all that is *shown*, and says the same where that is settled."""
    if isinstance(shown, list):
        same = isinstance(answer, list) and len(answer) == len(shown)
        return same and all(map(agrees, answer, shown))
    if not isinstance(shown, Mapping):
        return type(answer) is type(shown)
    return isinstance(answer, Mapping) and all(
        name in answer and (answer[name] == value if name in SAID else agrees(answer[name], value))
        for name, value in shown.items()
    )


async def printed(program: str, environ: Mapping[str, str]) -> list[str]:
    """Run *program*, and return the lines that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
    )
    async with asyncio.timeout(90):
        told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    return told.decode().splitlines()

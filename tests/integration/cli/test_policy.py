"""A support lead and a new policy: from the file into two running escalators, with no restart."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from shared.contract.times import Instant, instant, rfc3339
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import edited
from tests.support.consuming import until
from tests.support.escalator_service import (
    POLICY,
    Stage,
    a_stage,
    at,
    escalator_process,
    numbered,
    port_of,
    post,
    published,
    simulated,
    until_taken,
    until_time,
    without_lateness,
)
from tests.support.intake_service import intake_process
from tests.support.ticket_events import opened, replied

SPEED = 30.0
TICKETS = 12
SECOND = edited(POLICY, {"cells.S3.I1.t1_max": "4h", "targets.standard.P3.resolve": "20h"})


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class System:
    """Intake and two escalators that run, and the topics they stand on."""

    stage: Stage
    intake: str
    escalators: tuple[str, str]
    folder: Path

    async def tierline(self, *words: str) -> Done:
        """Run `tierline policy` *words*, told where everything is."""
        where = [part for url in self.escalators for part in ("--escalator", url)]
        if words[0] != "apply":
            where = where[:2]  # they have one database, so that each knows everything
        if words[0] == "apply":
            where += ["--intake", self.intake]
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "tierline"), "policy", *words, *where,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return Done(process.returncode or 0, out.decode(), err.decode())

    def file(self, policy: Policy) -> str:
        """Write *policy* to a file and return its path."""
        path = self.folder / f"{policy.version}-{policy.digest[:8]}.yaml"
        path.write_text(policy.text)
        return str(path)

    async def asked(self) -> list[dict[str, Any]]:
        """What each escalator says of the policies."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            return [(await client.get(f"{url}/v1/policies")).json() for url in self.escalators]


@pytest.fixture
async def system(
    kafka: str, topic_prefix: str, database: str, tmp_path: Path
) -> AsyncIterator[System]:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T12:05:00Z", speed=SPEED))
    environ = {key: text for key, text in stage.environ.items() if key != "DATABASE_URL"}
    async with AsyncExitStack() as stack:
        intake = await stack.enter_async_context(intake_process(environ))
        both = [
            await stack.enter_async_context(escalator_process(stage, {"ESCALATOR_SHARE": "group"}))
            for _ in range(2)
        ]
        ports = [await port_of(one) for one in both]
        yield System(
            stage,
            str(intake.client.base_url).rstrip("/"),
            (f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"),
            tmp_path,
        )


def ticket(name: str, when: str) -> list[Any]:
    moment = datetime.fromisoformat(when) + timedelta(minutes=1)
    return [
        opened(when, ticket=name, plan="standard"),
        replied(rfc3339(instant(moment)), ticket=name),
    ]


async def test_a_version_is_applied_and_decided_by_from_its_instant_on(system: System) -> None:
    stage, file = system.stage, system.file(SECOND)
    events = numbered(
        one for n in range(TICKETS) for one in ticket(f"T{n}", "2026-03-02T08:00:00Z")
    )
    await post(stage, events)
    async with stage.open() as database:
        await until_taken(database, len(events))

        # What it would change is known before.
        rules = await system.tierline("diff", "active", file)
        assert rules.code == 1, rules.err
        assert "  S3 × I1: dwell tier 1 from 16 h to 4 h\n" in rules.out
        assert "  standard × P3: resolution from 40 h to 20 h\n" in rules.out
        cases = await system.tierline("diff", "--live", file, "--json")
        assert cases.code == 1, cases.err
        found = json.loads(cases.out)
        assert (found["looked_at"], found["changed"]) == (TICKETS, TICKETS)
        assert {one["ticket"] for one in found["cases"]} == {f"desk:T{n}" for n in range(TICKETS)}

        # It is applied, for a time a little later.
        begins = instant(stage.clock.now()) + 15 * 60
        since = rfc3339(Instant(begins))
        applied = await system.tierline(
            "apply", file, "--at", since, "--by", "pat", "--note", "Faster"
        )
        assert applied.code == 0, applied.err
        assert f"Version 2 ({SECOND.digest[:12]}) holds from {since} on." in applied.out
        for told in await system.asked():
            assert [one["version"] for one in told["policies"]] == [2, 1]
            assert told["policies"][0]["active_from"] == since

        # The same again is no error and changes nothing.
        again = await system.tierline("apply", file)
        assert (again.code, "activated before" in again.out) == (0, True), again.err

        # A ticket that comes later, and time for the stay of all others to end.
        late = rfc3339(Instant(begins + 60))
        await until_time(database, late)
        new = ticket("new", late)[:1]
        await post(stage, new)
        end = rfc3339(Instant(begins + 16 * 60))
        await until_time(database, end)
        await until_taken(database, len(events) + len(new))
        assert {one["active"] for one in await system.asked()} == {2}

        history = await system.tierline("history", "--json")
        versions = json.loads(history.out)["policies"]
        assert [(one["version"], one["by"], one["note"]) for one in versions] == [
            (2, "pat", "Faster"),
            (1, None, None),
        ]
    timeline = PolicyTimeline([(Instant(0), POLICY), (Instant(begins), SECOND)])
    live = {
        key: [one for one in made if one["time"] <= end]
        for key, made in (await published(stage)).items()
    }
    assert without_lateness(live) == without_lateness(simulated([*events, *new], end, timeline))
    _kept_and_followed(live, since)


def _kept_and_followed(live: dict[str, list[dict[str, Any]]], since: str) -> None:
    """See that promises stayed, and that every instance followed at the same instant."""
    for made in live.values():
        for one in made:
            assert one["data"]["policy"]["version"] == (1 if one["time"] < since else 2)
    for key, resolves in (("desk:T0", 40 * 3600), ("desk:new", 20 * 3600)):
        (first,) = [one for one in live[key] if one["type"] == "case.opened"]
        (promise,) = [one for one in first["data"]["timers"] if one["name"] == "resolve"]
        assert promise["allowance_s"] == resolves
    moved = [one for made in live.values() for one in made if one["type"] == "tier.changed"]
    assert {one["subject"] for one in moved} >= {f"desk:T{n}" for n in range(TICKETS)}


async def test_what_cannot_be_applied_is_refused_with_what_to_do(system: System) -> None:
    other = edited(POLICY, {"cells.S3.I1.t1_max": "5h"})
    past = await system.tierline("apply", system.file(SECOND), "--at", "2026-03-02T08:00:00Z")
    assert (past.code, "is past" in past.err) == (1, True)
    applied = await system.tierline("apply", system.file(SECOND), "--json")
    assert (applied.code, json.loads(applied.out)["repeated"]) == (0, False), applied.err

    async def in_force() -> bool:
        return {one["active"] for one in await system.asked()} == {2}

    await until(in_force)
    taken = await system.tierline("apply", system.file(other))
    assert (taken.code, "version 2 is another policy already" in taken.err) == (1, True)
    old = await system.tierline("apply", system.file(POLICY))
    assert (old.code, "version 2 was activated already, and 1 is older" in old.err) == (1, True)

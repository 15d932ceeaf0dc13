"""Notifiers, Kafka and PostgreSQL killed at random while receivers fail, hang, ask for time and cut off.

Every notice that is due is one row of the ledger and arrives; it arrives again only where nobody could
know whether it had, and then it says so.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cli.embedded.kafka import KafkaServer
from cli.embedded.postgres import PostgresServer
from shared.contract.errors import TransientError
from shared.runtime.clock import monotonic
from shared.runtime.failpoints import VARIABLE
from tests.chaos.cast import Actor, Nursery
from tests.support import servers
from tests.support.consuming import until
from tests.support.decisions import a_decision, calls
from tests.support.http_peer import CUT, Answer, Peer, Request, Respond, http_peer
from tests.support.mailbox import CUT as CUT_OFF
from tests.support.mailbox import TAKE, Mailbox, body, mailbox
from tests.support.notifier_service import Ledger, a_ledger, environ_of

TROUBLES: Final = ("fails", "hangs", "asks", "cuts")
"""What the four webhooks do in every so many requests; mail is refused, or cut off."""

POINTS: Final = ("sender.after_claim", "sender.after_send", "sender.before_record")
"""Where a notifier that was killed may kill itself once more, in the midst of its work."""

ROLES: Final = (*TROUBLES, "mail")
_TROUBLED: Final = 0.25
_CHUNK: Final = 25
_WITHIN_S: Final = 240
_UP_WITHIN_S: Final = 120
_BY_TURNS: Final = ("notifier", "notifier", "postgres", "notifier", "kafka")


@dataclass
class FarSides:
    """Everybody who is told, and what came to them.

    Attributes:
        rng: What their moods come from.
        calm: Set when they are to be well for good; who hung until then hangs up.
        came: The ids of what took effect at webhooks, in order, and whether each was marked.
        doubtful: How often something took effect and nobody was told, by channel.
        refused: How often something was not taken, by channel.
    """

    rng: random.Random
    calm: asyncio.Event = field(default_factory=asyncio.Event)
    came: list[tuple[str, bool]] = field(default_factory=list)
    doubtful: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def webhook(self, trouble: str) -> Respond:
        """Return how a receiver answers that has *trouble* now and then."""

        async def respond(request: Request) -> Answer:
            ill = not self.calm.is_set() and self.rng.random() < _TROUBLED
            if ill and trouble in ("fails", "asks"):
                self.refused["webhook"] += 1
                return Answer(500) if trouble == "fails" else Answer(429, {"retry-after": "1"})
            marked = request.headers.get("tierline-repeat") == "possible"
            self.came.append((request.headers["webhook-id"], marked))
            if not ill:
                return Answer(200)
            self.doubtful["webhook"] += 1
            if trouble == "hangs":
                await self.calm.wait()
            return CUT

        return respond

    def relay(self) -> str:
        """Return what the mail relay says to the next message."""
        if self.calm.is_set() or self.rng.random() >= _TROUBLED:
            return TAKE
        if self.rng.random() < 0.5:
            self.refused["email"] += 1
            return "451 not now"
        self.doubtful["email"] += 1
        return CUT_OFF


@dataclass(frozen=True)
class Stand:
    """What a run stands on."""

    kafka: KafkaServer
    postgres: PostgresServer
    ledger: Ledger
    sides: FarSides
    mail: Mailbox
    notifiers: tuple[Actor, ...]

    def arrived(self) -> int:
        """Return how many messages have taken effect so far."""
        return len(self.sides.came) + len(self.mail.got)


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        seed: What kills and moods were made from.
        due: How many notices were asked for.
        killed: How often each was killed.
        arrived: Messages that took effect, by channel.
        repeats: Those of them that had come before, by channel.
        doubtful: How often the far side took one and did not say so, by channel.
        refused: How often it did not take one, by channel.
        lasted_s: How long it took, real.
        findings: What was lost, doubled, or repeated without need or mark; there must be none.
    """

    seed: int
    due: int
    killed: Counter[str] = field(default_factory=Counter)
    arrived: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    doubtful: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    lasted_s: float = 0.0
    findings: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return what a run prints."""
        counted = {
            f"{channel}_{name}": found[channel]
            for channel in ("webhook", "email")
            for name, found in (
                ("arrived", self.arrived),
                ("repeats", self.repeats),
                ("doubtful", self.doubtful),
                ("refused", self.refused),
            )
        }
        killed = {f"killed_{whom}": count for whom, count in sorted(self.killed.items())}
        lasted = {"lasted_s": round(self.lasted_s, 1), "findings": len(self.findings)}
        return {"seed": self.seed, "due": self.due, **killed, **counted, **lasted}


async def run(count: int, seed: int, folder: Path) -> Outcome:
    """Have *count* decisions told to everybody under kills, and judge what came of it."""
    outcome = Outcome(seed, count * len(ROLES))
    rng = random.Random(seed)  # noqa: S311  to be repeated, not to be secret
    began = monotonic()
    async with a_stand(folder, FarSides(rng)) as stand:
        async with asyncio.TaskGroup() as group:
            group.create_task(_decide(stand.ledger, count))
            group.create_task(_kill(stand, outcome, rng))
        stand.sides.calm.set()
        await stand.ledger.until_finished(outcome.due, within_s=_WITHIN_S)
        await _judge(stand, count, outcome)
    outcome.lasted_s = monotonic() - began
    return outcome


@asynccontextmanager
async def a_stand(folder: Path, sides: FarSides) -> AsyncIterator[Stand]:
    """Start servers, far sides and two notifiers, and stop them all in the end."""
    async with AsyncExitStack() as stack:
        kafka, postgres = KafkaServer(folder), PostgresServer(folder, tuning=servers.FOR_TESTS)
        for server in (kafka, postgres):
            stack.push_async_callback(asyncio.to_thread, server.stop)
        nursery, *_ = await asyncio.gather(
            Nursery.open("notifier"),
            asyncio.to_thread(kafka.start),
            asyncio.to_thread(postgres.start),
        )
        stack.push_async_callback(nursery.close)
        ledger = await a_ledger(kafka.bootstrap_servers, "", postgres.url())
        mail = await stack.enter_async_context(mailbox())
        mail.reply = sides.relay
        peers = {
            trouble: await stack.enter_async_context(http_peer(sides.webhook(trouble)))
            for trouble in TROUBLES
        }
        given = {
            "NOTIFIER_SHARE": "all",
            "NOTIFIER_SEND_DEADLINE": "PT1S",
            "NOTIFIER_PERSON_BURST": "1000000",
            "NOTIFIER_HTTP_PORT": "0",
            "PATH": os.environ["PATH"],
        }
        environ = environ_of(ledger, mail, _roster(folder, peers), given)
        notifiers = tuple(
            Actor(name, nursery, lambda _: environ, folder / f"{name}.log")
            for name in ("notifier-1", "notifier-2")
        )
        for one in notifiers:
            await one.start()
            stack.push_async_callback(one.stop)
        yield Stand(kafka, postgres, ledger, sides, mail, notifiers)


def _roster(folder: Path, peers: dict[str, Peer]) -> Path:
    people = [
        f"  {name}: {{name: {name}, webhook: {{url: '{one.url}'}}}}" for name, one in peers.items()
    ]
    lines = [
        "roster: {name: faults, version: 1}",
        "modes: {page: [webhook, email]}",
        "people:",
        *people,
        "  mail: {name: mail, email: mail@example.org}",
        "roles:",
        *(f"  {role}: {role}" for role in ROLES),
    ]
    path = folder / "roster.yaml"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


async def _decide(ledger: Ledger, count: int) -> None:
    """Put the decisions on the topic, each chunk until Kafka has it: some come twice."""
    for first in range(0, count, _CHUNK):
        chunk = [
            a_decision(ticket=f"desk:{n}", escalation_id=f"e{n}", notify=calls(*ROLES))
            for n in range(first, min(first + _CHUNK, count))
        ]

        async def taken(chunk: list[tuple[str, bytes]] = chunk) -> bool:
            try:
                await ledger.decide(*chunk)
            except (TransientError, OSError):
                return False
            return True

        await until(taken, within_s=_UP_WITHIN_S)


async def _kill(stand: Stand, outcome: Outcome, rng: random.Random) -> None:
    """Kill one after the other, each when so many messages have arrived, and await its return."""
    for at, whom in after(outcome.due, rng):

        async def come(at: int = at) -> bool:
            return stand.arrived() >= at

        await until(come, within_s=_WITHIN_S)
        outcome.killed[whom] += 1
        if whom != "notifier":
            server = stand.kafka if whom == "kafka" else stand.postgres
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            continue
        actor = rng.choice(stand.notifiers)
        actor.kill({VARIABLE: f"{rng.choice(POINTS)}:{rng.randint(1, 20)}"})

        async def back(actor: Actor = actor) -> bool:
            return actor.up

        await until(back, within_s=_UP_WITHIN_S)


def after(due: int, rng: random.Random) -> Iterator[tuple[int, str]]:
    """Yield after how many arrivals who is killed; the last ones arrive in peace."""
    at, number = 0, 0
    while True:
        at += rng.randint(due // 20, due // 8) + 1
        if at > due * 0.9:
            return
        yield at, _BY_TURNS[number % len(_BY_TURNS)]
        number += 1


async def _judge(stand: Stand, count: int, outcome: Outcome) -> None:
    """Hold the ledger against what was due, and what arrived against the ledger."""
    rows = await stand.ledger.deliveries()
    found = Counter((row["ticket"], row["role"]) for row in rows)
    asked = {(f"desk:{n}", role) for n in range(count) for role in ROLES}
    outcome.findings += [f"no row: {one}" for one in asked - found.keys()]
    outcome.findings += [f"{number} rows: {one}" for one, number in found.items() if number > 1]
    outcome.findings += [f"not asked for: {one}" for one in found.keys() - asked]
    came: dict[str, list[bool]] = {}
    for key, marked in stand.sides.came:
        came.setdefault(key, []).append(marked)
    for mail in stand.mail.got:
        key = str(mail["Message-ID"]).strip("<>").partition("@")[0]
        came.setdefault(key, []).append("This may be a repeat" in body(mail))
    for row in rows:
        marks = came.get(str(row["id"]), [])
        if row["state"] not in ("sent", "delivered"):
            outcome.findings.append(f"{row['state']} for {row['reason']}: {row['id']}")
        if not marks:
            outcome.findings.append(f"never arrived: {row['id']} by {row['channel']}")
        outcome.arrived[row["channel"]] += len(marks)
        outcome.repeats[row["channel"]] += len(marks[1:])
        outcome.findings += [f"unmarked repeat: {row['id']}" for mark in marks[1:] if not mark]
    needless = await stand.ledger.rows(
        "SELECT DISTINCT later.delivery_id FROM attempt a JOIN attempt later"
        " ON later.delivery_id = a.delivery_id AND later.attempt > a.attempt"
        " WHERE a.outcome = 'accepted' AND a.ended_at <= later.started_at"
    )
    outcome.findings += [f"sent again though it was known: {row[0]}" for row in needless]
    outcome.doubtful, outcome.refused = stand.sides.doubtful, stand.sides.refused

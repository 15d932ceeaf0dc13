"""Whatever is posted: never a 5xx, never a 202 for what is not in the log, nothing refused in it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2

from shared.contract.errors import InvalidEventError
from shared.contract.events import EVENT_MODELS, decode_event
from tests.faults.site import a_site
from tests.support.kafka_topics import all_records

_AT_ONCE: Final = 16
_TAKEN: Final = frozenset({202, 207})

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 10**400, 1.5, "", " ", "x" * 9000, "\u0000", "\ud800", "😀", "a/b#1",
    "S1", "S9", [], {}, [[]], {"": ""}, "2026-03-02T10:00:00Z", "2026-02-30T10:00:00Z", "now",
    "2026-03-02T10:00:00", "tierline/escalator", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z",
)  # fmt: skip
TYPES = (*EVENT_MODELS, "ticket.exploded", "")


_BOMB: Final = gzip.compress(b'{"a":1,' + b" " * 10_000_000 + b"}")


def an_event(rng: random.Random) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"f-{rng.randrange(10**9)}",
        "source": "desk",
        "type": rng.choice(TYPES),
        "subject": str(rng.randrange(50)),
        "time": "2026-03-02T10:00:00Z",
        "data": {
            rng.choice(("title", "severity", "customer", "by", "status", "shoe_size")): rng.choice(
                ODD
            )
            for _ in range(rng.randrange(4))
        },
    }


def odd_attribute(rng: random.Random) -> bytes:
    event = an_event(rng)
    event[rng.choice([*event, "receivedat", "partitionkey", "traceparent", "Straße"])] = rng.choice(
        ODD
    )
    return json.dumps(event).encode()


def missing_attribute(rng: random.Random) -> bytes:
    event = an_event(rng)
    del event[rng.choice(list(event))]
    return json.dumps(event).encode()


def broken_bytes(rng: random.Random) -> bytes:
    body = bytearray(json.dumps(an_event(rng)).encode())
    for _ in range(rng.randrange(1, 6)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


def cut_short(rng: random.Random) -> bytes:
    body = json.dumps(an_event(rng)).encode()
    return body[: rng.randrange(len(body))]


def deep(rng: random.Random) -> bytes:
    depth = rng.choice((5, 9, 100, 1000, 20_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return b'{"specversion":"1.0","data":' + opening * depth + b"1" + closing * depth + b"}"


def not_numbers(rng: random.Random) -> bytes:
    number = rng.choice((b"NaN", b"-Infinity", b"1e999", b"1" * 5000, b"0x1", b"01"))
    return (
        json.dumps(an_event(rng)).encode().replace(b'"data": {', b'"data": {"n": ' + number + b", ")
    )


def repeated_keys(rng: random.Random) -> bytes:
    return json.dumps(an_event(rng)).encode()[:-1] + b', "type": "ticket.unmerged"}'


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(200))


def wide(rng: random.Random) -> bytes:
    event = an_event(rng)
    event["data"] = {f"k{number}": "v" for number in range(rng.choice((150, 250, 3000)))}
    return json.dumps(event).encode()


def in_base64(rng: random.Random) -> bytes:
    event = an_event(rng)
    inside = rng.choice((json.dumps(event.pop("data")).encode(), deep(rng), noise(rng)))
    event["data_base64"] = rng.choice((base64.b64encode(inside).decode(), inside.hex(), 7))
    return json.dumps(event).encode()


def bomb(_: random.Random) -> bytes:
    return _BOMB


def plain(rng: random.Random) -> bytes:
    return json.dumps(an_event(rng)).encode()


MAKERS: tuple[Callable[[random.Random], bytes], ...] = (
    odd_attribute, missing_attribute, broken_bytes, cut_short, deep, not_numbers, repeated_keys,
    noise, wide, in_base64, bomb, plain,
)  # fmt: skip
CONTENT_TYPES = (
    "application/cloudevents+json", "application/cloudevents+json; charset=utf-8",
    "application/cloudevents-batch+json", "application/json", "text/plain", "", ";;=",
    "application/cloudevents+json; charset=utf-16",
)  # fmt: skip


def a_request(rng: random.Random) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return a body and headers that nobody should have to fear."""
    content_type = rng.choices(CONTENT_TYPES, weights=(60, 5, 20, 10, 2, 1, 1, 1))[0]
    headers = {"content-type": content_type}
    body = rng.choice(MAKERS)(rng)
    if content_type.startswith("application/cloudevents-batch"):
        items = [rng.choice(MAKERS)(rng) for _ in range(rng.choice((0, 1, 2, 5, 101)))]
        body = b"[" + b",".join([*items, body]) + b"]"
    if content_type == "application/json":
        headers |= {
            "ce-specversion": rng.choice(("1.0", "0.3")),
            "ce-type": rng.choice(TYPES),
            "ce-source": rng.choice(("desk", "%00", "%ff", "a%20b", '"desk"')),
            "ce-subject": rng.choice(("1", "ä", "")),
            "ce-id": f"h-{rng.randrange(10**9)}",
        }
    if rng.random() < 0.1:
        headers["idempotency-key"] = rng.choice(("k-1", '"k-2"', "", "ä", "x" * 200))
    if rng.random() < 0.02:
        headers["content-encoding"] = rng.choice(("gzip", "identity", "br, gzip", ""))
    encoded = [(name.encode(), text.encode()) for name, text in headers.items()]
    if rng.random() < 0.02:
        encoded.append((b"ce-id", b"again"))
    return body, encoded


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        seed: What the bodies were made from.
        statuses: How often each status was answered.
        accepted: Where what was answered 202 lies, by intake's word.
        records: How many records lie in the log.
        findings: What is wrong, a line each; a good run has none.
    """

    seed: int
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[tuple[int, int]] = field(default_factory=list)
    records: int = 0
    findings: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return what a run prints."""
        return {
            "seed": self.seed,
            "bodies": self.statuses.total(),
            **{f"answered_{status}": count for status, count in sorted(self.statuses.items())},
            "accepted": len(self.accepted),
            "records": self.records,
        }


async def run(client: httpx2.AsyncClient, kafka: str, topic: str, count: int, seed: int) -> Outcome:
    """Post *count* bodies to an intake that writes to *topic*, and judge what came of them."""
    outcome = Outcome(seed)
    rng = random.Random(seed)  # noqa: S311  to be repeated, not to be secret
    left = iter(range(count))

    async def post_on() -> None:
        for number in left:
            body, headers = a_request(rng)
            answer = await client.post("/v1/events", content=body, headers=headers)
            outcome.statuses[answer.status_code] += 1
            if flaw := _flaw(answer):
                outcome.findings.append(f"body {number}, {body[:200]!r}: {flaw}")
            elif answer.status_code in _TAKEN:
                said = answer.json()
                items = said if isinstance(said, list) else [{"status": 202, **said}]
                outcome.accepted += [
                    (one["partition"], one["offset"]) for one in items if one["status"] == 202
                ]

    await asyncio.gather(*(post_on() for _ in range(_AT_ONCE)))
    records = await all_records(kafka, topic)
    outcome.records = len(records)
    lies, said = {(one.partition, one.offset) for one in records}, set(outcome.accepted)
    if len(said) != len(outcome.accepted):
        outcome.findings.append("two answers name the same place in the log")
    outcome.findings += [f"accepted, but not in the log: {place}" for place in said - lies]
    outcome.findings += [f"in the log, but not accepted: {place}" for place in lies - said]
    for record in records:
        try:
            decode_event(record.value, record.headers)
        except InvalidEventError as error:
            outcome.findings.append(f"in the log, but not readable: {error}")
    return outcome


async def run_alone(count: int, seed: int, folder: Path) -> Outcome:
    """Do a run against a Kafka and an intake of its own."""
    async with (
        a_site(folder) as site,
        httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{site.port}", timeout=60, trust_env=False
        ) as client,
    ):
        return await run(client, site.kafka.bootstrap_servers, site.topic, count, seed)


def _flaw(answer: httpx2.Response) -> str | None:
    """Return what is wrong with *answer*, whatever was sent."""
    if answer.status_code >= 500:
        return f"answered {answer.status_code}"
    if answer.status_code in _TAKEN:
        return None
    if answer.headers["content-type"] != "application/problem+json":
        return f"answered {answer.headers['content-type']}"
    return None if answer.json()["do"] else "answered without what to do"

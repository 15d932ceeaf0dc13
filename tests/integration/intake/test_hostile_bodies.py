"""Whatever is posted: never a 5xx, never a 202 for what is not in the log, nothing refused in it."""

import json
import random
from collections.abc import Callable
from typing import Any

from shared.contract.events import EVENT_MODELS, decode_event
from tests.support.intake_service import Door, intake_here
from tests.support.kafka_topics import a_topic, all_records

COUNT = 10_000
SEED = 20260302

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 10**400, 1.5, "", " ", "x" * 9000, "\u0000", "\ud800", "😀", "a/b#1",
    "S1", "S9", [], {}, [[]], {"": ""}, "2026-03-02T10:00:00Z", "2026-02-30T10:00:00Z", "now",
    "2026-03-02T10:00:00", "tierline/escalator", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z",
)  # fmt: skip
TYPES = (*EVENT_MODELS, "ticket.exploded", "")


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


def plain(rng: random.Random) -> bytes:
    return json.dumps(an_event(rng)).encode()


MAKERS: tuple[Callable[[random.Random], bytes], ...] = (
    odd_attribute, missing_attribute, broken_bytes, cut_short, deep, not_numbers, repeated_keys,
    noise, wide, plain,
)  # fmt: skip
CONTENT_TYPES = (
    "application/cloudevents+json", "application/cloudevents+json; charset=utf-8",
    "application/cloudevents-batch+json", "application/json", "text/plain", "", ";;=",
    "application/cloudevents+json; charset=utf-16",
)  # fmt: skip


def a_request(rng: random.Random) -> tuple[bytes, dict[str, str]]:
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
            "ce-source": rng.choice(("desk", "%00", "%ff", "a%20b")),
            "ce-subject": "1",
            "ce-id": f"h-{rng.randrange(10**9)}",
        }
    if rng.random() < 0.1:
        headers["idempotency-key"] = (
            rng.choice(("k-1", "", "ä", "x" * 200)).encode().decode("latin-1")
        )
    return body, headers


async def test_ten_thousand_hostile_bodies_do_no_harm(kafka: str, topic_prefix: str) -> None:
    rng = random.Random(SEED)  # noqa: S311  to be repeated, not to be secret
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=3)
    statuses: dict[int, int] = {}
    placed = set()
    async with intake_here(kafka, topic, Door(rate_per_s=1e9)) as client:
        for number in range(COUNT):
            body, headers = a_request(rng)
            encoded = {name.encode(): text.encode("latin-1") for name, text in headers.items()}
            answer = await client.post("/v1/events", content=body, headers=encoded)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            assert answer.status_code < 500, (SEED, number, body[:500], headers, answer.text)
            said = answer.json()
            if answer.status_code in {202, 207}:
                items = said if isinstance(said, list) else [{"status": 202, **said}]
                placed |= {
                    (item["partition"], item["offset"]) for item in items if item["status"] == 202
                }
            else:
                assert answer.headers["content-type"] == "application/problem+json"
                assert said["do"], said
    assert {202, 207, 400, 413, 415, 422} <= statuses.keys()
    records = await all_records(kafka, topic)
    assert {(record.partition, record.offset) for record in records} == placed
    for record in records:
        decode_event(record.value, record.headers)

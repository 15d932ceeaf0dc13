"""What intake answers 202 is in the log, where it says."""

import asyncio
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from cloudevents.core.v1.event import CloudEvent as SdkEvent

from shared.access.keys import ApiKey, KeyRing, Scope
from shared.access.keys_file import new_key
from shared.contract.events import decode_event
from shared.runtime.kafka import partition_for
from tests.support.intake_service import BATCH, STRUCTURED, Door, intake_here
from tests.support.kafka_topics import a_topic, all_records


def an_event(**attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "desk",
        "type": "ticket.opened",
        "subject": "4711",
        "time": "2026-03-02T10:00:00Z",
        "data": {"title": "Printer on fire", "severity": "S2", "shoe_size": 43},
        **attributes,
    }


@pytest.fixture
async def topic(kafka: str, topic_prefix: str) -> str:
    return await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)


async def test_an_accepted_event_lies_where_the_answer_says(kafka: str, topic: str) -> None:
    async with intake_here(kafka, topic) as client:
        answer = await client.post("/v1/events", json=an_event(), headers=STRUCTURED)
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    assert receipt["id"] == "e-1"
    assert receipt["ticket"] == "desk:4711"
    assert receipt["partition"] == partition_for(b"desk:4711", 12)
    (record,) = await all_records(kafka, topic)
    assert (record.partition, record.offset) == (receipt["partition"], receipt["offset"])
    assert record.key == b"desk:4711"
    event = decode_event(record.value, record.headers)
    assert event.receivedat == datetime.fromisoformat(receipt["received_at"])
    assert event.partitionkey == "desk:4711"
    assert record.value is not None
    sent = json.loads(record.value)
    assert sent["data"]["shoe_size"] == 43
    assert dict(record.headers)["ce_type"] == b"ticket.opened"


async def test_a_binary_event_is_the_same_event(kafka: str, topic: str) -> None:
    event = an_event(id="b-1", subject="Größe 7/№ 1")
    attributes = {
        f"ce-{name}": httpx2.QueryParams({"": text}).__str__()[1:].replace("+", "%20")
        for name, text in event.items()
        if name != "data"
    }
    async with intake_here(kafka, topic) as client:
        answer = await client.post("/v1/events", json=event["data"], headers=attributes)
    assert answer.status_code == 202, answer.text
    assert answer.json()["ticket"] == "desk:Größe 7/№ 1"
    (record,) = await all_records(kafka, topic)
    assert decode_event(record.value, record.headers).id == "b-1"


async def test_what_the_sdk_sends_in_each_mode_the_sdk_reads_from_kafka(
    kafka: str, topic: str
) -> None:
    sent = {
        number: SdkEvent(
            {
                "type": "ticket.opened",
                "id": number,
                "source": "desk",
                "subject": "Größe 7/№ 1",
                "time": datetime(2026, 3, 2, 10, tzinfo=UTC),
                "datacontenttype": "application/json",
                "note": '100 % "sure"',
            },
            {"title": "Drucker brennt 🔥"},
        )
        for number in ("structured", "binary", "batch", "base64")
    }
    packed = SdkEvent(
        dict(sent["base64"].get_attributes()), b'{"title": "Drucker brennt \xf0\x9f\x94\xa5"}'
    )
    messages = [
        http.to_structured_event(sent["structured"]),
        http.to_binary_event(sent["binary"]),
        http.HTTPMessage(BATCH, b"[" + http.to_structured_event(sent["batch"]).body + b"]"),
        http.to_structured_event(packed),
    ]
    async with intake_here(kafka, topic) as client:
        for one in messages:
            answer = await client.post("/v1/events", content=one.body, headers=one.headers)
            assert answer.status_code == 202, answer.text
    for record in await all_records(kafka, topic):
        message = KafkaMessage(dict(record.headers), record.key, record.value or b"")
        event = from_structured_event(message)
        expected = sent.pop(event.get_id())
        assert event.get_data() == expected.get_data()
        ours = {name: event.get_extension(name) for name in ("receivedat", "partitionkey")}
        assert event.get_attributes() == {**expected.get_attributes(), **ours}
    assert not sent


async def test_a_compressed_body_is_refused_unopened(kafka: str, topic: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    headers = {**STRUCTURED, "content-encoding": "gzip"}
    async with intake_here(kafka, topic) as client:
        for path in ("/v1/events", "/v1/hooks/generic"):
            answer = await client.post(path, content=bomb, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (415, "encoded_body")
            assert answer.headers["accept-encoding"] == "identity"
        plain = {**STRUCTURED, "content-encoding": "identity"}
        assert (await client.post("/v1/events", json=an_event(), headers=plain)).status_code == 202


async def test_bodies_that_do_not_fit_are_turned_away_with_when_to_try_again(
    kafka: str, topic: str
) -> None:
    async with intake_here(kafka, topic, Door(max_held_bytes=1000)) as client:
        big = await client.post("/v1/events", json=an_event(note="x" * 1000), headers=STRUCTURED)
        hook = await client.post("/v1/hooks/generic", content=b"x" * 1001)
        small = await client.post("/v1/events", json=an_event(), headers=STRUCTURED)
    for answer in (big, hook):
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert small.status_code == 202
    assert len(await all_records(kafka, topic)) == 1


async def test_a_batch_is_answered_item_by_item_and_only_the_good_ones_are_published(
    kafka: str, topic: str
) -> None:
    events = [
        an_event(id="good-1"),
        an_event(id="bad-1", type="ticket.exploded"),
        an_event(id="good-2", subject="4712"),
        17,
    ]
    async with intake_here(kafka, topic) as client:
        answer = await client.post("/v1/events", json=events, headers=BATCH)
    assert answer.status_code == 207
    results = answer.json()
    assert [result["status"] for result in results] == [202, 422, 202, 422]
    assert "ticket.opened" in json.dumps(results[1]["problem"])
    placed = {(result["partition"], result["offset"]) for result in (results[0], results[2])}
    assert {(one.partition, one.offset) for one in await all_records(kafka, topic)} == placed


async def test_a_batch_that_is_all_good_is_202(kafka: str, topic: str) -> None:
    events = [an_event(id=f"e-{number}", subject=str(number)) for number in range(100)]
    async with intake_here(kafka, topic) as client:
        answer = await client.post("/v1/events", json=events, headers=BATCH)
    assert answer.status_code == 202
    assert len(answer.json()) == len(await all_records(kafka, topic)) == 100


async def test_an_event_without_id_and_time_gets_both_and_the_answer_says_so(
    kafka: str, topic: str
) -> None:
    event = an_event()
    del event["id"], event["time"]
    async with intake_here(kafka, topic) as client:
        first = (await client.post("/v1/events", json=event, headers=STRUCTURED)).json()
        again = (await client.post("/v1/events", json=event, headers=STRUCTURED)).json()
        named = (
            await client.post(
                "/v1/events", json=event, headers={**STRUCTURED, "Idempotency-Key": "k-1"}
            )
        ).json()
    assert first["id"] == again["id"]
    assert first["id_from"] == "derived"
    assert (named["id"], named["id_from"]) == ("k-1", "idempotency-key")
    records = await all_records(kafka, topic)
    events = [decode_event(record.value, record.headers) for record in records]
    assert all(one.time == one.receivedat for one in events)


async def test_a_key_speaks_for_its_source_alone(kafka: str, topic: str) -> None:
    bound, free, reader = new_key("desk"), new_key("any"), new_key("read")
    keys = KeyRing(
        [
            ApiKey("desk", bound.sha256, "desk", frozenset({Scope.INGEST})),
            ApiKey("any", free.sha256, None, frozenset({Scope.INGEST})),
            ApiKey("reader", reader.sha256, None, frozenset({Scope.READ})),
        ]
    )
    without_source = an_event()
    del without_source["source"]

    async with intake_here(kafka, topic, Door(keys=keys)) as client:

        async def post(event: dict[str, Any], key: str | None) -> tuple[int, dict[str, Any]]:
            headers = {**STRUCTURED, **({"authorization": f"Bearer {key}"} if key else {})}
            answer = await client.post("/v1/events", json=event, headers=headers)
            return answer.status_code, answer.json()

        assert (await post(an_event(), bound.text))[0] == 202
        status, receipt = await post(without_source, bound.text)
        assert (status, receipt["ticket"]) == (202, "desk:4711")
        status, problem = await post(an_event(source="other"), bound.text)
        assert (status, problem["code"]) == (403, "foreign_source")
        assert (await post(an_event(source="other"), free.text))[0] == 202
        assert (await post(an_event(), reader.text))[1]["code"] == "missing_scope"
        assert (await post(an_event(), None))[0] == 401
        assert (await post(an_event(), bound.text[:-1]))[0] == 401
    assert len(await all_records(kafka, topic)) == 3


async def test_guessing_keys_is_stopped(kafka: str, topic: str) -> None:
    async with intake_here(kafka, topic, Door(keys=KeyRing([]))) as client:
        statuses = [
            (
                await client.post(
                    "/v1/events",
                    json=an_event(),
                    headers={**STRUCTURED, "authorization": f"Bearer tl_x_{number}"},
                )
            ).status_code
            for number in range(12)
        ]
    assert statuses == [401] * 10 + [429] * 2


async def test_who_sends_too_fast_waits(kafka: str, topic: str) -> None:
    async with intake_here(kafka, topic, Door(rate_per_s=0.01, rate_burst=2)) as client:
        answers = [
            await client.post("/v1/events", json=an_event(id=f"e-{n}"), headers=STRUCTURED)
            for n in range(3)
        ]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert len(await all_records(kafka, topic)) == 2


async def test_many_at_once_are_all_accepted_in_their_tickets_order(kafka: str, topic: str) -> None:
    async with intake_here(kafka, topic) as client:

        async def one_ticket(subject: str) -> None:
            for number in range(20):
                answer = await client.post(
                    "/v1/events",
                    json=an_event(id=f"{subject}-{number}", subject=subject),
                    headers=STRUCTURED,
                )
                assert answer.status_code == 202

        async with asyncio.TaskGroup() as group:
            for ticket in range(20):
                group.create_task(one_ticket(f"t{ticket}"))
    records = await all_records(kafka, topic)
    ids = [decode_event(record.value, record.headers).id for record in records]
    for ticket in range(20):
        mine = [one for one in ids if one.startswith(f"t{ticket}-")]
        assert mine == [f"t{ticket}-{number}" for number in range(20)]

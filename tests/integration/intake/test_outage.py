"""What intake answers while Kafka is away, and afterwards."""

import asyncio
import signal
from collections.abc import Callable

import httpx2

from cli.embedded.kafka import KafkaServer
from shared.runtime.clock import monotonic
from tests.support.consuming import until
from tests.support.freezing import frozen
from tests.support.intake_service import (
    BATCH,
    STRUCTURED,
    Door,
    Running,
    intake_here,
    intake_process,
)
from tests.support.kafka_topics import a_topic, all_records


def an_event(number: int) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "desk",
        "type": "ticket.unmerged",
        "subject": str(number),
        "data": {},
    }


async def post(client: httpx2.AsyncClient, number: int) -> httpx2.Response:
    return await client.post("/v1/events", json=an_event(number), headers=STRUCTURED)


async def test_a_silent_kafka_is_503_at_the_deadline_then_at_once_then_202_again(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "tickets.events", partitions=2)
    async with intake_here(server.bootstrap_servers, topic, Door(deadline_s=1.0)) as client:
        assert (await post(client, 0)).status_code == 202
        async with frozen(server.pid):
            began = monotonic()
            late = await asyncio.gather(*(post(client, number) for number in range(1, 4)))
            waited = monotonic() - began
            for answer in late:
                assert answer.status_code == 503
                assert answer.json()["code"] == "accept_unknown"
                assert "same id" in answer.json()["do"]
                assert 1 <= int(answer.headers["retry-after"]) <= 5
            assert 0.9 < waited < 2.0
            began = monotonic()
            quick = [await post(client, number) for number in range(4, 104)]
            assert (monotonic() - began) / 100 < 0.05
            assert {answer.status_code for answer in quick} == {503}
            assert "kafka_silent" in {answer.json()["code"] for answer in quick}

        async def accepts() -> bool:
            return (await post(client, 1)).status_code == 202

        await until(accepts, within_s=20)
        assert (await client.get("/health/ready")).status_code == 200
    ids = [dict(one.headers)["ce_id"] for one in await all_records(server.bootstrap_servers, topic)]
    assert {b"e-0", b"e-1"} <= set(ids)


async def test_without_kafka_it_is_alive_but_not_ready(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "tickets.events")
    async with intake_here(server.bootstrap_servers, topic, Door(deadline_s=1.0)) as client:
        assert (await client.get("/health/ready")).status_code == 200
        await asyncio.to_thread(server.kill)
        assert (await client.get("/health/live")).status_code == 200
        unready = await client.get("/health/ready")
        assert unready.status_code == 503
        assert unready.json()["needs"] == {"kafka": False}


async def test_more_than_may_wait_are_turned_away_at_once(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "tickets.events")
    door = Door(deadline_s=2.0, max_in_flight=5)
    async with intake_here(server.bootstrap_servers, topic, door) as client:
        assert (await post(client, 0)).status_code == 202
        async with frozen(server.pid):
            answers = await asyncio.gather(*(post(client, number) for number in range(1, 21)))
    codes = sorted(answer.json()["code"] for answer in answers)
    assert codes == ["accept_unknown"] * 5 + ["overloaded"] * 15


async def test_a_batch_that_kafka_does_not_confirm_is_503_as_a_whole(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = own_kafka()
    topic = await a_topic(server.bootstrap_servers, "tickets.events")
    async with intake_here(server.bootstrap_servers, topic, Door(deadline_s=1.0)) as client:
        assert (await post(client, 0)).status_code == 202
        await asyncio.to_thread(server.kill)
        answer = await client.post(
            "/v1/events", json=[an_event(number) for number in range(3)], headers=BATCH
        )
    assert answer.status_code == 503
    assert answer.json()["code"] == "accept_unknown"


async def drained(running: Running) -> tuple[int | None, float]:
    began = monotonic()
    running.process.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(running.process.wait(), 30)
    return code, monotonic() - began


async def test_sigterm_answers_what_is_under_way_and_leaves(kafka: str, topic_prefix: str) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events")
    environ = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}
    accepted = []
    async with intake_process(environ) as running:

        async def keep_posting(start: int) -> None:
            number = start
            while True:
                try:
                    answer = await post(running.client, number)
                except httpx2.TransportError:
                    return
                if answer.status_code == 202:
                    accepted.append(f"e-{number}".encode())
                number += 100

        posting = [asyncio.create_task(keep_posting(start)) for start in range(8)]

        async def some_accepted() -> bool:
            return len(accepted) > 50

        await until(some_accepted)
        code, took_s = await drained(running)
        await asyncio.wait(posting, timeout=10)
    assert code == 0
    assert took_s < 25
    log = {dict(one.headers)["ce_id"] for one in await all_records(kafka, topic)}
    assert set(accepted) <= log


async def test_sigterm_while_kafka_is_away_leaves_in_time(
    own_kafka: Callable[[], KafkaServer],
) -> None:
    server = own_kafka()
    await a_topic(server.bootstrap_servers, "tickets.events")
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": server.bootstrap_servers,
        "INTAKE_PUBLISH_DEADLINE": "PT3S",
        "TIERLINE_DRAIN_DELAY_S": "1",
    }
    async with intake_process(environ) as running:
        assert (await post(running.client, 0)).status_code == 202
        await asyncio.to_thread(server.kill)
        waiting = asyncio.create_task(post(running.client, 1))
        await asyncio.sleep(0.2)
        code, took_s = await drained(running)
        answer = await waiting
    assert answer.status_code == 503
    assert code == 0
    assert took_s < 25


async def test_a_killed_intake_has_lost_nothing_that_it_had_accepted(
    kafka: str, topic_prefix: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events")
    environ = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "TIERLINE_TOPIC_PREFIX": topic_prefix}
    accepted: list[bytes] = []
    for life in range(3):
        async with intake_process(environ) as running:

            async def keep_posting(start: int, running: Running = running) -> None:
                number = start
                while True:
                    try:
                        answer = await post(running.client, number)
                    except httpx2.TransportError:
                        return
                    accepted.append(f"e-{number}".encode())
                    assert answer.status_code == 202
                    number += 8

            enough = len(accepted) + 200
            posting = [
                asyncio.create_task(keep_posting(life * 1_000_000 + start)) for start in range(8)
            ]

            async def all_there(enough: int = enough) -> bool:
                return len(accepted) > enough

            await until(all_there)
            running.process.kill()
            await asyncio.wait(posting, timeout=10)
            for task in posting:
                task.result()
    log = {dict(one.headers)["ce_id"] for one in await all_records(kafka, topic)}
    assert set(accepted) <= log

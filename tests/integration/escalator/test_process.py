"""The escalator as the process that people run."""

import httpx2

from tests.support.consuming import until
from tests.support.escalator_service import a_stage, at, escalator_process, port_of, post, published
from tests.support.ticket_events import opened


async def test_it_starts_decides_answers_and_drains(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T09:00:30Z"))
    await post(stage, [opened("2026-03-02T09:00:00Z", severity="S1")])
    async with escalator_process(stage) as running:
        port = await port_of(running)

        async def announced() -> bool:
            return "desk:A" in await published(stage)

        await until(announced)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False
        ) as client:
            assert (await client.get("/health/ready")).status_code == 200
            state = (await client.get("/v1/tickets/desk:A/state")).json()
            unknown = await client.get("/v1/tickets/desk:B/state")
        running.process.terminate()
        assert await running.process.wait() == 0
    assert state["type"] == "case.snapshot"
    assert state["version"] == (await published(stage))["desk:A"][-1]["data"]["version"]
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "unknown_ticket"

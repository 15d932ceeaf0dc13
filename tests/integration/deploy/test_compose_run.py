"""The compose file's commands, environments, keys and roles at work, as processes."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.contract.topics import DELIVERIES, TICKET_EVENTS, TIER_CHANGES
from tests.support.compose_run import Host, a_host
from tests.support.consuming import until
from tests.support.house import SERVICES
from tests.support.servers import own_postgres

pytestmark = pytest.mark.servers

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "desk",
    "type": "ticket.opened",
    "subject": "INC42",
    "datacontenttype": "application/json",
    "data": {"title": "Nobody can log in", "severity": "S1", "affected_users": 250},
}
STRUCTURED = {"content-type": "application/cloudevents+json"}


async def test_an_event_posted_with_the_fresh_key_becomes_notices_and_reaches_the_tracker(
    tmp_path: Path, kafka: str, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with own_postgres() as postgres:
        host = await a_host(tmp_path, kafka, topic_prefix, postgres)
        key = capsys.readouterr().out.split()[-1]
        for job in ("topics", "migrate"):
            done = host.run_job(job)
            assert done.returncode == 0, done.stderr
        async with host.all_running() as processes, httpx2.AsyncClient(timeout=10) as client:
            events = f"{host.url('intake')}/v1/events"
            refused = await client.post(events, json=EVENT, headers=STRUCTURED)
            assert refused.status_code == 401
            known = {**STRUCTURED, "authorization": f"Bearer {key}"}
            accepted = await client.post(events, json=EVENT, headers=known)
            assert accepted.status_code == 202, accepted.text
            await until(lambda: _told(host, client))
            await until(lambda: _heard(host, client))
        assert {name: one.returncode for name, one in processes.items()} == dict.fromkeys(
            SERVICES, 0
        )


async def _told(host: Host, client: httpx2.AsyncClient) -> bool:
    answer = await client.get(
        f"{host.url('notifier')}/v1/deliveries", params={"ticket": "desk:INC42"}
    )
    found: list[dict[str, Any]] = answer.json()["deliveries"]
    return {"t3_oncall"} <= {one["role"] for one in found if one["state"] == "sent"}


async def _heard(host: Host, client: httpx2.AsyncClient) -> bool:
    """Whether the tracker has taken in the event, its decisions and its deliveries."""
    page = (await client.get(f"{host.url('tracker')}/metrics")).text
    topics = (TICKET_EVENTS, TIER_CHANGES, DELIVERIES)
    counted = [f'tierline_tracker_messages_total{{topic="{host.prefix}{name}"}}' for name in topics]
    return all(series in page for series in counted)

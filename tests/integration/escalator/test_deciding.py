"""Events in, decisions out: the live escalator on a real Kafka and a real PostgreSQL."""

from shared.contract.events import TicketEvent
from tests.support.escalator_service import (
    a_stage,
    at,
    escalating,
    post,
    published,
    simulated,
    until_taken,
    until_time,
    without_lateness,
)
from tests.support.ticket_events import acknowledged, opened, replied, status, updated


def a_day(tickets: int) -> list[TicketEvent]:
    found = []
    for n in range(tickets):
        name = f"T{n}"
        found += [
            opened(
                f"2026-03-02T09:{n % 60:02}:00Z", ticket=name, severity=("S2", "S3", "S1")[n % 3]
            ),
            replied(f"2026-03-02T10:{n % 60:02}:00Z", ticket=name),
            acknowledged(f"2026-03-02T10:{n % 60:02}:30Z", ticket=name),
            updated(f"2026-03-02T11:{n % 60:02}:00Z", ticket=name, severity="S1"),
        ]
        if n % 2:
            found.append(status(f"2026-03-02T12:{n % 60:02}:00Z", "resolved", ticket=name))
    return sorted(found, key=lambda one: one.time)


async def test_the_live_run_decides_what_the_simulation_decides(
    kafka: str, topic_prefix: str, database: str
) -> None:
    stage = await a_stage(kafka, topic_prefix, database, at("2026-03-02T18:00:00Z"))
    events = a_day(30)
    await post(stage, events)
    async with escalating(stage) as escalator:
        await until_taken(escalator.database, len(events))
        await until_time(escalator.database, "2026-03-02T18:00:00Z")
        await until_taken(escalator.database, len(events))
    live = {
        k: [d for d in v if d["time"] <= "2026-03-02T18:00:00Z"]
        for k, v in (await published(stage)).items()
    }
    assert without_lateness(live) == without_lateness(simulated(events, "2026-03-02T18:00:00Z"))

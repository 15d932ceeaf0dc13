"""The hard cases through the running services: what they publish is what `simulate` prints.

Events lie in the log as intake would have left them, received when the case says; the clock stands
where the cases end. Cases that end at about the same time share one running system, each with a
helpdesk of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic_core import from_json, to_json

from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from services.tracker.core.message import Kind
from shared.contract.envelope import encode, headers
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant, as_datetime, parse_instant, rfc3339
from shared.contract.topics import PARTITIONS, POLICIES, TICKET_EVENTS, TIER_CHANGES
from shared.policy.document import Policy, PolicyTimeline
from shared.runtime.clock import Clock
from shared.runtime.kafka import Publisher, Record, partition_for
from shared.runtime.settings import KafkaAccess
from tests.cases.case_file import Run
from tests.cases.test_cases import RUNS, as_expected, flat, versions
from tests.support.consuming import until
from tests.support.kafka_topics import all_records, write
from tests.support.policy_events import activation
from tests.support.whole_system import Site, running

SERVICES = ("escalator", "notifier", "tracker")
STANDING_STILL = 0.001
STORM = "H28"
"""A group tells its members page by page, and they hear of it when they hear of it: what is
published is what the case expects, though not always in the order in which `simulate` has it."""

STORM_TICKETS = 10_000
STORM_PER_S = 50
_QUOTED = re.compile(r"desk:[A-Z0-9]+")

Decisions = dict[str, list[dict[str, Any]]]


def together() -> dict[str, list[Run]]:
    """Return the runs by policy and by the day on which they end.

    What is taken back is said when it is taken back, so there the clock must stand where the run
    ends.
    """
    found: dict[str, list[Run]] = defaultdict(list)
    for run in RUNS:
        undoes = any(event.type == "ticket.unmerged" for event in run.events)
        end = run.until if undoes or run.id == STORM else run.until[:10]
        found[f"{end} {to_json(run.policy)!r}"].append(run)
    return dict(found)


GROUPS = list(together().values())


def renamed(run: Run) -> list[TicketEvent]:
    """Return the events of *run* as those of a helpdesk of its own, all in one partition.

    What tickets cause in each other then comes in the order of the case, not by chance.
    """
    source = run.id.replace("/", "-")
    tickets = {one.ticket for one in run.events}
    # A group's name follows from what its members have in common, and with it its partition.
    group = next((ticket for ticket in tickets if ticket.startswith("group:")), source)
    place = partition_for(group.encode(), PARTITIONS)
    names = {one: _placed(one, source, place) for one in tickets if one != group}
    events = []
    for event in run.events:
        if event.ticket == group:
            events.append(event)
            continue
        plain = from_json(_QUOTED.sub(lambda key: names.get(key[0], key[0]), _text(event)))
        subject = names[event.ticket].partition(":")[2]
        events.append(decode_event(to_json({**plain, "source": source, "subject": subject})))
    return events


def _text(event: TicketEvent) -> str:
    return encode(event).decode()


def _placed(ticket: str, source: str, place: int) -> str:
    subject = ticket.partition(":")[2]
    names = (f"{source}:{subject}-{n}" for n in count())
    return next(name for name in names if partition_for(name.encode(), PARTITIONS) == place)


def decided(runs: Iterable[tuple[Run, Sequence[TicketEvent]]]) -> Decisions:
    """Return what the engine alone decides in each run, by ticket."""
    found: Decisions = defaultdict(list)
    for run, events in runs:
        simulation = Simulation(PolicyTimeline(versions(run)))
        for one in simulation.run(events, parse_instant(run.until)):
            found[one.ticket].append(from_json(encode_decision(one)))
    return found


def plain(decision: dict[str, Any]) -> dict[str, Any]:
    """Return *decision* without how late it was made."""
    return {**decision, "data": {**decision["data"], "late_by_s": 0}}


def as_written(run: Run, live: Decisions) -> Iterator[dict[str, Any]]:
    """Yield what was published of *run* in the names of its file."""
    names = re.compile(rf"{run.id}:([A-Z0-9]+)-\d+")
    for made in live.values():
        for one in made:
            if one["time"] <= run.until and one["data"]["ticket"].startswith((run.id, "group:")):
                data = from_json(names.sub(r"desk:\1", to_json(one["data"]).decode()))
                yield flat(one["type"], data)


class World:
    """The running services' topics and tables."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def tell(self, events: Iterable[TicketEvent]) -> None:
        """Put *events* into the log as intake does."""
        topic = f"{self._site.topic_prefix}{TICKET_EVENTS}"
        publisher = Publisher(KafkaAccess(bootstrap_servers=self._site.kafka), client_id="test")
        stamped = (
            one if one.receivedat else one.model_copy(update={"receivedat": one.time})
            for one in events
        )
        await publisher.publish(
            [Record(topic, one.ticket.encode(), encode(one), headers(one)) for one in stamped]
        )
        await publisher.close()

    async def activate(self, policies: Sequence[tuple[Instant, Policy]]) -> None:
        """Put every version but the first, which the services ship with, into its topic."""
        topic = f"{self._site.topic_prefix}{POLICIES}"
        for active_from, policy in policies[1:]:
            record = activation(policy, rfc3339(active_from))
            await write(self._site.kafka, topic, [record], key=policy.name.encode())

    async def ask(self, question: str, *given: Any) -> list[asyncpg.Record]:
        """Return what the SQL *question* yields."""
        connection = await asyncpg.connect(self._site.database_url)
        try:
            return list(await connection.fetch(question, *given))
        finally:
            await connection.close()

    async def at_rest(self, events: int, end: str) -> None:
        """Return once *events* are taken, nothing due by *end* is left, and all have read all."""

        async def done() -> bool:
            (row,) = await self.ask(
                "SELECT (SELECT sum(next_offset) FROM escalator.progress WHERE topic LIKE $2) >= $3"
                " AND NOT EXISTS (SELECT FROM escalator.ticket_state WHERE due_at <= $1)"
                " AND NOT EXISTS (SELECT FROM escalator.outbox WHERE published_at IS NULL)"
                " AND NOT EXISTS (SELECT FROM notifier.outbox WHERE published_at IS NULL) AS done",
                as_datetime(parse_instant(end)),
                f"%{TICKET_EVENTS}",
                events,
            )
            return bool(row["done"]) and await self._all_read()

        await until(done, within_s=120)

    async def _all_read(self) -> bool:
        (row,) = await self.ask(
            "SELECT (SELECT count(*) FROM escalator.outbox) AS made,"
            " (SELECT coalesce(sum(next_offset), 0) FROM notifier.progress WHERE topic LIKE $1) AS told,"
            " (SELECT count(*) FROM tracker.timeline WHERE kind = $2) AS seen",
            f"%{TIER_CHANGES}",
            int(Kind.DECISION),
        )
        return bool(row["made"] <= row["told"] and row["made"] == row["seen"])

    async def published(self) -> Decisions:
        """Return the decisions on the topic, by ticket, repeats dropped."""
        found: Decisions = defaultdict(list)
        seen = set()
        for record in await all_records(
            self._site.kafka, f"{self._site.topic_prefix}{TIER_CHANGES}"
        ):
            one = from_json(record.value or b"")
            if one["id"] not in seen:
                seen.add(one["id"])
                found[one["subject"]].append(one)
        return found


def calling(decisions: Decisions) -> set[UUID]:
    """Return the ids of the decisions that somebody is to be told of."""
    return {
        UUID(one["id"])
        for made in decisions.values()
        for one in made
        if one["data"].get("notify") or one["data"].get("stand_down")
    }


@pytest.mark.parametrize("runs", GROUPS, ids=[f"{one[0].id}+{len(one) - 1}" for one in GROUPS])
async def test_the_services_publish_what_simulate_prints(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path, runs: list[Run]
) -> None:
    told = [(run, renamed(run)) for run in runs]
    expected = decided(told)
    end = max(run.until for run in runs)
    site = Site(tmp_path, kafka, database, topic_prefix)
    world = World(site)
    plan = site.plan({"NOTIFIER_DRY_RUN": "true"}, services=SERVICES)
    async with running(plan) as stack:
        await world.activate(versions(runs[0]))
        await world.tell(event for _, events in told for event in events)
        await stack.serve(Clock.starting(as_datetime(parse_instant(end)), speed=STANDING_STILL))
        await world.at_rest(sum(len(events) for _, events in told), end)
        live = await world.published()
        shown = await world.ask(
            "SELECT message FROM tracker.timeline WHERE kind = $1", int(Kind.DECISION)
        )
        noticed = await world.ask("SELECT DISTINCT decision_id FROM notifier.delivery")
    for run, events in told:
        if run.id == STORM:
            as_expected(run, [*as_written(run, live)])
            continue
        for ticket in {event.ticket for event in events}:
            made = [plain(one) for one in live[ticket] if one["time"] <= run.until]
            assert made == [plain(one) for one in expected[ticket]], f"{run.id}, {ticket}"
    assert {row["decision_id"] for row in noticed} == calling(live)
    everything = {one["id"]: one for made in live.values() for one in made}
    assert {one["id"]: one for one in (from_json(row["message"]) for row in shown)} == everything


def storm(run: Run) -> Iterator[TicketEvent]:
    """Yield the openings of the whole storm, of which *run* has the first tickets."""
    # One ticket of the case has another cause.
    models = [one for one in run.events if one.type == "ticket.opened" and one.subject != "U"]
    for n in range(STORM_TICKETS):
        at = models[0].time + timedelta(seconds=n // STORM_PER_S)
        named = {"id": f"e{n}", "source": STORM, "subject": f"S{n}"}
        yield models[n % len(models)].model_copy(update=named | {"time": at, "receivedat": at})


async def test_a_storm_that_nobody_was_up_for_is_seen_in_its_group_within_a_minute(
    kafka: str, database: str, topic_prefix: str, tmp_path: Path
) -> None:
    (run,) = (one for one in RUNS if one.id == STORM)
    (group,) = {one.ticket for one in run.events if one.ticket.startswith("group:")}
    members = list(storm(run))
    site = Site(tmp_path, kafka, database, topic_prefix)
    world = World(site)

    async def all_seen() -> bool:
        asked = "SELECT count(*) AS n FROM tracker.ticket WHERE part_of = $1"
        (row,) = await world.ask(asked, group)
        return bool(row["n"] == STORM_TICKETS)

    plan = site.plan({"NOTIFIER_DRY_RUN": "true"}, services=SERVICES)
    async with running(plan) as stack:
        await world.activate(versions(run))
        # A second of it after the other, as it was appended to the log.
        for n in range(0, STORM_TICKETS, STORM_PER_S):
            await world.tell(members[n : n + STORM_PER_S])
        await stack.serve(Clock.starting(members[-1].time, speed=1))
        await until(all_seen, within_s=60)

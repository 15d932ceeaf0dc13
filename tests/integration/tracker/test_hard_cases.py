"""What the hard cases ask of the tracker, each test named after its case."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from services.escalator.core.explaining import explain
from services.escalator.core.simulation import Simulation
from shared.contract.explanations import View
from shared.contract.times import Instant, parse_instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.cases.case_file import runs
from tests.integration.tracker.test_pages import HOSTILE, everywhere
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, wrote
from tests.support.tracker_service import Tracker, asking
from tests.support.tracker_stream import story

CASES = Path(__file__).parents[2] / "cases"


async def told(tracker: Tracker, case: str) -> dict[str, Any]:
    """Tell *tracker* the story of the hard case *case*, and return its ticket A."""
    (run,) = [one for one in runs(CASES) if one.id == case]
    await tracker.take(story(run.events, parse_instant(run.until)))
    ticket: dict[str, Any] = await tracker.get(f"/v1/tickets/{run.events[0].ticket}")
    return ticket


async def test_h03_a_closed_day_is_on_the_case_with_its_reason(tracker: Tracker) -> None:
    (run,) = [one for one in runs(CASES) if one.id == "H03/a"]
    at = parse_instant(run.until)
    policies = PolicyTimeline([(Instant(0), load_policy_file(DEFAULT_POLICY))])
    simulation = Simulation(policies)
    list(simulation.run(run.events, at))
    why = explain("desk:A", simulation.history("desk:A"), policies, at, View.THEN)

    async def explained(_: Request) -> Answer:
        return Answer(200, {"content-type": "application/json"}, why.model_dump_json().encode())

    await tracker.take(story(run.events, at))
    async with http_peer(explained) as peer, asking(tracker.database, peer.url) as client:
        page = (await client.get("/tickets/desk:A")).text
    assert "closed on Monday 26 October 2026 (National Day)" in page


async def test_h06_a_second_resolution_replaces_the_first_and_the_reopening_counts_once(
    tracker: Tracker,
) -> None:
    first = [
        opened("2026-03-02T10:00:00Z"),
        replied("2026-03-02T10:30:00Z"),
        status("2026-03-03T11:36:00Z", "resolved"),
    ]
    again = [
        wrote("2026-03-06T14:10:00Z"),
        replied("2026-03-06T14:20:00Z"),
        status("2026-03-06T16:00:00Z", "resolved"),
    ]
    records = story([*first, *again], parse_instant("2026-03-06T17:00:00Z"))
    until_first = story(first, parse_instant("2026-03-03T12:00:00Z"))
    await tracker.take(until_first)
    then = await tracker.get("/v1/tickets/desk:A")
    assert (then["resolved_after_s"], then["counters"]["reopens"]) == (92_160, 0)
    await tracker.take(records)
    now = await tracker.get("/v1/tickets/desk:A")
    assert (now["resolved_after_s"], now["counters"]["reopens"]) == (367_200, 1)


async def test_h06_while_it_is_open_again_it_is_not_resolved(tracker: Tracker) -> None:
    ticket = await told(tracker, "H06/a")
    assert (ticket["status"], ticket["resolved_after_s"]) == ("open", None)
    assert ticket["counters"]["reopens"] == 1


async def test_h19_the_lead_answers_after_790_seconds_at_the_third_step(tracker: Tracker) -> None:
    ticket = await told(tracker, "H19/a")
    (one,) = [one for one in ticket["escalations"] if one["track"] == "functional"]
    assert one["acknowledged_by"] == "lea"
    assert one["acknowledged_after_s"] == 790
    assert one["acknowledged_step"] == 2


async def test_whatever_is_written_a_spreadsheet_computes_nothing(tracker: Tracker) -> None:
    for n, evil in enumerate(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", HOSTILE]):
        events = [
            opened(
                "2026-03-02T10:00:00Z",
                ticket=f"E{n}",
                title=evil,
                owner=evil,
                service=evil,
                component=evil,
                customer={"id": evil, "name": evil, "plan": evil},
            )
        ]
        await tracker.take([one for one in story(events) if one.topic == "tickets.events"])
    await tracker.take(everywhere("=cmd|'/C calc'!A0"))
    answer = await tracker.client.get("/v1/export.csv")
    rows = list(csv.reader(StringIO(answer.text)))
    assert len(rows) > 8
    starts = {cell.lstrip(" \n")[:1] for row in rows[1:] for cell in row if not cell.isdigit()}
    numbers = {cell for row in rows for cell in row if cell.startswith("-")}
    assert not starts & {"=", "+", "@", "\t", "\r"}
    assert all(cell[1:].isdigit() for cell in numbers)
    assert len({len(row) for row in rows}) == 1


async def test_whatever_is_written_every_answer_is_json_of_the_same_shape(tracker: Tracker) -> None:
    await tracker.take(everywhere(HOSTILE))
    for path in ("/v1/tickets", "/v1/tickets/desk:A", "/v1/tickets/desk:A/timeline", "/v1/board"):
        answer = await tracker.client.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()


async def test_acts_that_say_the_same_twice_are_told_apart(tracker: Tracker) -> None:
    events = [
        opened("2026-03-02T10:00:00Z", severity="S2", affected_users=30),
        acknowledged("2026-03-02T10:20:00Z", role="t2_oncall"),
        an_event("case.flagged", "2026-03-02T10:21:00Z", flag="data_loss", by="olga"),
    ]
    await tracker.take(story(events, parse_instant("2026-03-02T10:30:00Z")))
    for one in events[1:]:
        assert (await tracker.get(f"/v1/acts/{one.id}"))["act_id"] == one.id

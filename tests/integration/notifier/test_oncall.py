"""Who is on call, over HTTP, while the roster changes under a running notifier."""

from pathlib import Path

from services.notifier.calendar_writing import feed_token
from tests.support.consuming import until
from tests.support.decisions import a_decision, calls
from tests.support.notifier_desk import Desk

LONG = "for this test only, and long"
TURNS = """
schedules:
  tier2:
    layers:
      - {people: [ben], turn: weekly, start: 2020-01-06, handover: "09:00"}
"""


def written(file: Path, text: str | None = None) -> str:
    """Write *text* into *file* if there is any, and return what the file holds."""
    if text is not None:
        file.write_text(text, encoding="utf-8")
    return file.read_text(encoding="utf-8")


async def test_a_changed_roster_is_in_force_and_a_broken_one_is_told_of(desk: Desk) -> None:
    file = Path(desk.environ()["NOTIFIER_ROSTER_FILE"])
    old = written(file)
    async with desk.notifier() as notifier:

        async def on_call() -> str | None:
            answer = await notifier.get("/v1/oncall", params={"role": "t2_oncall"})
            person: str | None = answer.json()["on_call"][0]["person"]
            return person

        async def is_ben() -> bool:
            return await on_call() == "ben"

        async def is_refused() -> bool:
            return "roster" in (await notifier.get("/health/ready")).json().get("notes", {})

        assert await on_call() == "ana"
        new = old.replace("t2_oncall: ana", "t2_oncall: {schedule: tier2}") + TURNS
        written(file, new)
        await until(is_ben)
        written(file, new.replace("people: [ben]", "people: [nobody]"))
        await until(is_refused)
        assert await on_call() == "ben"
        metrics = (await notifier.get("/metrics")).text
        assert "tierline_notifier_roster_refused 1.0" in metrics
        await desk.ledger.decide(a_decision(notify=calls("t2_oncall")))
        await desk.ledger.until_finished(1)
        assert (await notifier.get("/v1/channels/access")).json()["missing"] == []
        page = await notifier.get("/v1/oncall/coverage", params={"weeks": 1})
        assert "<rect" in page.text
        asked = await notifier.get("/v1/oncall", params={"at": "2026-03-02T10:00:00"})
        assert asked.json()["code"] == "no_zone"
    assert [row["person"] for row in await desk.ledger.deliveries()] == ["ben"]


async def test_a_feed_is_read_by_whoever_has_its_address(desk: Desk) -> None:
    file = Path(desk.environ()["NOTIFIER_ROSTER_FILE"])
    written(file, written(file).replace("t2_oncall: ana", "t2_oncall: {schedule: tier2}") + TURNS)
    token = feed_token(LONG, "schedule", "tier2")
    async with desk.notifier(NOTIFIER_CALENDAR_SECRET=LONG) as notifier:
        shown = await notifier.get(f"/v1/calendars/{token}/schedule/tier2.ics")
        assert shown.headers["content-type"].startswith("text/calendar")
        assert "SUMMARY:Ben Berg" in shown.text
        for wrong in (f"{token}/person/ben", f"{'0' * 32}/schedule/tier2"):
            answer = await notifier.get(f"/v1/calendars/{wrong}.ics")
            assert answer.status_code == 404

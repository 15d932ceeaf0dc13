"""A storm of two customers' tickets: each account manager reads of it once in a quarter of an hour."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from shared.runtime.clock import Clock
from tests.support.decisions import decided
from tests.support.mailbox import body
from tests.support.notifier_desk import Desk
from tests.support.ticket_events import opened

QUARTER = timedelta(minutes=15)
MEMBERS = 40
STORM_BEGINS = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

ROSTER = """
roster: {name: test, version: 1}
modes: {page: [email], chat: [email], email: [email], digest: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org}
  ben: {name: Ben Berg, email: ben@example.org}
  duty: {name: On duty, email: duty@example.org}
roles:
  account_manager: {fact: account_manager, to: duty}
account_managers: {org0: ana, org1: ben}
"""
MANAGERS = ("ana", "ben")


def storm() -> list[tuple[str, bytes]]:
    """What is decided in 40 minutes on tickets of one cause, of two customers in turn, unanswered."""
    events = [
        opened(
            f"2026-03-02T10:00:{n:02}Z",
            ticket=f"M{n}",
            requester=f"user{n}",
            severity="S2",
            service="shop",
            component="checkout",
            symptom="E42",
            customer={"id": f"org{n % 2}", "plan": "enterprise", "region": "emea"},
        )
        for n in range(MEMBERS)
    ]
    return decided(events, "2026-03-02T10:40:00Z")


async def hear(desk: Desk, decisions: list[tuple[str, bytes]]) -> None:
    """Have the opening of the group heard, and then all that became of it."""
    later = next(n for n, (_, one) in enumerate(decisions) if b"timer.warned" in one)
    await desk.ledger.decide(*decisions[:later])
    await desk.ledger.until_heard(later)
    await desk.ledger.decide(*decisions[later:])
    await desk.ledger.until_heard(len(decisions))


def settings(folder: Path) -> dict[str, str]:
    roster = folder / "managers.yaml"
    roster.write_text(ROSTER, encoding="utf-8")
    return {"NOTIFIER_ROSTER_FILE": str(roster)}


async def test_in_the_first_quarter_of_an_hour_each_gets_one_digest_and_no_other_by_a_repeat(
    desk: Desk, tmp_path: Path
) -> None:
    decisions = storm()
    async with desk.notifier(**settings(tmp_path)):
        await hear(desk, decisions)
        await desk.ledger.until(
            "count(*) = 0 FROM delivery WHERE state = 'planned' AND hold_until IS NULL"
        )
        planned = len(await desk.ledger.deliveries())
        await desk.ledger.decide(*decisions)
        await desk.ledger.until_heard(2 * len(decisions))
        await desk.ledger.until("count(*) = 0 FROM delivery WHERE state = 'claimed'")
        rows = await desk.ledger.deliveries()
    assert len(rows) == planned
    for person in MANAGERS:
        theirs = [row for row in rows if row["person"] == person]
        assert len(desk.mail.to(f"{person}@example.org")) == 1
        (goes_at,) = {row["hold_until"] for row in theirs} - {None}
        first = min(row["planned_at"] for row in theirs if row["hold_until"] is None)
        assert goes_at == first + QUARTER
        assert {row["state"] for row in theirs if row["hold_until"]} == {"planned"}
    assert desk.mail.to("duty@example.org") == []


async def test_the_next_digest_goes_a_quarter_of_an_hour_later_with_all_that_came_meanwhile(
    desk: Desk, tmp_path: Path
) -> None:
    decisions = storm()
    clock = Clock.starting(STORM_BEGINS, speed=300)
    quick = {"TIERLINE_CLOCK_SPEED": repr(clock.speed)}
    quick |= {"TIERLINE_CLOCK_OFFSET_S": repr(clock.offset_s)}
    async with desk.notifier(**settings(tmp_path), **quick):
        await hear(desk, decisions)
        await desk.ledger.until_finished(1)
        rows = await desk.ledger.deliveries()
    for n, person in enumerate(MANAGERS):
        theirs = [row for row in rows if row["person"] == person]
        slots = sorted({row["hold_until"] or row["planned_at"] for row in theirs})
        assert all(later - one >= QUARTER for one, later in pairwise(slots))
        got = desk.mail.to(f"{person}@example.org")
        assert len(got) == len(slots) == 2
        told = "".join(str(mail["Subject"]) + body(mail) for mail in got)
        own = {f"desk:M{number}" for number in range(n, MEMBERS, 2)}
        assert set(re.findall(r"desk:M\d+", told)) == own
        assert "Held since" in body(got[-1])

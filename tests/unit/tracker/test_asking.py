"""Cursors, places, and how single values look: what needs no database."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.tracker import cursors, export
from services.tracker.answers import ticket
from services.tracker.core.projection import TicketRow
from services.tracker.dashboard import looks
from services.tracker.freshness import After, Freshness, parse_after, wait_for
from services.tracker.replies import Deadline, Ticket
from shared.runtime.health import Problem
from tests.support.ticket_events import opened
from tests.support.tracker_messages import heard, projected

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def a_ticket(**facts: Any) -> Ticket:
    return ticket(projected(heard(opened("2026-03-02T10:00:00Z", **facts))), {}, NOW)


def test_a_cursor_gives_back_the_place_that_it_was_made_of() -> None:
    sealed = cursors.seal("question", ["2026-03-02 12:00:00+00", "desk:A/ä"])
    place = cursors.unseal("question", sealed, kinds=(str, str))
    assert place == ["2026-03-02 12:00:00+00", "desk:A/ä"]


@example("x")
@example(cursors.seal("other", ["a", 1]))
@example(cursors.seal("question", ["a"]))
@example(cursors.seal("question", ["a", True]))
@example(cursors.seal("question", ["a", 2**63]))
@example(cursors.seal("question", ["a\0", 1]))
@example(cursors.seal("question", [1, "a"]))
@given(st.text(max_size=40))
def test_a_cursor_of_another_question_or_none_at_all_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        cursors.unseal("question", cursor, kinds=(str, int))
    assert refused.value.code == "invalid_cursor"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("3:17", After("tickets.events", 3, 17)),
        ("tickets.tier-changes/0:5", After("tickets.tier-changes", 0, 5)),
    ],
)
def test_a_place_is_read_with_its_topic_or_as_one_of_events(text: str, place: After) -> None:
    assert parse_after(text) == place


@pytest.mark.parametrize("text", ["", "3", "3:", "policies/0:1", "x/3:1", "-1:2", "3:1 "])
def test_what_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_after(text)
    assert refused.value.code == "invalid_after"


async def test_a_reader_waits_until_its_place_is_applied() -> None:
    asked: list[None] = []

    async def positions() -> dict[tuple[str, int], int]:
        asked.append(None)
        return {("tickets.events", 3): 16 + len(asked)}

    await wait_for(After("tickets.events", 3, 18), 2000, positions)
    assert len(asked) == 3


async def test_a_place_that_is_not_reached_in_time_is_503_and_try_again() -> None:
    async def positions() -> dict[tuple[str, int], int]:
        return {("tickets.events", 3): 17}

    with pytest.raises(Problem) as refused:
        await wait_for(After("tickets.events", 3, 17), 0, positions)
    assert refused.value.status == 503
    assert refused.value.document()["position"] == 17
    assert "retry-after" in refused.value.headers


def test_an_answer_says_how_far_it_is_and_how_old() -> None:
    positions = {("tickets.events", 1): 4, ("tickets.events", 0): 17, ("a", 0): 1}
    assert Freshness(positions, 0.25, NOW).headers() == {
        "x-position": "a/0:1 tickets.events/0:17,1:4",
        "x-lag-ms": "250",
    }
    assert "x-lag-ms" not in Freshness(positions, None, NOW).headers()


@pytest.mark.parametrize(
    "hostile", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", " =1", "\n=cmd|' /C calc'!A0"]
)
def test_no_cell_of_the_export_is_a_formula(hostile: str) -> None:
    (row,) = csv.reader(StringIO(export.rows([a_ticket(title=hostile, owner=hostile)])))
    cells = dict(zip(export.COLUMNS, row, strict=True))
    assert cells["title"] == cells["owner"] == f"'{hostile}"


def test_the_export_has_a_cell_for_every_column() -> None:
    (heading,) = csv.reader(StringIO(export.heading()))
    bare = ticket(TicketRow("desk:A"), {}, NOW)
    assert heading == list(export.COLUMNS)
    assert [len(row) for row in csv.reader(StringIO(export.rows([bare, a_ticket()])))] == [
        len(heading)
    ] * 2


@pytest.mark.parametrize(
    ("url", "followed"),
    [
        ("https://desk.example/t/1", True),
        ("http://desk.example", True),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,x", False),
        ("//desk.example", False),
        ("http://[", False),
        (None, False),
    ],
)
def test_only_web_addresses_are_followed(url: str | None, *, followed: bool) -> None:
    assert (looks.web(url) is not None) is followed


def test_a_key_is_linked_with_its_slashes_and_colons_and_nothing_else_loose() -> None:
    assert looks.link("group:a/b/1") == "/tickets/group:a/b/1"
    assert looks.link('desk:?#"<é>%') == "/tickets/desk:%3F%23%22%3C%C3%A9%3E%25"


def deadline(in_s: int, *, timer: str = "resolve") -> Deadline:
    due = NOW + timedelta(seconds=in_s)
    return Deadline(timer=timer, target="t2", due=due, due_in_s=in_s)


def test_how_far_a_deadline_is_is_said_in_words() -> None:
    assert looks.due(deadline(1500)) == "in 25 min"
    assert looks.due(deadline(-7500)) == "overdue 2 h 5 min"


@pytest.mark.parametrize(
    ("in_s", "word"), [(-1, "overdue"), (0, "soon"), (3599, "soon"), (3600, "later")]
)
def test_urgency_is_a_word_of_three(in_s: int, word: str) -> None:
    assert looks.urgency(a_ticket().model_copy(update={"next_deadline": deadline(in_s)})) == word


@pytest.mark.parametrize(
    ("timer", "said"),
    [
        ("answer", "answer of tier 2 due"),
        ("tier_dwell", "stay in the tier ends"),
        ("first_response", "first response due"),
    ],
)
def test_what_is_due_next_is_said_in_words(timer: str, said: str) -> None:
    assert looks.step(deadline(1, timer=timer)) == said

"""`tierline dead-letters` without a notifier: how letters are told, and what is wrong use."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.dead_letters.shown import cause, letter_lines, letters_table
from cli.main import app
from services.notifier.answers import ActDone, Attempt, Cause, DeadRecord, Delivery, Letter

tierline = CliRunner()
AT = datetime(2026, 3, 2, 10, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 16, 0, 4, tzinfo=UTC)
NAME = "88eed990-dc5b-5271-99fe-742fd0ead816"


def a_notice(*, acts: int = 0, **given: Any) -> Letter:
    row: dict[str, Any] = {
        "id": UUID(NAME),
        "decision_id": UUID(int=1),
        "ticket": "desk:INC7",
        "version": 4,
        "escalation": "esc-1",
        "role": "t2_lead",
        "person": "ben",
        "purpose": "notice",
        "mode": "page",
        "fyi": False,
        "channel": "email",
        "address": "b***@example.org",
        "state": "dead",
        "reason": "smtp_552",
        "attempt": 2,
        "planned_at": AT,
        "hold_until": None,
        "finished_at": LATER,
        "next_at": None,
        "last_error": "smtp_552",
        "digest": None,
        "attempts": [
            Attempt(
                attempt=1,
                channel="webhook",
                started_at=AT,
                ended_at=None,
                outcome=None,
                detail=None,
            ),
            Attempt(
                attempt=2,
                channel="email",
                started_at=LATER,
                ended_at=LATER,
                outcome="refused",
                detail="smtp_552",
            ),
        ],
    }
    done = ActDone(act="discarded", actor="ann", reason="told by phone", at=LATER)
    return Letter(
        id=NAME,
        kind="notice",
        why="smtp_552",
        at=AT,
        delivery=Delivery.model_validate(row | given),
        acts=[done] * acts,
    )


def a_record(text: str) -> Letter:
    record = DeadRecord(
        topic="tickets.tier-changes",
        partition=3,
        offset=17,
        headers={"ce_id": "7"},
        error_class="not_json",
        error="not JSON. Send one JSON object in UTF-8.",
        text=text,
        settled=None,
    )
    return Letter(id="record-1", kind="record", why="not_json", at=AT, record=record)


def told(letter: Letter) -> str:
    return "\n".join(letter_lines(letter))


def table(*letters: Letter, width: int) -> str:
    console = Console(width=width)
    with console.capture() as printed:
        console.print(letters_table(letters), markup=False)
    return printed.get()


def test_ids_stay_whole_where_there_is_little_room() -> None:
    assert NAME in table(a_notice(), a_record("x"), width=90)


def test_the_table_says_what_of_whom_why_and_how_often() -> None:
    (line,) = [one for one in table(a_notice(), width=160).splitlines() if NAME in one]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[1:] == [
        "notice to t2 lead, ben, by email", "desk:INC7", "smtp_552", "2026-03-02 16:00 UTC", "2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("purpose", "words"),
    [
        ("stand_down", "stand-down to t2 lead, ben, by email"),
        ("alert", "word to the engine that t2 lead was not reached"),
    ],
)
def test_what_it_was_for_is_said(purpose: str, words: str) -> None:
    assert words in told(a_notice(purpose=purpose))


def test_attempts_are_told_and_that_one_had_no_end() -> None:
    text = told(a_notice())
    assert "1. 2026-03-02 10:00 UTC, by webhook: nobody knows how it ended" in text
    assert (
        "2. 2026-03-02 16:00 UTC, by email: refused after 0 s, the mail relay answered 552" in text
    )
    assert "given up 2026-03-02 16:00 UTC after 2 attempts: the mail relay answered 552." in text


def test_who_gave_it_up_and_why_is_told() -> None:
    text = told(a_notice(state="discarded", acts=1))
    assert "never arrived (the mail relay answered 552), and discarded." in text
    assert "2026-03-02 16:00 UTC  ann gave it up for good: told by phone" in text


def test_what_is_on_its_way_again_is_not_called_dead() -> None:
    assert "; it is planned now." in told(a_notice(state="planned", reason=None))


def test_the_decision_is_told_in_sentences_and_then_whole() -> None:
    data = {"target": "t2", "notify": [], "because": {"triggers": ["T06"]}}
    raised = Cause(id=UUID(int=1), type="escalation.raised", at=AT, data=data)
    text = told(a_notice().model_copy(update={"decision": raised}))
    assert "  2026-03-02 10:00 UTC  Escalated to tier 2.\n" in text
    assert "      Because tier 1 has had it for as long as tier 1 may (T06).\n" in text
    assert '    "target": "t2",\n' in text


def test_what_a_record_holds_cannot_steer_the_terminal() -> None:
    text = told(a_record("\x1b[2J\nsecond line"))
    assert "\x1b" not in text
    assert "  �[2J\n  second line" in text
    assert "header ce_id: 7" in text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("smtp_552", "the mail relay answered 552"),
        ("http_410", "the receiver answered 410"),
        ("too_old", "too old"),
    ],
)
def test_causes_are_said_in_words(reason: str, words: str) -> None:
    assert cause(reason) == words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "--reason", "x", "--yes"], "name letters by their ids, or say --all"),
        (["replay", "a", "--all", "--reason", "x", "--yes"], "one of both"),
        (["replay", "a", "--why", "smtp_552", "--reason", "x"], "go with --all"),
        (["list", "--kind", "record", "--ticket", "desk:A"], "--ticket goes with notices"),
        (["discard", "a", "--yes"], "say why with --reason"),
        (["discard", "a", "--reason", " ", "--yes"], "say why with --reason"),
        (["discard", "a", "--reason", "x" * 2001, "--yes"], "at most 2000 characters"),
        (["discard", "a", "--reason", "x", "--by", " ", "--yes"], "say who you are with --by"),
        (["discard", "a", "--reason", "x", "--key", "env:UNSET_KEY"], "env:UNSET_KEY"),
        (["discard", "a", "--reason", "x", "--key", "schlüssel"], "this is no key"),
        (["discard", "a", "--reason", "x"], "say --yes"),
        (["list", "--notifier", "nonsense"], "nobody answers at nonsense"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_what_to_do(words: list[str], said: str) -> None:
    done = tierline.invoke(app, ["dead-letters", *words])
    assert (done.exit_code, said in " ".join(done.output.split())) == (2, True), done.output

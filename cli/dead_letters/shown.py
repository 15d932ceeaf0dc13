"""Dead letters in sentences and tables, as an operator reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import TextWrapper
from typing import Final

from rich.table import Table

from services.notifier.answers import Attempt, Cause, DeadRecord, Delivery, Letter
from services.tracker.core.wording import plain
from shared.contract.lengths import span
from shared.contract.sentences import called, moment, sentence, why, words

_WIDTH: Final = 110
_REACH: Final = {"smtp": "the mail relay answered", "http": "the receiver answered"}
_PLAIN_CAUSES: Final = {
    "unclear": "nobody knows whether it arrived, and its channel is one where a repeat is worse",
}
_ACTS: Final = {"replayed": "had it tried again", "discarded": "gave it up for good"}


def letters_table(letters: Sequence[Letter]) -> Table:
    """Return *letters* as a table, one row each, ids whole so that they can be copied."""
    table = Table()
    for head in ("id", "what", "ticket", "why", "dead since"):
        table.add_column(head, no_wrap=head in ("id", "dead since"), overflow="fold")
    table.add_column("tried", justify="right")
    for one in letters:
        table.add_row(*_row(one))
    return table


def _row(letter: Letter) -> tuple[str, ...]:
    row, record = letter.delivery, letter.record
    if row is not None:
        since = moment(row.finished_at or letter.at)
        cells = (_what(row), row.ticket, letter.why, since, str(row.attempt))
    elif record is not None:
        cells = (_record_named(record), "", letter.why, moment(letter.at), "")
    else:
        cells = ("", "", letter.why, moment(letter.at), "")
    return tuple(plain(cell) for cell in (letter.id, *cells))


def _what(row: Delivery) -> str:
    person = f", {row.person}" if row.person else ""
    way = f", by {row.channel}" if row.channel else ""
    match row.purpose:
        case "alert":
            return f"word to the engine that {words(row.role)} was not reached"
        case "stand_down":
            return f"stand-down to {words(row.role)}{person}{way}"
        case "copy":
            return f"copy of the notice to {words(row.role)}{person}{way}"
        case _:
            return f"notice to {words(row.role)}{person}{way}"


def _record_named(record: DeadRecord) -> str:
    return f"record {record.offset} of {record.topic}, partition {record.partition}"


def letter_lines(letter: Letter) -> Iterator[str]:
    """Yield everything that is known of *letter*, line by line."""
    if letter.delivery is not None:
        yield from _notice(letter, letter.delivery)
    if letter.record is not None:
        yield from _record(letter, letter.record)
    if letter.acts:
        yield ""
        yield "What was done to it"
        for one in letter.acts:
            done = _ACTS.get(one.act, one.act)
            yield from _wrapped(f"{moment(one.at)}  {one.actor} {done}: {one.reason}", "  ")
    if letter.decision is not None:
        yield ""
        yield f"The decision, {letter.decision.type}"
        yield from _document(json.dumps(letter.decision.data, indent=2, ensure_ascii=False))
    if letter.record is not None:
        yield ""
        yield "What it holds"
        yield from _document(letter.record.text or "nothing")
        for name, text in letter.record.headers.items():
            yield from _wrapped(f"header {name}: {text}", "  ")


def _notice(letter: Letter, row: Delivery) -> Iterator[str]:
    yield from _wrapped(f"{letter.id}: {_what(row)}, about {row.ticket}.", "")
    yield from _wrapped(f"{_state(letter, row)}", "")
    if letter.decision is not None:
        yield ""
        yield f"What it was to tell, version {row.version} of {row.ticket}"
        yield from _told(letter.decision)
    yield ""
    yield "How it was tried" if row.attempts else "It was never tried."
    for one in row.attempts:
        yield from _wrapped(_attempt(one), "  ")


def _state(letter: Letter, row: Delivery) -> str:
    planned = f"Planned {moment(row.planned_at)}"
    match row.state:
        case "dead":
            given_up = f"given up {moment(row.finished_at or letter.at)}"
            return f"{planned}, {given_up} after {_times(row.attempt)}: {cause(letter.why)}."
        case "discarded":
            return f"{planned}, never arrived ({cause(letter.why)}), and discarded."
        case state:
            reason = f" ({words(row.reason)})" if row.reason else ""
            return f"{planned}; it is {words(state)}{reason} now."


def _told(decision: Cause) -> Iterator[str]:
    people, said = called(decision.data), sentence(decision.type, decision.data)
    yield from _wrapped(f"{moment(decision.at)}  {said}", "  ")
    if people and people not in said:
        yield from _wrapped(f"To be told: {people}.", "      ")
    for line in why(decision.data):
        yield from _wrapped(line, "      ")


def _attempt(one: Attempt) -> str:
    begun = f"{one.attempt}. {moment(one.started_at)}, by {one.channel}: "
    if one.ended_at is None:
        return f"{begun}nobody knows how it ended"
    took = span((one.ended_at - one.started_at).total_seconds())
    detail = f", {cause(one.detail)}" if one.detail else ""
    return f"{begun}{words(one.outcome)} after {took}{detail}"


def _record(letter: Letter, record: DeadRecord) -> Iterator[str]:
    yield from _wrapped(f"{letter.id}: {_record_named(record)}.", "")
    settled = f" It was {record.settled} since." if record.settled else ""
    error = record.error.rstrip(".")
    yield from _wrapped(
        f"Read {moment(letter.at)} and set aside ({letter.why}): {error}.{settled}", ""
    )


def cause(reason: str) -> str:
    """Return why something failed as people say it: `smtp_552`, the mail relay answered 552."""
    kind, _, code = reason.partition("_")
    if kind in _REACH and code.isdigit():
        return f"{_REACH[kind]} {code}"
    return _PLAIN_CAUSES.get(reason, words(reason))


def _times(number: int) -> str:
    return "one attempt" if number == 1 else f"{number} attempts"


def _document(text: str) -> Iterator[str]:
    # What came from outside may hold what a terminal would obey.
    yield from (f"  {plain(line)}" for line in text.split("\n"))


def _wrapped(text: str, indent: str) -> list[str]:
    wrapper = TextWrapper(_WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")
    return wrapper.wrap(plain(text))

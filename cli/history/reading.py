"""One line of a log into a row: its words looked up, its times read, its identity made unique."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cli.history.errors import Problem
from cli.history.mapping import LogMapping
from shared.contract.times import EPOCH, instant, rfc3339
from shared.policy.shape.base import suggestion


@dataclass(frozen=True, slots=True)
class Row:
    """The whole record of a ticket after one update.

    Attributes:
        line: Its line in the file, from 1; the header is line 1.
        ticket: The ticket's id at the helpdesk.
        revision: The update's number there, made unique within the ticket.
        at: When it was written, UTC.
        opened_at: When the ticket was opened, UTC; never after `at`.
        values: Text by column; None where the log does not know.
    """

    line: int
    ticket: str
    revision: str
    at: datetime
    opened_at: datetime
    values: Mapping[str, str | None]


class Reading:
    """One pass over a log: what its columns are, and which revisions have been seen."""

    def __init__(self, mapping: LogMapping, header: list[str]) -> None:
        self._mapping = mapping
        self._header = header
        self._unknown = frozenset(mapping.unknown)
        self._read = frozenset(mapping.columns())
        self._seen: dict[tuple[str, str], int] = {}
        self._words: list[tuple[str, Mapping[str, object], str]] = [
            (mapping.status.column, mapping.status.words, "status.words"),
            *(
                (one.column, one.words, f"counts.{name}.words")
                for name, one in mapping.counts.items()
            ),
        ]
        if mapping.severity is not None:
            known = mapping.severity
            self._words.append((known.column, known.words, "severity.words"))

    def row(self, line: int, cells: list[str]) -> Row | list[Problem]:
        """Return the row that *cells* write, or what is wrong with it."""
        if len(cells) != len(self._header):
            message = f"{len(cells)} cells under a header of {len(self._header)}"
            return [Problem(line, "", None, message, "Quote cells that hold the delimiter.")]
        values = {
            column: None if (text := cell.strip()) in self._unknown or not text else text
            for column, cell in zip(self._header, cells, strict=True)
            if column in self._read
        }
        names, problems = self._mapping.row, list(self._wrong_words(line, values))
        at = self._time(line, names.written_at, values, problems)
        opened = (
            at if names.opened_at is None else self._time(line, names.opened_at, values, problems)
        )
        hold = self._mapping.hold
        if hold is not None and values[hold.resume_at] is not None:
            resume = self._time(line, hold.resume_at, values, problems)
            values[hold.resume_at] = rfc3339(instant(resume))
        ticket = self._needed(line, names.ticket, values, problems)
        revision = self._needed(line, names.revision, values, problems)
        if problems:
            return problems
        return Row(line, ticket, self._unique(ticket, revision), at, opened, values)

    def _wrong_words(self, line: int, values: Mapping[str, str | None]) -> Iterator[Problem]:
        for column, words, where in self._words:
            value = values[column]
            if value is None and column == self._mapping.status.column:
                yield Problem(line, column, "", "a row needs a status", "Export it with one.")
            elif value is not None and value not in words:
                remedy = f"Add it to {where} of the mapping. {suggestion(value, list(words))}"
                yield Problem(line, column, value, "is no word of the mapping", remedy)

    def _needed(
        self, line: int, column: str, values: Mapping[str, str | None], problems: list[Problem]
    ) -> str:
        value = values[column]
        if value is None:
            problems.append(Problem(line, column, "", "is empty", "Every row needs one."))
        return value or ""

    def _time(
        self, line: int, column: str, values: Mapping[str, str | None], problems: list[Problem]
    ) -> datetime:
        text = self._needed(line, column, values, problems)
        try:
            return self._mapping.time.read(text)
        except ValueError:
            if text:
                remedy = (
                    f"The mapping's time.format is {self._mapping.time.format}; correct either."
                )
                problems.append(Problem(line, column, text, "is no such time", remedy))
            return EPOCH

    def _unique(self, ticket: str, revision: str) -> str:
        """Return *revision*, numbered from its second row on: some logs bear one twice."""
        times = self._seen[ticket, revision] = self._seen.get((ticket, revision), 0) + 1
        return revision if times == 1 else f"{revision}.{times}"

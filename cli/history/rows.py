"""The lines of a log, read by a mapping: typed rows, or everything that is wrong with them."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from cli.history.errors import LogError, Problem
from cli.history.mapping import LogMapping
from cli.history.reading import Reading, Row
from shared.policy.shape.base import suggestion

MOST_PROBLEMS: Final = 20
"""How many problems of a log are told at once."""

_GZIP: Final = b"\x1f\x8b"
# A few rows of a real log bear a wrong stamp; where many do, it is the file that is not in order.
_MOST_REPAIRED: Final = 0.05


@dataclass(frozen=True, slots=True)
class Log:
    """A log as read.

    Attributes:
        tickets: The rows of each ticket, in the order in which they were written.
        repaired: Lines whose stamp was impossible and was taken from the rows around it.
    """

    tickets: Mapping[str, Sequence[Row]]
    repaired: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(len(rows) for rows in self.tickets.values())


def read_log(path: Path, mapping: LogMapping) -> Log:
    """Return the log in *path*: CSV with a header, plain or compressed by gzip.

    Raises:
        LogError: Lines of it are not what *mapping* says, or it cannot be read.
    """
    name = str(path)
    tickets: dict[str, list[Row]] = {}
    problems: list[Problem] = []
    with _opened(path) as file:
        for found in _rows(file, name, mapping):
            if isinstance(found, Row):
                tickets.setdefault(found.ticket, []).append(found)
            else:
                problems += found
            if len(problems) >= MOST_PROBLEMS:
                break
    if problems:
        raise LogError(name, problems[:MOST_PROBLEMS])
    if not tickets:
        raise LogError(name, [Problem(1, "", None, "there are no rows", "Export it again.")])
    return _in_time(name, tickets)


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    name = str(path)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
        opening = gzip.open if packed else open
        with opening(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        remedy = "Fetch the file again."
        raise LogError(name, [Problem(1, "", None, "the gzip data are damaged", remedy)]) from error
    except UnicodeDecodeError as error:
        remedy = "Save the file as UTF-8."
        raise LogError(name, [Problem(1, "", None, "this is not UTF-8 text", remedy)]) from error
    except OSError as error:
        message = f"it cannot be read: {error.strerror or error}"
        raise LogError(name, [Problem(1, "", None, message, "Name a CSV file.")]) from error


def _rows(file: IO[str], name: str, mapping: LogMapping) -> Iterator[Row | list[Problem]]:
    reader = csv.reader(file, delimiter=mapping.delimiter, strict=True)
    reading: Reading | None = None
    while True:
        line = reader.line_num + 1  # where it begins; a quoted cell may span several lines
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            remedy = f"Save it as CSV with `{mapping.delimiter}` between cells and quotes closed."
            yield [Problem(line, "", None, f"this is not CSV: {error}", remedy)]
            return
        if reading is None:
            reading = Reading(mapping, _header(cells, name, mapping))
        elif cells:
            yield reading.row(line, cells)
    if reading is None:
        raise LogError(name, [Problem(1, "", None, "the file is empty", "Export it again.")])


def _header(header: list[str], name: str, mapping: LogMapping) -> list[str]:
    problems = []
    for column in mapping.columns():
        if column not in header:
            remedy = f"{suggestion(column, header)} Change the mapping or export the column too."
            problems.append(Problem(1, column, None, "the log has no such column", remedy))
    twice = {column for column in header if header.count(column) > 1}
    problems += [
        Problem(1, column, None, "the header names it twice", "Rename one of them.")
        for column in sorted(twice.intersection(mapping.columns()))
    ]
    if problems:
        raise LogError(name, problems)
    return header


def _in_time(name: str, tickets: Mapping[str, Sequence[Row]]) -> Log:
    """Return *tickets* with times that can be: no row after a later one or before the opening."""
    repaired: list[int] = []
    kept: dict[str, Sequence[Row]] = {}
    for ticket, rows in tickets.items():
        latest = max(row.at for row in rows)
        opened = min(rows[0].opened_at, latest)
        fixed: list[Row] = []
        for row in reversed(rows):
            latest = max(opened, min(row.at, latest))
            if latest != row.at:
                repaired.append(row.line)
            fixed.append(replace(row, at=latest, opened_at=opened))
        kept[ticket] = fixed[::-1]
    log = Log(kept, tuple(sorted(repaired)))
    if len(repaired) > 1 + log.rows * _MOST_REPAIRED:
        message = f"{len(repaired)} of {log.rows} rows are stamped later than a row below them"
        remedy = "Sort the file by ticket and revision, oldest first."
        raise LogError(name, [Problem(log.repaired[0], "", None, message, remedy)])
    return log

"""What reviews have decided, and what became of it: a file of lines, only ever added to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from typing_extensions import TypedDict

from shared.runtime.files import why_unreadable

MEASURED_FOR: Final = timedelta(weeks=8)
"""So long the metric of an action is measured before the action may close."""


class JournalError(Exception):
    """The journal cannot be read or does not allow this; the message says what to do."""


class Line(TypedDict, total=False):
    """One line of the file: a decision, or what became of one."""

    id: str
    on: date
    text: str
    owner: str
    due: date
    metric: str | None
    state: str
    result: str | None
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision of a review as it stands now.

    Attributes:
        id: Its number, `R1`, `R2`, ….
        on: The day of the decision.
        text: What was decided.
        owner: The role or person that does it.
        due: Until when.
        metric: By which figure its effect is measured.
        state: `open`, `done` (measured since), or `closed`.
        done_on: The day on which it was done.
        closed_on: The day on which it was closed.
        before: The figure when it was opened.
        after: The figure at its closing.
        result: What came of it; "done, no effect" is a result.
    """

    id: str
    on: date
    text: str
    owner: str
    due: date
    metric: str | None = None
    state: str = "open"
    done_on: date | None = None
    closed_on: date | None = None
    before: float | None = None
    after: float | None = None
    result: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "id": self.id,
            "on": self.on.isoformat(),
            "text": self.text,
            "owner": self.owner,
            "due": self.due.isoformat(),
            "metric": self.metric,
            "state": self.state,
            "before": self.before,
            "after": self.after,
            "result": self.result,
        }


_LINE: Final = TypeAdapter(Line)


def read_journal(file: Path) -> list[Entry]:
    """Return the decisions in *file*, the oldest first; a file that is not there has none.

    Raises:
        JournalError: It cannot be read, or a line is none of a journal.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {file}: {why_unreadable(error)}; name a journal of reviews"
        raise JournalError(msg) from None
    entries: dict[str, Entry] = {}
    for number, text in enumerate(lines, start=1):
        try:
            _take(entries, _LINE.validate_json(text))
        except (ValidationError, KeyError):
            msg = (
                f"{file}, line {number}: it is no decision of a review; name a file that"
                " `tierline review decide` has written"
            )
            raise JournalError(msg) from None
    return list(entries.values())


def decide(file: Path, line: Line) -> Entry:
    """Write a new decision into *file* and return it.

    Raises:
        JournalError: The file cannot be read or written.
    """
    name = f"R{len(read_journal(file)) + 1}"
    return _added(file, {**line, "id": name, "state": "open"})


def finish(file: Path, name: str, on: date, result: str | None, after: float | None) -> Entry:
    """Write that the decision *name* was done, or, with a *result*, that it is closed.

    Raises:
        JournalError: There is none of that name, or its metric was not measured for eight weeks.
    """
    known = {one.id: one for one in read_journal(file)}
    entry = known.get(name)
    if entry is None:
        msg = f"{name}: there is no such decision; tierline review follow lists them"
        raise JournalError(msg)
    if result is None:
        return _added(file, {"id": name, "on": on, "state": "done"})
    if entry.metric is not None:
        if entry.done_on is None:
            msg = f"{name} is not done yet; say so first: tierline review done {name}"
            raise JournalError(msg)
        ready = entry.done_on + MEASURED_FOR
        if on < ready:
            msg = f"{name} was done on {entry.done_on}; {entry.metric} is measured until {ready}"
            raise JournalError(msg)
    return _added(file, {"id": name, "on": on, "state": "closed", "result": result, "after": after})


def _added(file: Path, line: Line) -> Entry:
    try:
        with file.open("ab") as out:
            out.write(to_json(line) + b"\n")
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}; name another file"
        raise JournalError(msg) from None
    return next(one for one in read_journal(file) if one.id == line["id"])


def _take(entries: dict[str, Entry], line: Line) -> None:
    name, state = line["id"], line["state"]
    if state == "open":
        entries[name] = Entry(
            name,
            line["on"],
            line["text"],
            line["owner"],
            line["due"],
            line.get("metric"),
            before=line.get("before"),
        )
    elif state == "done":
        entries[name] = replace(entries[name], state=state, done_on=line["on"])
    else:
        entries[name] = replace(
            entries[name],
            state=state,
            closed_on=line["on"],
            result=line.get("result"),
            after=line.get("after"),
        )

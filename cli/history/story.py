"""The rows of a log, told as events: what differs between one row of a ticket and the next.

Nothing is read ahead: an event is made of its own row and of those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json

from cli.history.errors import LogError, Problem
from cli.history.mapping import LogMapping
from cli.history.reading import Row
from cli.history.rows import Log
from shared.contract.errors import InvalidEventError
from shared.contract.events import decode_event
from shared.contract.ids import spelled_id
from shared.contract.times import instant, rfc3339
from shared.mapping.sections import MessageRule


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a history.

    Attributes:
        at: When it happened, UTC.
        line: The line of the log that it comes from.
        body: The CloudEvent.
    """

    at: datetime
    line: int
    body: Mapping[str, Any]

    def json(self) -> bytes:
        """Return the event as one line of JSON, without the line's end."""
        return to_json(self.body)


def tell(log: Log, mapping: LogMapping, *, name: str) -> list[Told]:
    """Return the events of *log* in the order of time; the same rows give the same ids.

    Args:
        log: As read.
        mapping: How to read it.
        name: What errors call the log.

    Raises:
        LogError: A row makes an event that the contract refuses, such as one with a title that
            is too long.
    """
    told = [one for rows in log.tickets.values() for one in _Ticket(mapping).tell(rows)]
    for one in told:
        try:
            decode_event(one.json())
        except InvalidEventError as error:
            problem = Problem(one.line, "", None, f"it makes no event: {error}", "Correct the row.")
            raise LogError(name, [problem]) from error
    # Sorting keeps what is equal in order: a ticket's events of one minute stay as they were.
    return sorted(told, key=lambda one: one.at)


class _Ticket:
    """One ticket as its rows pass by."""

    def __init__(self, mapping: LogMapping) -> None:
        self._mapping = mapping
        self._facts: dict[str, Any] = {}
        self._status: str | None = None
        self._spoke: set[str] = set()

    def tell(self, rows: Sequence[Row]) -> Iterator[Told]:
        """Yield the events of *rows*, one after the other."""
        for number, row in enumerate(rows):
            facts = self._facts_of(row)
            if number == 0:
                known = {key: value for key, value in facts.items() if value is not None}
                yield self._event(row, "opened", row.opened_at, known)
            elif changed := _changes(self._facts, facts):
                yield self._event(
                    row, "updated", row.at, self._acted(row) | self._right(changed) | changed
                )
            self._facts = facts
            yield from self._moved(row)

    def _moved(self, row: Row) -> Iterator[Told]:
        """Tell a change of status, and before it the message that it shows to have been written."""
        mapping = self._mapping
        word = row.values[mapping.status.column] or ""
        if word == self._status:
            return
        rule = next((one for one in mapping.messages if self._calls(one, word)), None)
        if rule is not None:
            self._spoke.add(rule.author)
            yield self._event(row, rule.name, row.at, self._acted(row) | self._message(row, rule))
        before = "new" if self._status is None else mapping.status.words[self._status]
        status = mapping.status.words[word]
        self._status = word
        if status != before:
            data = {"status": status, "reason": word} | self._settled(row, status)
            yield self._event(row, "status", row.at, self._acted(row) | data)

    def _calls(self, rule: MessageRule, word: str) -> bool:
        before = self._status
        if rule.first_only and rule.author in self._spoke:
            return False
        left = bool(rule.status_leaves) and word not in rule.status_leaves
        return word in rule.status_becomes or (
            left and (before is None or before in rule.status_leaves)
        )

    def _facts_of(self, row: Row) -> dict[str, Any]:
        mapping, values = self._mapping, row.values
        facts = mapping.plain_facts(values)
        if mapping.severity is not None:
            facts["severity"] = mapping.severity.words.get(values[mapping.severity.column] or "")
        for count, one in mapping.counts.items():
            facts[count] = one.words.get(values[one.column] or "")
        return facts

    def _acted(self, row: Row) -> dict[str, Any]:
        # Every event names somebody: within one second, those that do not would go before.
        column = self._mapping.row.written_by
        return {"by": (column and row.values[column]) or self._mapping.source}

    def _right(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """Return by which right the desk lowered something, where it did."""
        lowering, before = self._mapping.lowering, self._facts
        lower = any(
            (before[count] or 0) > changed[count]
            for count in self._mapping.counts
            if count in changed
        )
        milder = "severity" in changed and changed["severity"] > (before["severity"] or "S3")
        return lowering.model_dump() if lowering is not None and (lower or milder) else {}

    def _message(self, row: Row, rule: MessageRule) -> dict[str, Any]:
        written_by = self._acted(row)["by"]
        return {
            "author": rule.author.value,
            "author_id": written_by,
            "public": rule.public,
            "asks_customer": rule.asks_customer,
        }

    def _settled(self, row: Row, status: str) -> dict[str, Any]:
        """Return what only a row that resolves, or that begins a hold, has to say."""
        mapping = self._mapping
        read: dict[str, str | None] = {}
        if status == "resolved":
            read = mapping.resolution.model_dump()
        elif status == "scheduled_hold" and mapping.hold is not None:
            read = mapping.hold.model_dump()
        return {
            key: text
            for key, column in read.items()
            if column is not None and (text := row.values[column])
        }

    def _event(self, row: Row, what: str, at: datetime, data: Mapping[str, Any]) -> Told:
        identity = f"{row.ticket}:{row.revision}:{what}"
        body = {
            "specversion": "1.0",
            "id": spelled_id(identity),
            "source": self._mapping.source,
            "type": _TYPES.get(what, "ticket.message"),
            "subject": row.ticket,
            "time": rfc3339(instant(at)),
            "datacontenttype": "application/json",
            "data": data,
        }
        return Told(at, row.line, body)


_TYPES: Final = {
    "opened": "ticket.opened",
    "updated": "ticket.updated",
    "status": "ticket.status_changed",
}


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs; what nobody knows any more of severity or counts stays as it was."""
    return {
        name: value
        for name, value in now.items()
        if value != before[name] and not (value is None and name in _NEVER_FORGOTTEN)
    }


_NEVER_FORGOTTEN: Final = frozenset({"severity", "affected_users", "affected_orgs", "customer"})

"""The recorded ServiceNow history as its webhook would have posted it, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.demo.command import HISTORY
from cli.history.mapping import LogMapping
from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.reading import Row
from cli.history.rows import Log, read_log

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "New": ("1", ""),
    "Active": ("2", ""),
    "Awaiting User Info": ("3", "1"),
    "Awaiting Problem": ("3", "3"),
    "Awaiting Vendor": ("3", "4"),
    "Awaiting Evidence": ("3", "5"),
    "Resolved": ("6", ""),
    "Closed": ("7", ""),
}
"""State and hold reason for each of the log's words."""


def some_history(tickets: int) -> tuple[Log, LogMapping]:
    """Return the log of that many tickets, spread over the whole of it, and how to read it."""
    mapping = load_mapping(SERVICENOW)
    log = read_log(HISTORY, mapping)
    step = len(log.tickets) // tickets
    chosen = list(log.tickets)[::step][:tickets]
    return Log({name: log.tickets[name] for name in chosen}, log.repaired), mapping


def bodies(log: Log) -> Iterator[dict[str, Any]]:
    """Yield what the business rule posts for each row, in the order of time."""
    rows = sorted((row for rows in log.tickets.values() for row in rows), key=lambda row: row.at)
    return map(_body, rows)


def _body(row: Row) -> dict[str, Any]:
    values = row.values
    state, reason = STATES[values["incident_state"] or ""]
    title = [values[name] for name in ("category", "subcategory", "u_symptom")]
    incident = {
        "number": row.ticket,
        "sys_mod_count": row.revision,
        "sys_updated_on": row.at.strftime("%Y-%m-%d %H:%M:%S"),
        "opened_at": row.opened_at.strftime("%Y-%m-%d %H:%M:%S"),
        "sys_updated_by": values["sys_updated_by"] or "",
        "state": state,
        "hold_reason": reason,
        "urgency": (values["urgency"] or "")[:1],
        "impact": (values["impact"] or "")[:1],
        "short_description": ", ".join(text for text in title if text),
        "category": values["category"] or "",
        "u_symptom": values["u_symptom"] or "",
        "cmdb_ci": values["cmdb_ci"] or "",
        "caller_id": _reference(values["caller_id"]),
        "assigned_to": _reference(values["assigned_to"]),
        "assignment_group": _reference(values["assignment_group"]),
    }
    return {"incident": incident}


def _reference(name: str | None) -> Any:
    return {"value": name.lower(), "display_value": name} if name else ""

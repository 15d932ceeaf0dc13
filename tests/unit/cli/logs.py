"""Small logs for tests, written as the shipped mapping reads them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import read_log
from cli.history.story import tell

MAPPING = load_mapping(SERVICENOW)
COLUMNS = (*MAPPING.columns(), "resolved_at", "closed_at")


def a_row(at: str, **changes: str) -> dict[str, str]:
    """Return a row of INC1 written at *at* on 2016-03-01; `_` in a key stands for itself."""
    at = at if "-" in at else f"01-03-2016 {at}"
    row = dict.fromkeys(COLUMNS, "?") | {
        "number": "INC1",
        "sys_mod_count": "0",
        "sys_updated_at": at,
        "sys_updated_by": "Ann",
        "opened_at": "01-03-2016 09:00",
        "incident_state": "New",
        "impact": "2 - Medium",
        "urgency": "2 - Medium",
        "caller_id": "Bob",
        "category": "Mail",
        "made_sla": "TRUE",
    }
    return row | changes


def rows_of(*steps: tuple[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """Return one ticket's rows: at each time, what changed; revisions count up."""
    rows: list[dict[str, str]] = []
    for number, (at, changes) in enumerate(steps):
        before = rows[-1] if rows else a_row(at)
        fresh = a_row(at)["sys_updated_at"]
        rows.append(
            before | {"sys_updated_at": fresh, "sys_mod_count": str(number)} | dict(changes)
        )
    return rows


def write(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write *rows* as CSV to *path* and return it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def told(path: Path, rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return the events of *rows*."""
    log = read_log(write(path, rows), MAPPING)
    return [dict(one.body) for one in tell(log, MAPPING, name=str(path))]


def short(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return each event as `09:30 status open`, in UTC."""
    return [_short(event) for event in events]


def _short(event: Mapping[str, Any]) -> str:
    what = event["id"].rpartition(":")[2]
    data = event["data"]
    words = [event["time"][11:16], what]
    words += [str(data["status"])] if "status" in data else []
    return " ".join(words)

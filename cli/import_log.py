"""`tierline import`: a helpdesk's exported audit log into events of the contract."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from pydantic_core import to_json

from cli.history.errors import LogError
from cli.history.mapping_file import SERVICENOW, load_mapping
from cli.history.rows import Log, read_log
from cli.history.story import Told, tell
from cli.output import AsJson, fail, progress
from shared.contract.times import instant, rfc3339
from shared.mapping.file import MappingError

_STDOUT = Path("-")


def import_log(
    log: Annotated[
        Path, typer.Argument(metavar="FILE", help="The log: CSV with a header, plain or .gz.")
    ],
    mapping: Annotated[
        Path,
        typer.Option("--mapping", metavar="MAP.yaml", help="How its columns and words are read."),
    ] = SERVICENOW,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the events go; - prints.")
    ] = _STDOUT,
    days: Annotated[
        int | None, typer.Option(min=1, help="Only the first N times 24 hours of the history.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a helpdesk's exported audit log into events, one JSON a line, in the order of time.

    Each row of the log is a ticket's whole record after one update. Only what differs between one
    row and the next becomes an event. The events' ids are made of ticket, revision and what
    happened: importing twice gives the same ids, so the second delivery has no effect.

    The mapping is a YAML file that says which column is what, what the desk's words mean, and what
    is assumed where the log says nothing. The one for ServiceNow's log of incidents is the default
    and the example to copy: deploy/mapping/servicenow-incident-log.yaml

    Example: `tierline import deploy/demo/servicenow-incidents.csv.gz --days 3 | tierline simulate -`

    A short report goes to standard error; with --json it is one JSON object, on standard output
    when the events go to a file.

    Exit codes: 0 done, 1 the log or the mapping cannot be used (file, line, column, value and
    remedy are told), 2 wrong use.
    """
    try:
        with progress() as bar:
            bar.add_task(f"reading {log.name}", total=None)
            rules = load_mapping(mapping)
            read = read_log(log, rules)
            told = first_days(tell(read, rules, name=str(log)), days)
    except (LogError, MappingError) as error:
        fail("import", str(error))
    with ExitStack() as files:
        _write(told, sys.stdout.buffer if output == _STDOUT else _opened(output, files))
    _report(read, told, output, as_json=as_json)


def first_days(told: list[Told], days: int | None) -> list[Told]:
    """Return what happened within *days* times 24 h of the first event; all of it for None."""
    if days is None or not told:
        return told
    end = told[0].at + timedelta(days=days)
    return [one for one in told if one.at < end]


def _opened(path: Path, files: ExitStack) -> BinaryIO:
    try:
        return files.enter_context(path.open("wb"))
    except OSError as error:
        fail("import", f"cannot write {path}: {error.strerror}; name another file", code=2)


def _write(told: list[Told], out: BinaryIO) -> None:
    for one in told:
        out.write(one.json())
        out.write(b"\n")
    out.flush()


def _report(log: Log, told: list[Told], output: Path, *, as_json: bool) -> None:
    to_stderr = output == _STDOUT
    if as_json:
        typer.echo(to_json(_summary(log, told)).decode(), err=to_stderr)
        return
    kinds = Counter(one.body["type"] for one in told)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    typer.echo(
        f"{log.rows} rows of {len(log.tickets)} tickets: {len(told)} events ({listed})"
        + (f", {_when(told[0].at)} to {_when(told[-1].at)}" if told else ""),
        err=True,
    )
    if log.repaired:
        lines = ", ".join(str(line) for line in log.repaired[:10])
        more = ", …" if len(log.repaired) > 10 else ""  # noqa: PLR2004  as many as listed
        typer.echo(
            f"{len(log.repaired)} rows bear an impossible stamp; theirs was taken from the rows"
            f" around them: lines {lines}{more}",
            err=True,
        )


def _summary(log: Log, told: list[Told]) -> dict[str, Any]:
    return {
        "rows": log.rows,
        "tickets": len(log.tickets),
        "events": len(told),
        "by_type": dict(sorted(Counter(one.body["type"] for one in told).items())),
        "first": _when(told[0].at) if told else None,
        "last": _when(told[-1].at) if told else None,
        "repaired_lines": log.repaired,
    }


def _when(at: datetime) -> str:
    return rfc3339(instant(at))

"""What is said of policies at a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from shared.contract.lengths import hours
from shared.contract.sentences import counted
from shared.contract.times import instant, rfc3339
from shared.policy.difference import Difference
from shared.policy.report import Report


def tell_report(file: Path, report: Report) -> None:
    """Print the errors of *report*, then its warnings, then one line on the whole."""
    for one in (*report.errors, *report.warnings):
        typer.echo(one.text(str(file)), err=True)
    if not report.errors and not report.warnings:
        typer.echo(f"{file}: no mistakes")
    else:
        counts = (
            f"{counted(len(report.errors), 'error')}, {counted(len(report.warnings), 'warning')}"
        )
        typer.echo(f"{file}: {counts}", err=True)


def tell_difference(found: Difference) -> None:
    """Print *found*, group by group."""
    before, after = (
        f"{one['name']} version {one['version']}" for one in (found.before, found.after)
    )
    if found.is_same:
        typer.echo(f"{before} and {after} mean the same.")
        return
    typer.echo(f"{before} → {after}: {counted(len(found.changes), 'change')}")
    for title, changes in found.groups():
        typer.echo(f"\n{title}")
        for one in changes:
            typer.echo(f"  {one.text}")


def tell_preview(
    beginning: Mapping[str, Any], end: Mapping[str, Any], cases: Sequence[Any]
) -> None:
    """Print what a policy would change for open cases: counts, and then no more than the first."""
    new, active = beginning["policy"], beginning["active"]
    typer.echo(
        f"If version {new['version']} held from {beginning['at']} on instead of version"
        f" {active['version']}, {end['changed']} of {end['looked_at']} open cases would change."
    )
    for line, count in _counts(cases).items():
        typer.echo(f"  {count:>6}  {line}")


def preview_table(cases: Sequence[Mapping[str, Any]]) -> Table:
    """Return *cases* as a table, one row for each thing that changes."""
    table = Table("case", "where", "what", "before", "after")
    for case in cases:
        where = f"{case['priority']} {case['cell']} tier {case['tier']}"
        for n, (what, before, after) in enumerate(_rows(case)):
            table.add_row("" if n else case["ticket"], "" if n else where, what, before, after)
    return table


def history_table(history: Mapping[str, Any]) -> Table:
    """Return the versions of *history* as a table, the newest first."""
    table = Table("version", "holds from", "by", "digest", "what changed", "note")
    for one in history["policies"]:
        mark = " *" if one["version"] == history["active"] else ""
        table.add_row(
            f"{one['version']}{mark}",
            _since(one["active_from"]),
            one["by"] or "",
            one["digest"][:12],
            one["changes"] or "the first version",
            one["note"] or "",
        )
    return table


def _counts(cases: Sequence[Mapping[str, Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for case in cases:
        for one in case["due"]:
            counts[f"{one['what']} {_direction(one['before'], one['after'])}"] += 1
        if case["next_call"] is not None:
            counts[_called_otherwise(case["next_call"])] += 1
    return Counter(dict(sorted(counts.items())))


def _direction(before: str | None, after: str | None) -> str:
    if before is None:
        return "newly due"
    if after is None:
        return "no longer due"
    return "earlier" if after < before else "later"


def _called_otherwise(call: Mapping[str, Any]) -> str:
    before, after = call["before"], call["after"]
    if before is not None and after is not None and before["people"] == after["people"]:
        return "next call at another time, to the same people"
    return "next call to other people"


def _rows(case: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if case["limit"] is not None:
        before, after = (case["limit"][key] for key in ("before_s", "after_s"))
        yield f"longest stay in tier {case['tier']}", _length(before), _length(after)
    for one in case["due"]:
        yield one["what"], one["before"] or "never", one["after"] or "never"
    if case["next_call"] is not None:
        yield "next call", _call(case["next_call"]["before"]), _call(case["next_call"]["after"])


def _length(seconds: int | None) -> str:
    return "no limit" if seconds is None else hours(seconds)


def _call(call: Mapping[str, Any] | None) -> str:
    if call is None:
        return "nobody"
    return f"{call['at']} {', '.join(call['triggers'])}: {', '.join(call['people'])}"


def _since(text: str) -> str:
    moment = instant(datetime.fromisoformat(text))
    return "the beginning" if moment == 0 else rfc3339(moment)

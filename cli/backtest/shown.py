"""What a backtest, or a shadow run, has found, as a report."""

from __future__ import annotations

from collections import Counter

from cli.backtest.comparison import Comparison
from cli.report.document import Bars, Document, Section, Table
from services.escalator.core.marks import BREACH, CALL, MOVE, RAISE, Mark
from shared.contract.times import rfc3339

_HEAD = ("when", "ticket", "who", "what")
_WORDS = {CALL: "calls", BREACH: "broken promises", RAISE: "escalations", MOVE: "moves of tier"}


def report(found: Comparison, title: str, about: str, rows: int) -> Document:
    """Return *found* as a document, with at most *rows* lines in each list (0: all)."""
    return Document(
        title, about, [_verdict(found), _breaches(found, rows), *_calls(found, rows), _load(found)]
    )


def _verdict(found: Comparison) -> Section:
    changed = len(found.changed())
    told = [f"{found.tickets['after']:,} tickets; something differs for {changed:,} of them."]
    if found.is_same:
        told.append("Both policies do the same to everybody, at the same times.")
    before, after = found.loads["before"], found.loads["after"]
    totals = [
        (
            _WORDS[kind],
            _count(before.total(kind)),
            _count(after.total(kind)),
            _sign(after.total(kind) - before.total(kind)),
        )
        for kind in (CALL, BREACH, RAISE, MOVE)
    ]
    kinds = sorted(before.done.keys() | after.done.keys())
    detail = [
        (
            f"{_WORDS[kind]}: {what}",
            _count(before.done[kind, what]),
            _count(after.done[kind, what]),
            _sign(after.done[kind, what] - before.done[kind, what]),
        )
        for kind, what in kinds
    ]
    head = ("", "before", "after", "difference")
    return Section("Verdict", told, [Table(head, totals), Table(head, detail)])


def _breaches(found: Comparison, rows: int) -> Section:
    more, less = found.only("after", BREACH), found.only("before", BREACH)
    told = [f"{len(more):,} broken promises appear, {len(less):,} vanish."]
    tables = [
        Table(_HEAD, _rows(some, rows), name)
        for name, some in ((_of("appear", more, rows), more), (_of("vanish", less, rows), less))
        if some
    ]
    return Section("Promises", told, tables)


def _calls(found: Comparison, rows: int) -> list[Section]:
    only = {"before": found.only("before", CALL), "after": found.only("after", CALL)}
    told = [
        f"{len(only['after']):,} calls only with the candidate, {len(only['before']):,} only without it."
    ]
    tables = [
        Table(_HEAD, _rows(some, rows), _of(f"only {side}", some, rows))
        for side, some in only.items()
        if some
    ]
    return [Section("Who would have been called when", told, tables)]


def _load(found: Comparison) -> Section:
    before, after = found.loads["before"], found.loads["after"]
    series = ("before", "after")
    return Section(
        "Load",
        (),
        (),
        [
            Bars("Calls by person", _pairs(before.people, after.people), series),
            Bars("Pages by person", _pairs(before.pages, after.pages), series),
            Bars(
                "Calls by the tier of the case",
                _pairs(_tiers(before.tiers), _tiers(after.tiers)),
                series,
            ),
        ],
    )


def _pairs(before: Counter[str], after: Counter[str]) -> list[tuple[str, list[float]]]:
    names = sorted(
        before.keys() | after.keys(), key=lambda one: (-max(before[one], after[one]), one)
    )
    return [(name, [float(before[name]), float(after[name])]) for name in names]


def _tiers(counted: Counter[int]) -> Counter[str]:
    return Counter({f"tier {tier}": count for tier, count in counted.items()})


def _rows(some: list[Mark], rows: int) -> list[tuple[str, str, str, str]]:
    shown = some[:rows] if rows else some
    return [(rfc3339(one.at), one.ticket, one.who or "–", one.what) for one in shown]


def _of(name: str, some: list[Mark], rows: int) -> str:
    hidden = len(some) - rows if rows else 0
    return f"{name}, the first {rows} of {len(some):,}" if hidden > 0 else name


def _count(number: int) -> str:
    return f"{number:,}"


def _sign(number: int) -> str:
    return f"{number:+,}" if number else "0"

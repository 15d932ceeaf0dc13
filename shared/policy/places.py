"""Where in a policy something stands, in the words of people rather than in keys.

A path is read as a title, a head (one row, ladder, department), axes (the severities, impacts, plans
and priorities that it is about) and what is said there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from shared.policy.shape.calls import TRIGGER_ID_LENGTH
from shared.policy.tree import Path

_AXES: Final[Sequence[tuple[str, tuple[str, ...]]]] = (
    ("severity", ("S1", "S2", "S3", "S4")),
    ("impact", ("I1", "I2", "I3", "I4")),
    (
        "plan",
        ("standard", "standard_vip", "premium", "premium_vip", "enterprise", "enterprise_vip"),
    ),
    ("priority", ("P1", "P2", "P3", "P4")),
)
_RANGED: Final = frozenset({"severity", "impact", "priority"})
_RUN: Final = 3
_PLAIN_PLANS: Final = ("standard", "premium", "enterprise")

_TITLES: Final[Mapping[str, str]] = {
    "policy": "Policy",
    "cells": "Cells",
    "severity": "Severity and impact",
    "impact": "Severity and impact",
    "overrides": "Flags",
    "targets": "Promises",
    "timers": "Promises",
    "calendar_for": "Calendars",
    "internal_calendar": "Calendars",
    "business_calendar": "Calendars",
    "calendars": "Calendars",
    "modifiers": "Plan and VIP",
    "triggers": "Triggers",
    "ladders": "Ladders",
    "statuses": "Statuses and pauses",
    "pause_guards": "Statuses and pauses",
    "waiting_customer_steps": "Statuses and pauses",
    "departments": "Departments",
    "department_rules": "Departments",
    "roles": "Roles and rights",
    "permissions": "Roles and rights",
    "required_info": "Forms",
}
_OTHER: Final = "Other rules"

_HEADS: Final[Mapping[str, str]] = {
    "overrides": "flag",
    "calendars": "calendar",
    "departments": "department",
    "roles": "role",
}
"""Sections whose first key is the name of something, and what that is."""

_SILENT: Final = frozenset({"cells", "targets", "modifiers", "policy"})
"""Sections that need not be named, since axes and title say where we are."""

_WORDS: Final[Mapping[str, str]] = {
    "t1_max": "dwell tier 1",
    "t2_max": "dwell tier 2",
    "exec_inform": "executives told after",
    "exec_decide": "executives asked after",
    "notify_at_start": "people at the start",
    "notify": "people",
    "to": "people",
    "ack": "acknowledgement",
    "acknowledge": "acknowledgement",
    "renotify": "called again every",
    "by": "act by",
    "resolve": "resolution",
    "extra_notify": "also told",
    "warn_at": "warned at",
    "ola": "agreement:",
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
    "closed": "closed on",
}


class Place(NamedTuple):
    """Where something stands.

    `title` is the group, `head` one named thing of it, `axes` the values by the order of
    severity, impact, plan and priority ("" for those that do not matter here), `what` the rest.
    """

    title: str
    head: str
    axes: tuple[str, ...]
    what: str


def ordered_titles() -> list[str]:
    """Return the titles in the order in which people read a policy."""
    return [*dict.fromkeys(_TITLES.values()), _OTHER]


def place_of(path: Path) -> Place:
    """Return where *path* is."""
    section = str(path[0])
    rest: list[str | int] = []
    axes = [""] * len(_AXES)
    for part in path[1:]:
        found = next((n for n, (_, known) in enumerate(_AXES) if part in known), None)
        if found is None or axes[found]:
            rest.append(part)
        else:
            axes[found] = str(part)
    head, left = _head(section, rest)
    return Place(_TITLES.get(section, _OTHER), head, tuple(axes), _what(section, left))


def span(places: Iterable[tuple[str, ...]]) -> str:
    """Return all *places*, given by their axes, in as few words as say them exactly."""
    listed = list(dict.fromkeys(places))
    used = [n for n in range(len(_AXES)) if any(one[n] for one in listed)]
    kinds = [_AXES[n] for n in used]
    return "; ".join(_merged([tuple(one[n] for n in used) for one in listed], kinds))


def _merged(
    places: Sequence[tuple[str, ...]], kinds: Sequence[tuple[str, tuple[str, ...]]]
) -> list[str]:
    """Return the rectangles that *places* are made of, each as `S2 × I2–I4`."""
    if not kinds:
        return []
    if len(kinds) == 1:
        return [_range([one[0] for one in places], *kinds[0])]
    rests: dict[str, list[tuple[str, ...]]] = {}
    for first, *others in places:
        rests.setdefault(first, []).append(tuple(others))
    alike: dict[tuple[str, ...], list[str]] = {}
    for first in sorted(rests, key=kinds[0][1].index):
        alike.setdefault(tuple(_merged(rests[first], kinds[1:])), []).append(first)
    return [
        f"{_range(firsts, *kinds[0])} × {rest}"
        for rest_of, firsts in alike.items()
        for rest in rest_of
    ]


def _range(values: Sequence[str], kind: str, known: tuple[str, ...]) -> str:
    ordered = sorted(set(values), key=known.index)
    if tuple(ordered) in (known, _PLAIN_PLANS):
        return f"every {kind}"
    if kind not in _RANGED:
        return ", ".join(ordered)
    runs: list[list[str]] = []
    for value in ordered:
        if runs and known.index(value) == known.index(runs[-1][-1]) + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    told = [[f"{run[0]}–{run[-1]}"] if len(run) >= _RUN else run for run in runs]
    return ", ".join(value for run in told for value in run)


def _head(section: str, rest: list[str | int]) -> tuple[str, list[str | int]]:
    """Return the one thing that is spoken of, and what is left of *rest*."""
    first = str(rest[0]) if rest else ""
    if section in _HEADS and first:
        return f"{_HEADS[section]} {first}", rest[1:]
    if section == "triggers" and first.startswith("T"):
        number, name = first[:TRIGGER_ID_LENGTH], first[TRIGGER_ID_LENGTH + 1 :]
        return f"{number} {_spoken(name)}", rest[1:]
    if section == "ladders":
        return ("ladder exec", rest[1:]) if first == "exec" else ("ladder", rest)
    return ("" if section in _SILENT | {"triggers"} else _spoken(section)), rest


def _what(section: str, rest: Iterable[str | int]) -> str:
    parts: list[str] = []
    for part in rest:
        if isinstance(part, int):
            parts = [*parts[:-1], f"{_singular(parts)} {part + 1}"]
        elif section == "triggers" and part == "to":
            parts.append("goes")
        else:
            parts.append(_WORDS.get(part, _spoken(part)))
    return " ".join(parts)


def _singular(parts: Sequence[str]) -> str:
    last = parts[-1] if parts else "item"
    return last.removesuffix("s")


def _spoken(key: str) -> str:
    return key.replace("_", " ")

"""What changes from one version of a policy to another, in lines that a lead reads in a minute.

Every value that differs is in exactly one line. Equal changes of several cells, plans or priorities
are one line, `S2 × I2–I4: dwell tier 2 from 4 h to 2 h`; how values are written, and comments, do not
count (Policy versions).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from shared.policy.document import Policy
from shared.policy.places import Place, ordered_titles, place_of, span
from shared.policy.tree import Path, dotted
from shared.policy.values import Changed, changed, said, written

_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One line: a value that changes in the same way wherever it stands.

    Attributes:
        title: The group of lines it belongs to, such as `Cells`.
        where: The cells, plans, priorities, row, ladder or department; may be empty.
        what: What changes there, such as `dwell tier 2`; may be empty.
        how: From what to what.
        before: The value before, as people read it; None where there was none.
        after: The value after, likewise.
        paths: Every key path that the line stands for.
    """

    title: str
    where: str
    what: str
    how: str
    before: str | None
    after: str | None
    paths: tuple[str, ...]

    @property
    def text(self) -> str:
        """The line without its title."""
        told = " ".join(part for part in (self.what, self.how) if part)
        return f"{self.where}: {told}" if self.where else told

    def document(self) -> dict[str, Any]:
        """Return the line for programs."""
        return {
            "title": self.title,
            "text": self.text,
            "before": self.before,
            "after": self.after,
            "paths": self.paths,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions; *before* and *after* are their references."""

    before: Mapping[str, str | int]
    after: Mapping[str, str | int]
    changes: tuple[Change, ...]

    @property
    def is_same(self) -> bool:
        """Whether both mean the same, whatever their numbers and comments are."""
        return not self.changes

    def groups(self) -> list[tuple[str, list[Change]]]:
        """Return the lines by title, in the order in which a policy is read."""
        return [(title, list(of)) for title, of in groupby(self.changes, lambda one: one.title)]

    def summary(self) -> str:
        """Return all of it in one line."""
        if not self.changes:
            return "the same rules"
        told = "; ".join(one.text for one in self.changes[:_TOLD])
        more = len(self.changes) - _TOLD
        return f"{told}; and {more} more" if more > 0 else told

    def document(self) -> dict[str, Any]:
        """Return the difference for programs."""
        return {
            "same": self.is_same,
            "before": dict(self.before),
            "after": dict(self.after),
            "changes": [one.document() for one in self.changes],
        }


def difference(old: Policy, new: Policy) -> Difference:
    """Return what changes from *old* to *new*; version numbers alone are no change."""
    found = [
        one for one in changed(said(old.file), said(new.file)) if one.path != ("policy", "version")
    ]
    return Difference(old.reference, new.reference, tuple(_lines(found)))


def _lines(found: Iterable[Changed]) -> list[Change]:
    """Return one line for all that change in the same way, in the order of titles."""
    alike: dict[tuple[str, ...], list[tuple[Place, Changed]]] = {}
    for one in found:
        place = place_of(one.path)
        same = (place.title, place.head, place.what, repr(one.before), repr(one.after))
        alike.setdefault(same, []).append((place, one))
    lines = [_line(together) for together in alike.values()]
    titles = ordered_titles()
    return sorted(lines, key=lambda one: titles.index(one.title))


def _line(together: list[tuple[Place, Changed]]) -> Change:
    place, one = together[0]
    spanned = span([each.axes for each, _ in together])
    return Change(
        title=place.title,
        where=" ".join(part for part in (place.head, spanned) if part),
        what=place.what,
        how=_how(one),
        before=None if one.before is None else written(one.path, one.before),
        after=None if one.after is None else written(one.path, one.after),
        paths=tuple(dotted(each.path) for _, each in together),
    )


def _how(one: Changed) -> str:
    before, after = written(one.path, one.before), written(one.path, one.after)
    is_whole = one.path[0] in _NAMED or isinstance(one.before or one.after, Mapping)
    if is_whole and one.after is None:
        return f"removed (was {before})"
    if is_whole and one.before is None:
        return f"added ({after})"
    if _is_list_of_words(one.before) and _is_list_of_words(one.after):
        return _members(*(_words(one.path, listed) for listed in (one.before, one.after)))
    return f"from {before} to {after}"


_NAMED: Final = frozenset({"roles", "calendars"})
"""Sections whose texts stand under names of their own: a role, a closed day."""


def _is_list_of_words(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def _words(path: Path, listed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(written(path, one) for one in listed)


def _members(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    more = [one for one in after if one not in before]
    less = [one for one in before if one not in after]
    if not more and not less:
        return f"in the order {', '.join(after)}"
    signed = [
        ", ".join(f"{sign}{one}" for one in listed) for sign, listed in (("+", more), ("-", less))
    ]
    return ", ".join(part for part in signed if part)

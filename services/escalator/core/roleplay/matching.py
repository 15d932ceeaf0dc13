"""Whether a line of the transcript is what a role-play asks for, and what it lacks if not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from services.escalator.core.roleplay.offsets import told
from services.escalator.core.roleplay.shape import Need
from services.escalator.core.roleplay.transcript import Entry
from shared.contract.times import Instant, parse_instant

SHORTEST_FIELD: Final = 4
"""Characters that a text in a form has at least; less says nothing to the next tier."""

_MISSING: Final = object()


class Matcher:
    """Needs held against the lines of a transcript.

    Args:
        start: When the role-play starts.
        source: The helpdesk of its tickets.
        forms: The forms of the policy.
    """

    def __init__(self, start: Instant, source: str, forms: Mapping[str, tuple[str, ...]]) -> None:
        self._start = start
        self._source = source
        self._forms = forms

    def found(
        self,
        need: Need,
        lines: Sequence[Entry],
        seats: frozenset[str],
        *,
        even_refused: bool = False,
    ) -> list[Entry]:
        """Return the lines that are what *need* asks for, done by its seat or one of *seats*."""
        seats = frozenset([need.seat]) if need.seat else seats
        return [
            one
            for n, one in enumerate(lines)
            if self.is_about(need, one, seats)
            and not self.lacking(need, one, even_refused=even_refused)
            and (need.after is None or self.found(need.after, lines[:n], seats))
            and (need.without is None or not self.found(need.without, lines[:n], seats))
        ]

    def is_about(self, need: Need, one: Entry, seats: frozenset[str]) -> bool:
        """Whether *one* is of the kind that *need* asks for, done by whom it asks."""
        if need.decision is not None:
            return one.kind == "decision" and one.name == need.decision
        return one.kind == "act" and one.name == need.act and one.seat in seats

    def lacking(self, need: Need, one: Entry, *, even_refused: bool = False) -> list[str]:
        """Return what *one* lacks of *need*, in words; nothing if it is what is asked for."""
        flaws = []
        if one.refused is not None and not even_refused:
            flaws.append(f"it was refused: {one.refused.replace('_', ' ')}")
        if need.not_before is not None and one.at < self._start + need.not_before:
            flaws.append(f"it came before {told(need.not_before)}")
        if need.before is not None and one.at >= self._start + need.before:
            flaws.append(f"it came after {told(need.before)}")
        if need.ticket is not None and not self._is_on(need.ticket, one):
            flaws.append(f"it was not on {need.ticket}")
        flaws += [
            f"{path} is not {_asked(want)}"
            for path, want in need.holds.items()
            if not holds(want, _at(one.data, path))
        ]
        flaws += _unsaid(need, one.text)
        asked = (*self._forms.get(need.form or "", ()), *need.fields)
        blank = unfilled(asked, {**one.data, **(one.data.get("info") or {})})
        flaws += [f"the form lacks {', '.join(blank)}"] if blank else []
        return flaws

    def _is_on(self, wanted: str, one: Entry) -> bool:
        if wanted == "group":
            return one.ticket is not None and one.ticket.startswith("group:")
        return one.ticket == f"{self._source}:{wanted}"


def _unsaid(need: Need, text: str) -> list[str]:
    """Return what *text* does not say that it should, or says that it should not."""
    lowered = text.lower()
    flaws = [
        f"it says nothing of {words.replace('|', ' or ')}"
        for words in need.says
        if not any(word.strip().lower() in lowered for word in words.split("|"))
    ]
    flaws += [f"it says “{word}”" for word in need.lacks if word.lower() in lowered]
    if len(text.strip()) < need.length:
        flaws.append(f"it is shorter than {need.length} characters")
    return flaws


def unfilled(fields: Iterable[str], info: Mapping[str, Any]) -> list[str]:
    """Return the *fields* that *info* leaves empty, or fills with what says nothing.

    A text has some characters; a time (`…_iso8601`, `needed_by`, `decide_by`) has a zone.
    """
    return [name for name in fields if not _is_filled(name, info.get(name))]


def _is_filled(name: str, value: Any) -> bool:
    if name.endswith("_iso8601") or name in ("needed_by", "decide_by", "next_check_at"):
        try:
            parse_instant(value)
        except (TypeError, ValueError):
            return False
        return True
    if isinstance(value, str):
        return len(value.strip()) >= SHORTEST_FIELD
    return value not in (None, False, [], {})


def holds(want: Any, got: Any) -> bool:
    """Whether *got* is what *want* writes: a value, or one of the words of `Need.holds`."""
    if not isinstance(want, dict):
        return bool(got == want)
    (word, value), *_ = want.items()
    match word:
        case "any_of":
            return got in value
        case "contains":
            return got is not _MISSING and got is not None and value in got
        case "below":
            return isinstance(got, int) and got < value
        case "like":
            return isinstance(got, str) and fnmatchcase(got, value)
        case "present":
            return (got is not _MISSING and got is not None and got != "") is bool(value)
        case _:
            return bool(got == want)


def _asked(want: Any) -> str:
    if not isinstance(want, dict):
        return str(want)
    (word, value), *_ = want.items()
    match word:
        case "any_of":
            return "one of " + ", ".join(map(str, value))
        case "present":
            return "given" if value else "absent"
        case _:
            return f"{word} {value}"


def _at(data: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(data, Mapping) or part not in data:
            return _MISSING
        data = data[part]
    return data

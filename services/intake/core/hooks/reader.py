"""One body as a mapping reads it: words looked up, times read, and what is not understood noted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from services.intake.core.hooks.places import Posted, Value, says, text_at, value
from services.intake.core.hooks.shape import Condition, HookMapping, SeverityPlace, StatusPlace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A word that the mapping does not know, or a time that is none.

    Attributes:
        field: What it would have said: `status`, `severity`, `author`, `opened_at`, ….
        column: Where it stands.
        word: The word.
    """

    field: str
    column: str
    word: str


@dataclass(frozen=True, slots=True)
class Reader:
    """A body and its mapping.

    Attributes:
        mapping: How it is read.
        posted: The body, or one object inside it.
        unknown: What was not understood so far; what it would have said is left out.
    """

    mapping: HookMapping
    posted: Posted
    unknown: list[Unknown] = field(default_factory=list)

    def inside(self, posted: Posted) -> Reader:
        """Return the reader of an object inside the body."""
        return replace(self, posted=posted)

    def text(self, place: str | None) -> str | None:
        """Return the text at *place*; None where there is no such place, or nothing there."""
        return None if place is None else text_at(place, self.posted)

    def texts(self, place: str) -> tuple[str, ...]:
        """Return the texts at *place*: one, those of a list, or none."""
        return listed(value(place, self.posted))

    def time(self, name: str, place: str | None) -> datetime | None:
        """Return the time at *place*; None, and noted as *name*, where it is none."""
        text = self.text(place)
        if place is None or text is None:
            return None
        try:
            return self.mapping.time.read(text)
        except ValueError:
            self.unknown.append(Unknown(name, place, text))
            return None

    def meaning(self, name: str, column: str, words: Mapping[str, T]) -> T | None:
        """Return what the word at *column* means; None, and noted as *name*, where it is unknown."""
        text = self.text(column)
        if text is None or text in self.mapping.unknown:
            return None
        found = known_word(words, text)
        if found is None:
            self.unknown.append(Unknown(name, column, text))
            return None
        return words[found]

    def first(self, name: str, chain: StatusPlace | SeverityPlace | None) -> tuple[str, str] | None:
        """Return the first word that a link of *chain* knows, as the mapping has it, and its meaning.

        Where none is known, the first one that stands alone is noted as *name*; one label of many
        says nothing of it.
        """
        link, unknown = chain, None
        while link is not None:
            for text in self.texts(link.column):
                word = known_word(link.words, text)
                if word is not None:
                    return word, str(link.words[word])
                if "[]" not in link.column:
                    unknown = unknown or Unknown(name, link.column, text)
            link = link.otherwise
        if unknown is not None:
            self.unknown.append(unknown)
        return None

    def holds(self, condition: Condition | None) -> bool:
        """Return whether the body says what *condition* asks for; never where there is none."""
        if condition is None:
            return False
        if not condition.words:
            return says(condition.column, self.posted)
        return any(among(one, condition.words) for one in self.texts(condition.column))


def listed(found: Value) -> tuple[str, ...]:
    """Return what stands at a place as a list of texts."""
    if found is None:
        return ()
    return (found,) if isinstance(found, str) else found


def known_word(words: Iterable[str], text: str) -> str | None:
    """Return which of *words* is *text*; products write one word in large and in small letters."""
    folded = text.casefold()
    near = None
    for word in words:
        if word == text:
            return word
        if near is None and word.casefold() == folded:
            near = word
    return near


def among(word: str, words: Iterable[str]) -> bool:
    """Return whether *word* is one of *words*, in whatever letters."""
    return known_word(words, word) is not None

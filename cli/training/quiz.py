"""Questions drawn from lessons, with the numbers of the policy in them, and their marks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from html import unescape
from typing import NamedTuple

from cli.training.shape import Lesson, Question

Fill = Callable[[str, str], str]
"""Fills a template: its name and its text."""


class Asked(NamedTuple):
    """A question as somebody is asked it: the choices in the order shown, the right one from 1."""

    id: str
    ask: str
    choices: tuple[str, ...]
    answer: int
    why: str


def filled(one: Question, fill: Fill) -> Asked:
    """Return *one* with the policy's numbers; wrong choices that become the right one are left out."""
    said = [plain(fill(one.id, choice)) for choice in one.choices]
    right = said[one.answer - 1]
    choices = tuple(dict.fromkeys(said))
    ask = plain(fill(one.id, one.ask))
    return Asked(one.id, ask, choices, choices.index(right) + 1, plain(fill(one.id, one.why)))


def drawn(lessons: Iterable[Lesson], count: int, fill: Fill, *, seed: str) -> list[Asked]:
    """Return *count* questions of *lessons* with their choices shuffled; *seed* decides which."""
    chance = random.Random(seed)  # noqa: S311  a draw of questions, not a secret
    pool = [question for lesson in lessons for question in lesson.questions]
    return [
        _shuffled(filled(one, fill), chance) for one in chance.sample(pool, min(count, len(pool)))
    ]


def right_ones(asked: Sequence[Asked], answers: Sequence[int | None]) -> list[bool]:
    """Return for each question whether its answer (from 1, None for none) is the right one."""
    return [one.answer == given for one, given in zip(asked, answers, strict=True)]


def _shuffled(one: Asked, chance: random.Random) -> Asked:
    choices = list(one.choices)
    chance.shuffle(choices)
    right = one.choices[one.answer - 1]
    return one._replace(choices=tuple(choices), answer=choices.index(right) + 1)


def plain(text: str) -> str:
    """Return what a template filled for a page says at a terminal."""
    return unescape(text)

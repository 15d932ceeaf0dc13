"""Paths, lessons and questions as their files write them."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import Field, PlainValidator

from shared.policy.notation import parse_share
from shared.policy.shape.base import Section

EVERYONE = "everyone"
"""Stands among the roles of a path for all of them."""


class RolePlays(Section):
    """Which role-plays a path asks for, and how many of them."""

    of: tuple[str, ...] = Field(min_length=1)
    at_least: int = Field(ge=1)


class TrainingPath(Section):
    """What somebody has to show to hold a certificate; it holds for `renew` months."""

    name: str
    roles: tuple[str, ...] = Field(min_length=1)
    lessons: tuple[str, ...] = Field(min_length=1)
    questions: int = Field(ge=1)
    passed_at: Annotated[Fraction, PlainValidator(parse_share)] = Field(alias="pass")
    roleplays: RolePlays | None = None
    signed: tuple[str, ...] = ()
    renew: int = Field(ge=1, le=60)

    def is_for(self, roles: set[str]) -> bool:
        """Whether somebody in one of *roles* needs it."""
        return EVERYONE in self.roles or not roles.isdisjoint(self.roles)


class Paths(Section):
    """All paths, by their letter."""

    paths: dict[str, TrainingPath] = Field(min_length=1)


class Question(Section):
    """A question with its choices; `answer` is the place of the right one, from 1."""

    id: str
    ask: str
    choices: tuple[str, ...] = Field(min_length=2)
    answer: int = Field(ge=1)
    why: str


class Lesson(Section):
    """What to read in the handbook, a text, and questions."""

    id: str
    title: str
    read: tuple[str, ...] = Field(min_length=1)
    text: str
    questions: tuple[Question, ...] = Field(min_length=1)

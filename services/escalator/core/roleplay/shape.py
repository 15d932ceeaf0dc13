"""A role-play as its file writes it: what happens, what is expected of whom, and for what reason."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PlainValidator

from services.escalator.core.roleplay.acting import AnyAct
from services.escalator.core.roleplay.offsets import Offset
from shared.contract.times import Instant, Seconds, parse_instant
from shared.policy.notation import refuse
from shared.policy.shape.base import Section


def _start(given: Any) -> Instant:
    try:
        return parse_instant(given)
    except (TypeError, ValueError):
        refuse(f"`{given}` is no time with a zone", "Write it as 2026-03-02T08:00:00Z.")


Start: TypeAlias = Annotated[Instant, PlainValidator(_start)]
"""An RFC 3339 time, with a zone."""


class Need(Section):
    """What must be found in the transcript: an act of a seat, or a decision of the engine.

    Attributes:
        act: The verb.
        decision: The type of a decision.
        seat: Who did it; by default the seat of the expectation, or any trainee.
        ticket: On which ticket; by default on any.
        holds: What its keys hold, by dotted path: a value, `{any_of: […]}`, `{contains: …}`,
            `{below: n}`, `{present: true}` or `{like: text*}`.
        says: Words that its text has, every one; `a|b` is either.
        lacks: Words that its text has none of.
        length: The fewest characters of its text.
        form: A form of the policy whose every field it fills with something to read.
        fields: Fields that it fills so.
        times: How often it must be found.
        not_before: What was done sooner does not count.
        before: What was done then or later does not count.
        after: It counts only where this has been found before.
        without: It counts only where this has not been found before.
    """

    act: str | None = None
    decision: str | None = None
    seat: str | None = None
    ticket: str | None = None
    holds: dict[str, Any] = Field(default_factory=dict)
    says: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    length: int = 0
    form: str | None = None
    fields: tuple[str, ...] = ()
    times: int = 1
    not_before: Offset | None = None
    before: Offset | None = None
    after: Need | None = None
    without: Need | None = None


class Expected(Section):
    """Something that a seat has to do: in full until `by`, half until half as long again.

    `why` is the reason by the written procedure, `page` where the handbook says so. Where all
    of `instead` is found, that will do as well. `spoilt_by` takes the points away whenever it is
    found. What is marked `judge` the engine can only see to be
    there; a trainer confirms it from the text.
    """

    id: str
    seat: str
    what: str
    by: Offset
    points: int = Field(gt=0, le=100)
    why: str
    page: str
    needs: tuple[Need, ...] = Field(min_length=1)
    instead: tuple[Need, ...] = ()
    spoilt_by: tuple[Need, ...] = ()
    since: Offset = Seconds(0)
    judge: bool = False


class Forbidden(Section):
    """Something that nobody may do; a critical one fails the run whatever the sum."""

    id: str
    what: str
    points: int = Field(gt=0, le=100)
    critical: bool = False
    why: str
    page: str
    when: tuple[Need, ...] = Field(min_length=1)


class Storm(Section):
    """Many tickets alike: `{n}` in `data` is the number of the ticket, `{n%K}` its remainder."""

    tickets: int = Field(ge=1, le=20_000)
    per_second: int = Field(ge=1, le=1000)
    again_at: Offset | None = None


class Inject(Section):
    """Something that happens by itself: an event, or a word in a room; `show` tells the trainee."""

    at: Offset
    show: str = ""
    event: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    ticket: str | None = None
    room: str | None = None
    who: str | None = None
    only_if: Need | None = None
    unless: Need | None = None
    storm: Storm | None = None
    each: tuple[str, ...] = ()


class Scenario(Section):
    """One role-play, whole."""

    id: str
    title: str
    teaches: tuple[str, ...] = Field(min_length=1)
    level: Literal[1, 2, 3]
    seats: tuple[str, ...] = Field(min_length=1)
    start: Start
    until: Offset
    ticket: str
    story: str
    inject: tuple[Inject, ...] = Field(min_length=1)
    expect: tuple[Expected, ...] = Field(min_length=1)
    never: tuple[Forbidden, ...] = ()
    debrief: tuple[str, ...] = Field(min_length=1)


class Verdict(Section):
    """What a trainer says of an item that only a person can judge."""

    item: str
    met: bool
    reason: str


class Script(Section):
    """Acts in the order of time, for a run without a terminal; `loses` says what they cost."""

    roleplay: str
    about: str
    acts: tuple[AnyAct, ...] = ()
    judged: tuple[Verdict, ...] = ()
    loses: dict[str, float] = Field(default_factory=dict)

"""Markdown with the numbers and names of one policy and one roster in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, TemplateError

from cli.channels.example import PEOPLE, an_example
from cli.handbook.sources import UnreadablePageError
from cli.training.cover import Seat
from cli.training.library import shipped_paths
from services.notifier.core.duty import Duty, duties
from services.notifier.core.message import Message
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.words import ENGLISH, Words
from shared.contract.lengths import hours
from shared.contract.reasons import TRIGGERS
from shared.contract.sentences import words
from shared.policy.document import Policy
from shared.policy.notation import Addressee
from shared.policy.shape.timing import StatusShape
from shared.review.thresholds import LIMITS
from shared.runtime.clock import real_now

_RACI: Final = {"R": "responsible", "A": "accountable", "C": "consulted", "I": "informed"}
_HOUR: Final = 3600
_ENTITIES: Final = {letter: f"&#{ord(letter)};" for letter in "&<>\"'*`[]\\|"}
_LEADING: Final = ("t1_lead", "t2_lead", "t3_lead", "escalation_manager")
_TO_CUSTOMERS: Final = "customer_"
_ABOUT: Final = "the title of the ticket"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHORT: Final = {"qa": "QA", "it": "IT"}


def filler(policy: Policy, roster: Roster, seats: Sequence[Seat] = ()) -> Callable[[str, str], str]:
    """Return what fills a template: called with its name and text, it returns Markdown.

    *seats* is who holds which certificate; empty where no records are known.

    What is filled in raises `UnreadablePageError` where a template names what the policy has not.
    """
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  `finalize` escapes, for Markdown as well as for HTML
        finalize=_escaped,
    )
    environment.filters |= {
        "span": _span,
        "share": lambda share: f"{float(Fraction(share) * 100):g} %",
        "number": lambda share: f"{float(Fraction(share)):g}",
        "words": _words,
        "words_of": lambda listed: ", ".join(_words(one) for one in listed) or "nothing",
        "title_case": lambda name: _SHORT.get(name, str(name).capitalize()),
        "hours": _hours,
        "day_length": _day_length,
    }
    known = _known(policy, roster) | {"paths": shipped_paths(), "seats": seats}

    def fill(name: str, text: str) -> str:
        try:
            return environment.from_string(text).render(known)
        except (TemplateError, TypeError, ValueError) as error:
            msg = f"{name}: {error}; every name in braces is one of the policy"
            raise UnreadablePageError(msg) from error

    return fill


def _known(policy: Policy, roster: Roster) -> dict[str, Any]:
    file = policy.file
    ladders = [(name, getattr(file.ladders, name)) for name in ("P1", "P2", "P3", "P4")]
    raci = file.raci.model_dump()
    channels = [
        (name, getattr(file.channels, name))
        for name in type(file.channels).model_fields
        if name != "wrong_place"
    ]

    def who(role: str) -> str:
        contact = roster.seated(role, tier=1, facts=TicketFacts(), at=real_now())
        return _words(role) if contact is None else contact.name

    def people(listed: Iterable[str | Addressee]) -> str:
        return ", ".join(_person(one) for one in listed) or "nobody"

    return {
        "policy": file,
        "policy_text": policy.text,
        "letters": _letters(),
        "limits": LIMITS,
        "version": policy.reference,
        "forms": policy.forms,
        "roles": file.roles,
        "cells": [(name, list(row.table().items())) for name, row in file.cells.table().items()],
        "impact": list(file.impact.table().items()),
        "ladders": ladders,
        "longest_ladder": max(len(one.steps) for _, one in ladders),
        "triggers": list(file.triggers.rows().items()),
        "channels": channels,
        "raci": raci,
        "raci_columns": list(next(iter(raci.values()))),
        "raci_words": _RACI,
        "reasons": TRIGGERS,
        "by_priority": lambda table: list(table.table().items()),
        "by_severity": lambda table: list(table.table().items()),
        "standing": _standing,
        "leading": [_shift(one, roster) for one in duties(roster, real_now(), _LEADING)],
        "who": who,
        "people": people,
    }


@cache
def _letters() -> Mapping[str, Message]:
    """Return the letters to customers as they ship, by name: what a person fills in and sends."""
    shipped = Words(public_url=PEOPLE)
    return {
        name: shipped.letter(name, an_example(name, _ABOUT), language=ENGLISH)
        for name in shipped.letters
        if name.startswith(_TO_CUSTOMERS)
    }


def _standing(status: StatusShape) -> list[str]:
    """Return the clocks that do not run in *status*."""
    timers = [name for name in StatusShape.model_fields if name != "every"]
    return [name for name in timers if status.treatment(name) != "run"]


def _shift(one: Duty, roster: Roster) -> Mapping[str, str]:
    """Return who leads in this shift, until when, and who then, in words."""
    then = "nobody" if one.then is None else roster.contacts[one.then].name
    return {
        "role": one.role,
        "now": one.name or "nobody",
        "until": "–" if one.until is None else f"{one.until:%Y-%m-%d %H:%M} UTC",
        "then": "–" if one.until is None else then,
    }


def _escaped(value: Any) -> str:
    """Return what a policy or roster says so that neither HTML nor Markdown takes it for its own."""
    return "".join(_ENTITIES.get(letter, letter) for letter in str(value))


def _person(one: str | Addressee) -> str:
    if isinstance(one, Addressee):
        return f"{words(one.role)}{' (for information)' if one.fyi else ''}"
    return words(one)


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _span(seconds: int | None) -> str:
    # The sum makes a name that the policy has not fail here, by its name.
    return "–" if seconds is None else hours(seconds + 0)


def _hours(calendar: Any) -> str:
    days: Mapping[str, Any] = calendar.open.days()
    return ", ".join(
        f"{day} {' and '.join(f'{_clock(a)} to {_clock(b)}' for a, b in windows)}"
        for day, windows in zip(_DAYS, days.values(), strict=False)
        if windows
    )


def _day_length(calendar: Any) -> str:
    longest = max(sum(b - a for a, b in windows) for windows in calendar.open.days().values())
    return hours(longest)


def _clock(seconds: int) -> str:
    return f"{seconds // _HOUR:02}:{seconds // 60 % 60:02}"

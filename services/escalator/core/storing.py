"""A case as bytes and back, exactly; what has its default value is not written."""

from __future__ import annotations

from dataclasses import MISSING, fields
from fractions import Fraction
from typing import Any, Final

from pydantic_core import from_json, to_json

from services.escalator.core.case import (
    Call,
    Case,
    Crowd,
    Debt,
    Escalation,
    Fanout,
    Left,
    Timer,
    Watch,
)

_DEFAULTS: Final[dict[str, Any]] = {
    one.name: one.default if one.default is not MISSING else {}
    for one in fields(Case)
    if one.name != "ticket"
}
_TUPLES: Final = frozenset(
    one.name for one in fields(Case) if str(one.type).startswith(("tuple", "Order"))
)


def dump(case: Case) -> bytes:
    """Return *case* as JSON; `restore` gives it back exactly, fractions included."""
    held = case.__dict__
    plain: dict[str, Any] = {"ticket": case.ticket}
    plain |= {
        name: value
        for name, default in _DEFAULTS.items()
        # Most are the default itself, which costs less to see than that they are equal to it.
        if (value := held[name]) is not default and value != default
    }
    if case.timers:
        plain["timers"] = [[_plain(value) for value in timer] for timer in case.timers.values()]
    return to_json(plain)


def restore(text: bytes | str) -> Case:
    """Return the case that `dump` wrote."""
    plain: dict[str, Any] = from_json(text)
    for name in _TUPLES & plain.keys():
        plain[name] = _frozen(plain[name])
    if "timers" in plain:
        timers = (Timer(*(_share(value) for value in values)) for values in plain["timers"])
        plain["timers"] = {timer.name: timer for timer in timers}
    if "escalations" in plain:
        plain["escalations"] = tuple(_escalation(*one) for one in plain["escalations"])
    if "left" in plain:
        plain["left"] = tuple(Left(*one) for one in plain["left"])
    if "pending" in plain:
        plain["pending"] = tuple(Fanout(*one) for one in plain["pending"])
    if plain.get("crowd") is not None:
        crowd = Crowd(*plain["crowd"])
        told = tuple(Fanout(one[0], _frozen(one[1]), *one[2:]) for one in crowd.told)
        plain["crowd"] = crowd._replace(
            orgs=_frozen(crowd.orgs), told=told, customers=_frozen(crowd.customers)
        )
    if plain.get("watch") is not None:
        watch = Watch(*plain["watch"])
        plain["watch"] = watch._replace(recent=tuple((a, b, c) for a, b, c in watch.recent))
    return Case(**plain)


def _escalation(*values: Any) -> Escalation:
    one = Escalation(*values)
    return one._replace(
        call=None if one.call is None else Call(*one.call),
        debt=None if one.debt is None else Debt(*one.debt),
    )


def _plain(value: Any) -> Any:
    # Not `isinstance`, which asks an abstract class and takes ten times as long.
    return [value.numerator, value.denominator] if type(value) is Fraction else value


def _share(value: Any) -> Any:
    return Fraction(*value) if isinstance(value, list) else value


def _frozen(value: Any) -> Any:
    """Return *value* with every list in it made a tuple again."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value

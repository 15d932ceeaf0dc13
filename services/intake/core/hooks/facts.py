"""What a body says of its ticket: facts within the bounds of the contract, and the status."""

from __future__ import annotations

from typing import Any, Final

from services.intake.core.hooks.places import is_told
from services.intake.core.hooks.reader import Reader, among, known_word
from services.intake.core.hooks.shape import HookMapping
from shared.contract.vocabulary import Implied, Status

_LONGEST: Final = {"title": 2000, "url": 2000}
_LONGEST_NAME: Final = 256
_MOST_PEOPLE: Final = 2_000_000_000
_NEVER_FORGOTTEN: Final = frozenset({"customer", "affected_users", "affected_orgs"})


def facts_of(reader: Reader) -> dict[str, Any]:
    """Return the facts that the body tells; None where it tells that there is nothing.

    Of severity, counts and customer only what is known is told: nobody forgets them.
    """
    mapping = reader.mapping
    texts = {
        place: None if (text := reader.text(place)) in mapping.unknown else text
        for place in mapping.plain_columns()
        if is_told(place, reader.posted)
    }
    facts = mapping.plain_facts(texts)
    severity = reader.first("severity", mapping.severity)
    if severity is not None:
        facts["severity"] = severity[1]
    facts |= {count: _count(reader, count) for count in mapping.counts}
    facts["customer"] = _customer(reader, facts.get("customer"))
    if mapping.tags is not None and is_told(mapping.tags, reader.posted):
        facts["tags"] = list(reader.texts(mapping.tags))
    if mapping.flags is not None and is_told(mapping.flags.column, reader.posted):
        words = mapping.flags.words
        labels = (known_word(words, one) for one in reader.texts(mapping.flags.column))
        facts["flags"] = list(dict.fromkeys(words[one] for one in labels if one is not None))
    return {
        name: _fitting(name, one)
        for name, one in facts.items()
        if not (one is None and name in _NEVER_FORGOTTEN)
    }


def status_of(reader: Reader) -> dict[str, Any]:
    """Return the status that the body tells, and what turning to it implies."""
    if reader.holds(reader.mapping.deleted):
        return {"status": Status.CANCELLED.value}
    found = reader.first("status", reader.mapping.status)
    if found is None:
        return {}
    word, status = found
    implied = implied_by(reader.mapping, word)
    return {"status": status} | ({} if implied is None else {"implies": implied.value})


def implied_by(mapping: HookMapping, word: str) -> Implied | None:
    """Return what somebody has written to the customer if a ticket turns to the status *word*."""
    becomes = (one for one in mapping.messages if among(word, one.status_becomes))
    leaves = (
        one for one in mapping.messages if one.status_leaves and not among(word, one.status_leaves)
    )
    rule = next(becomes, None) or next(leaves, None)
    if rule is None:
        return None
    if rule.asks_customer:
        return Implied.QUESTION
    return Implied.FIRST_REPLY if rule.first_only else Implied.REPLY


def cut(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return *text* in at most *longest* characters; a name's bound is the default."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _count(reader: Reader, count: Any) -> int | None:
    place = reader.mapping.counts[count]
    text = reader.text(place.column)
    if not place.words and text is not None and text.isdecimal():
        return min(int(text[:20]), _MOST_PEOPLE)
    return reader.meaning(count, place.column, place.words)


def _customer(reader: Reader, plain: dict[str, Any] | None) -> dict[str, Any] | None:
    mapping = reader.mapping
    customer = dict(plain or {})
    for name, place in (("plan", mapping.plan), ("vip", mapping.vip)):
        meant: object = None
        if place is not None:
            meant = reader.meaning(name, place.column, place.words)
        if meant is not None:
            customer[name] = meant
    return customer or None


def _fitting(name: str, one: Any) -> Any:
    if isinstance(one, dict):
        return {key: _fitting(key, part) for key, part in one.items()}
    if isinstance(one, list):
        return [_fitting(name, part) for part in one]
    return cut(one, _LONGEST.get(name, _LONGEST_NAME)) if isinstance(one, str) else one

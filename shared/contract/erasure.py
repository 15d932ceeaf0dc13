"""Persons who are to be forgotten, and what becomes of a message that speaks of them.

A topic is never edited, so whoever keeps a copy of a message, or reads it again, has it pass through
`Erasures.applied`. What is erased is known by a digest alone: the list of erasures names nobody.

A person's name becomes the same pseudonym everywhere, so that acts can still be told apart and a case
decides as it did. What the person wrote, and what was written on their tickets, goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from shared.contract.events import EVENT_MODELS, Customer
from shared.contract.personal import FORMS, INSTANTS, PERSONS, TEXTS

ERASED: Final = "[erased]"
"""What stands where somebody has written."""

_NAMING: Final = PERSONS | {"person", "address", "sender"}
_DRAFT: Final = "form"
# What the contract or a policy says with one of its words is nobody's name.
_WORDS: Final = frozenset(
    {"type", "role", "status", "state", "severity", "priority", "cell", "tier", "track", "target"}
    | {"timer", "calendar", "mode", "code", "reason_code", "flag", "flags", "note_kind", "author"}
    | {"triggers", "rule", "plan", "region", "department", "service", "component", "symptom"}
    | {"category", "cause_class", "policy", "ticket", "subject", "source", "id", "specversion"}
    | {"datacontenttype", "dataschema", "channel", "step", "act", "missing", "allowed", "kind"}
    | {"escalation_id", "group_id", "act_id", "delivery_id", "decision_id"}
)
_TOKEN: Final = re.compile(r"\w[\w.@+'-]*")
_EDGE: Final = ".@+'-"
_END: Final = datetime.max.replace(tzinfo=UTC)


class OfPerson(NamedTuple):
    """What is erased of one name.

    Attributes:
        until: What was received up to then is erased; aware.
        words: Of how many words the name is made.
        in_texts: Whether it is looked for within texts, and not only where it stands alone.
    """

    until: datetime
    words: int
    in_texts: bool


class OfTicket(NamedTuple):
    """What is erased of one ticket: up to when, and whether everybody's name goes, not the texts alone."""

    until: datetime
    names: bool


@lru_cache(maxsize=65_536)
def digest_of(name: str) -> bytes:
    """Return by what a person called *name* is known once erased; case and punctuation do not count."""
    return sha256(b"tierline erasure\0" + " ".join(_words(name)).encode()).digest()


def pseudonym_of(digest: bytes) -> str:
    """Return what stands where the name of *digest* stood."""
    return f"erased-{digest.hex()[:12]}"


def person_of(name: str, until: datetime) -> OfPerson:
    """Return what is to be erased of the person called *name*, of what was received up to *until*.

    An address or a full name is also looked for within texts. A name of one word is not: it may be
    anybody's, or a word of the language.

    Raises:
        ValueError: It is no name: nothing but punctuation, or longer than a name may be.
    """
    words = len(_words(name))
    if words == 0 or len(name) > _LONGEST_NAME:
        msg = f"{name[:80]!r} is no name: it needs a letter or a digit, and {_LONGEST_NAME} characters at most"
        raise ValueError(msg)
    return OfPerson(until, words, in_texts=words > 1 or "@" in name)


@dataclass(frozen=True)
class Erasures:
    """Everything that was erased so far.

    Attributes:
        persons: By the digest of a name, what is erased of it.
        tickets: By key, what is erased of the ticket as a whole.
    """

    persons: Mapping[bytes, OfPerson] = field(default_factory=dict)
    tickets: Mapping[str, OfTicket] = field(default_factory=dict)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Of how many words names are made, the longest first."""
        return tuple(sorted({one.words for one in self.persons.values()}, reverse=True))

    def __bool__(self) -> bool:
        """Whether anything was erased at all."""
        return bool(self.persons or self.tickets)

    def for_good(self) -> Erasures:
        """Return the same without end: what is received later is erased as well."""
        return Erasures(
            {key: one._replace(until=_END) for key, one in self.persons.items()},
            {key: OfTicket(_END, one.names) for key, one in self.tickets.items()},
        )

    def applied(self, document: Any, *, ticket: str, received_at: datetime) -> Any:
        """Return *document*, a message or a part of one as plain JSON, without what is erased.

        Args:
            document: It is not changed.
            ticket: The key of the ticket that it is about.
            received_at: When Tierline first had it; what came after an erasure stays.
        """
        return _Pass(self, ticket, received_at).value(document)

    def subject_until(self, data: Mapping[str, Any]) -> datetime | None:
        """Return up to when the ticket of *data*, of an event, is that of somebody who is erased.

        None where it is nobody's who is.
        """
        customer = data.get("customer")
        named = [data.get("requester")]
        named += [customer.get(one) for one in ("id", "name")] if isinstance(customer, dict) else []
        ends = [
            found.until
            for one in named
            if isinstance(one, str) and (found := self.persons.get(digest_of(one))) is not None
        ]
        return max(ends, default=None)

    def mentioned_in(self, text: str) -> bool:
        """Whether *text*, in no form that can be read, has the name of somebody who is erased."""
        looked_for = {key: one._replace(in_texts=True) for key, one in self.persons.items()}
        return _Pass(Erasures(looked_for).for_good(), "", _END).prose(text) != text


class _Pass:
    """One document on its way through."""

    def __init__(self, erasures: Erasures, ticket: str, received_at: datetime) -> None:
        self._erasures = erasures
        self._at = received_at
        whole = erasures.tickets.get(ticket)
        self._texts = whole is not None and received_at <= whole.until
        self._everybody = self._texts and whole is not None and whole.names

    def value(self, value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return self._object(value)
            case list():
                return [self.value(one, key) for one in value]
            case str() if key not in _WORDS:
                return self.prose(value)
            case _:
                return value

    def prose(self, text: str) -> str:
        """Return *text*, a name or a text, with erased names replaced."""
        if self._is_erased(text):
            return pseudonym_of(digest_of(text))
        for start, end in reversed(list(self._mentions(text))):
            text = f"{text[:start]}{pseudonym_of(digest_of(text[start:end]))}{text[end:]}"
        return text

    def _object(self, plain: dict[str, Any]) -> dict[str, Any]:
        kind = plain.get("type")
        if isinstance(plain.get("data"), dict) and isinstance(kind, str):
            data = self._data(plain["data"], kind)
            return {name: data if name == "data" else one for name, one in plain.items()}
        return self._data(plain, "")

    def _data(self, plain: dict[str, Any], kind: str) -> dict[str, Any]:
        """Return the data of a message of type *kind*, or any other object."""
        texts = self._texts or any(self._names(name, one) for name, one in plain.items())
        decided = "because" in plain or "decision_id" in plain
        # A decision may be called as the event that it answers is, and has fields of its own.
        model = None if decided else EVENT_MODELS.get(kind)
        done: dict[str, Any] = {}
        for name, one in plain.items():
            if texts and model is not None and name not in model.model_fields:
                continue
            if texts and name in TEXTS and not (decided and name == "reason"):
                done[name] = _removed(one)
            elif texts and name in FORMS:
                done[name] = _form(one)
            elif texts and name == _DRAFT and isinstance(one, dict):
                done[name] = self._data(one, str(plain.get("act")))
            elif name == "customer" and isinstance(one, dict):
                done[name] = self._customer(one, strict=texts)
            elif name in _NAMING or (name == "to" and kind == "escalation.handed_over"):
                done[name] = self._person(one)
            else:
                done[name] = self.value(one, name)
        return done

    def _customer(self, plain: dict[str, Any], *, strict: bool) -> dict[str, Any]:
        return {
            name: self._person(one) if name in {"id", "name"} else self.value(one, name)
            for name, one in plain.items()
            if not strict or name in Customer.model_fields
        }

    def _person(self, name: Any) -> Any:
        if not isinstance(name, str) or not self._everybody or name.startswith("erased-"):
            return self.value(name)
        return pseudonym_of(digest_of(name))

    def _names(self, key: str, value: Any) -> bool:
        """Whether *value* under *key* says that somebody who is erased wrote this, or is its subject."""
        if key == "customer" and isinstance(value, dict):
            return any(self._names("by", value.get(one)) for one in ("id", "name"))
        named = key in _NAMING and isinstance(value, str)
        return named and self._is_erased(value)

    def _is_erased(self, name: str, *, in_text: bool = False) -> bool:
        if len(name) > _LONGEST_NAME:
            return False
        found = self._erasures.persons.get(digest_of(name))
        return found is not None and self._at <= found.until and (found.in_texts or not in_text)

    def _mentions(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield from where to where *text* has an erased name, in order, none within another."""
        if not self._erasures.lengths:
            return
        places = [
            (found.start(), found.start() + len(found.group().rstrip(_EDGE)))
            for found in _TOKEN.finditer(text)
        ]
        n = 0
        while n < len(places):
            step = 1
            for length in self._erasures.lengths:
                if n + length > len(places):
                    continue
                start, end = places[n][0], places[n + length - 1][1]
                if self._is_erased(text[start:end], in_text=True):
                    yield start, end
                    step = length
                    break
            n += step


_LONGEST_NAME: Final = 256


def _words(name: str) -> list[str]:
    return [one.rstrip(_EDGE).lower() for one in _TOKEN.findall(name)]


def _removed(value: Any) -> Any:
    match value:
        case None | bool() | "":
            return value
        case list():
            return []
        case _:
            return ERASED


def _form(form: Any) -> Any:
    """Return which fields were filled; of what was written, only times stay."""
    if not isinstance(form, dict):
        return _removed(form)
    return {
        name: one if name in INSTANTS or isinstance(one, bool | int | float) else _form(one)
        for name, one in form.items()
    }

"""A posted body, told as events of the contract by a mapping.

The whole ticket becomes one `ticket.observed`, from which the engine derives what has changed, in
the order of the helpdesk's own times. Ids are made of ticket and change, never of the delivery:
what is delivered again, or by a second webhook, is the same event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, TypeVar

from services.intake.core.hooks.places import Posted, is_told, items, says, text_at, value
from services.intake.core.hooks.shape import (
    Condition,
    FlagPlace,
    HookMapping,
    SeverityPlace,
    StatusPlace,
    TruthPlace,
    WrittenMessage,
)
from services.intake.core.hooks.unread import kept
from shared.contract.errors import Flaw
from shared.contract.ids import spelled_id
from shared.contract.times import instant, rfc3339
from shared.contract.vocabulary import Author, Implied, Status

T = TypeVar("T")

_CANONICAL: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
_BIRTH: Final = timedelta(hours=1)
"""A body written so soon after the ticket was opened tells how it began."""

FIELD: Final = "field"
"""Where the one field of a `pair` is found, by its name."""

_LONGEST: Final = {"title": 2000, "url": 2000}
_LONGEST_NAME: Final = 256
_LONGEST_TEXT: Final = 2000
_NEVER_FORGOTTEN: Final = frozenset({"customer", "affected_users", "affected_orgs", "severity"})


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


@dataclass(slots=True)
class Story:
    """What a body tells.

    Attributes:
        events: CloudEvents, in the order in which they are to be published.
        ignored: Why a body, or an item of it, tells nothing.
        unknown: Words that the mapping does not know; what they would have said is left out.
        flaws: Why a body, or an item of it, cannot be told.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


def tell(mapping: HookMapping, posted: Posted, *, source: str, received: datetime) -> Story:
    """Return the events that *posted* tells by *mapping*.

    Args:
        mapping: How to read it.
        posted: Body and headers.
        source: The source of the events.
        received: When it reached us; the time of what bears none.
    """
    story = Story()
    if not mapping.batch:
        bodies = [("", posted.body)]
    elif isinstance(posted.body, list):
        bodies = [(f"{number}.", one) for number, one in enumerate(posted.body)]
    else:
        remedy = f"{mapping.product} posts a list of changes: [{{…}}]."
        story.flaws.append(Flaw("", "no list", remedy))
        return story
    for prefix, body in bodies:
        if isinstance(body, dict):
            told = Posted(_spread(mapping, body, posted), posted.headers)
            _Telling(mapping, told, source, received, story, prefix).tell()
        else:
            flaw = Flaw(prefix.rstrip("."), "no object", "Post a JSON object there: {…}.")
            story.flaws.append(flaw)
    return story


def _spread(mapping: HookMapping, body: dict[str, Any], posted: Posted) -> dict[str, Any]:
    """Return *body* with the one field that it carries by name in a place of its own."""
    if mapping.pair is None:
        return body
    here = Posted(body, posted.headers)
    name = text_at(mapping.pair.name, here)
    return body if name is None else {**body, FIELD: {name: text_at(mapping.pair.value, here)}}


@dataclass(frozen=True, slots=True)
class _Telling:
    """One body on its way into the story; *prefix* is where it stands in what was posted."""

    mapping: HookMapping
    posted: Posted
    source: str
    received: datetime
    story: Story
    prefix: str

    def tell(self) -> None:
        """Add the events of the body, or why there are none."""
        takes = self.mapping.takes
        if takes is not None and not _holds(takes, self.posted):
            found = text_at(takes.column, self.posted) or "nothing"
            self.story.ignored.append(f"{found[:60]} at {takes.column} is not about tickets")
            return
        for one in self.mapping.ignore:
            if _holds(one, self.posted):
                self.story.ignored.append(one.because)
                return
        change = self.mapping.change
        ticket = text_at(change.ticket, self.posted)
        if ticket is None:
            remedy = "Post the ticket's id there, or correct change.ticket of the mapping."
            self._flaw(change.ticket, "no ticket is named", remedy)
            return
        written = None if change.written_at is None else text_at(change.written_at, self.posted)
        written_at = self._time("written_at", change.written_at, self.posted)
        if written is not None and written_at is None:
            problem = f"`{written[:60]}` is no time in the format {self.mapping.time.format}"
            remedy = "Post it so, or correct time.format of the mapping."
            self._flaw(change.written_at or "", problem, remedy)
            return
        opened_at = self._time("opened_at", change.opened_at, self.posted)
        self.story.events += self._events(ticket, written_at, opened_at)

    def _events(
        self, ticket: str, written_at: datetime | None, opened_at: datetime | None
    ) -> Iterator[dict[str, Any]]:
        at = written_at or self.received
        by = self._by()
        facts = self._facts()
        if opened_at is not None and at - opened_at <= _BIRTH:
            known = {name: one for name, one in facts.items() if one is not None}
            yield self._event(ticket, "opened", min(opened_at, at), by | known)
        yield from self._messages(ticket, at)
        seen = facts | self._status()
        if self.mapping.lowering is not None:
            seen["lowering"] = self.mapping.lowering.model_dump()
        revision = self._revision(written_at, by | seen)
        raw = kept(self.mapping, self.posted.body)
        yield self._event(ticket, f"seen:{revision}", at, by | seen | ({"raw": raw} if raw else {}))

    def _revision(self, written_at: datetime | None, seen: Mapping[str, Any]) -> str:
        """Return what tells this change of the ticket from any other."""
        place = self.mapping.change.revision
        named = None if place is None else text_at(place, self.posted)
        if named is not None:
            return named
        # Without a number or a time of its own, the same picture may come back as news.
        moment = rfc3339(instant(written_at)) if written_at else self.received.isoformat()[:-6]
        return f"{moment}:{sha256(_CANONICAL.encode(seen).encode()).hexdigest()[:16]}"

    def _by(self) -> dict[str, Any]:
        # Every event names somebody: within one second, those that do not would go before.
        place = self.mapping.change.written_by
        named = None if place is None else text_at(place, self.posted)
        return {"by": _cut(named or self.source, _LONGEST_NAME)}

    def _facts(self) -> dict[str, Any]:
        mapping, posted = self.mapping, self.posted
        texts = {
            place: None if (text := text_at(place, posted)) in mapping.unknown else text
            for place in mapping.plain_columns()
            if is_told(place, posted)
        }
        facts = mapping.plain_facts(texts)
        facts |= self._words("severity", mapping.severity)
        for count, one in mapping.counts.items():
            text = text_at(one.column, posted)
            if not one.words and text is not None and text.isdecimal():
                facts[count] = min(int(text), 2_000_000_000)
            else:
                facts |= self._looked_up(count, one.column, one.words)
        customer = dict(facts.pop("customer", None) or {})
        if mapping.plan is not None:
            customer |= self._looked_up("plan", mapping.plan.column, mapping.plan.words)
        if mapping.vip is not None:
            customer |= self._looked_up("vip", mapping.vip.column, mapping.vip.words)
        if customer:
            facts["customer"] = customer
        if mapping.tags is not None and is_told(mapping.tags, posted):
            facts["tags"] = [
                _cut(one, _LONGEST_NAME) for one in _listed(value(mapping.tags, posted))
            ]
        if mapping.flags is not None and is_told(mapping.flags.column, posted):
            facts["flags"] = self._flags(mapping.flags)
        return {
            name: _fitting(name, one)
            for name, one in facts.items()
            if not (one is None and name in _NEVER_FORGOTTEN)
        }

    def _flags(self, place: FlagPlace) -> list[str]:
        labels = _listed(value(place.column, self.posted))
        return list(dict.fromkeys(flag for one in labels if (flag := _meant(place.words, one))))

    def _status(self) -> dict[str, Any]:
        deleted, chain = self.mapping.deleted, self.mapping.status
        if deleted is not None and _holds(deleted, self.posted):
            return {"status": Status.CANCELLED.value}
        found = self._words("status", chain)
        word = _word(chain, self.posted)
        implied = None if not found or word is None else implied_by(self.mapping, word)
        return found | ({} if implied is None else {"implies": implied.value})

    def _words(self, name: str, chain: StatusPlace | SeverityPlace | None) -> dict[str, Any]:
        """Return what the first link of *chain* that knows its word says; note unknown words."""
        link, unknown = chain, None
        while link is not None:
            for text in _listed(value(link.column, self.posted)):
                meant = _meant(link.words, text)
                if meant is not None:
                    return {name: str(meant)}
                # One label of many says nothing of it; one word in a field of its own does.
                if "[]" not in link.column:
                    unknown = unknown or Unknown(name, link.column, text)
            link = link.otherwise
        if unknown is not None:
            self.story.unknown.append(unknown)
        return {}

    def _looked_up(self, name: str, column: str, words: Mapping[str, T]) -> dict[str, T]:
        text = text_at(column, self.posted)
        if text is None or text in self.mapping.unknown:
            return {}
        meant = _meant(words, text)
        if meant is None:
            self.story.unknown.append(Unknown(name, column, text))
            return {}
        return {name: meant}

    def _messages(self, ticket: str, at: datetime) -> Iterator[dict[str, Any]]:
        for rule in self.mapping.written:
            inside = [self.posted] if rule.each is None else items(rule.each, self.posted)
            for posted in inside:
                number = text_at(rule.id, posted)
                if number is None or (rule.when is not None and not _holds(rule.when, posted)):
                    continue
                written = self._time("at", rule.at, posted)
                data = self._message(rule, posted)
                yield self._event(ticket, f"{rule.name}:{number}", written or at, data)

    def _message(self, rule: WrittenMessage, posted: Posted) -> dict[str, Any]:
        inside = _Telling(self.mapping, posted, self.source, self.received, self.story, self.prefix)
        who = inside._looked_up("author", rule.author.column, rule.author.words)
        author = who.get("author", Author.SYSTEM)
        public = rule.public
        if isinstance(public, TruthPlace):
            said = inside._looked_up("public", public.column, public.words)
            public = said.get("public", False)
        name = None if rule.author_id is None else text_at(rule.author_id, posted)
        text = None if rule.text is None else text_at(rule.text, posted)
        by = _cut(name or author.value, _LONGEST_NAME)
        data = {"by": by, "author": author.value, "author_id": by, "public": public}
        return data if text is None else {**data, "text": _cut(text, _LONGEST_TEXT)}

    def _time(self, name: str, place: str | None, posted: Posted) -> datetime | None:
        """Return the time at *place*; None, and noted, where it is none."""
        text = None if place is None else text_at(place, posted)
        if place is None or text is None:
            return None
        try:
            return self.mapping.time.read(text)
        except ValueError:
            self.story.unknown.append(Unknown(name, place, text))
            return None

    def _flaw(self, place: str, problem: str, remedy: str) -> None:
        self.story.flaws.append(Flaw(f"{self.prefix}{place}".rstrip("."), problem, remedy))

    def _event(
        self, ticket: str, what: str, at: datetime, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind = "ticket.observed"
        if what == "opened":
            kind = "ticket.opened"
        elif "author" in data:
            kind = "ticket.message"
        return {
            "specversion": "1.0",
            "id": spelled_id(f"{ticket}:{what}"),
            "source": self.source,
            "type": kind,
            "subject": ticket,
            "time": rfc3339(instant(at)),
            "datacontenttype": "application/json",
            "data": dict(data),
        }


def implied_by(mapping: HookMapping, word: str) -> Implied | None:
    """Return what somebody has written to the customer if a ticket turns to the status *word*."""
    becomes = (one for one in mapping.messages if _among(word, one.status_becomes))
    leaves = (
        one for one in mapping.messages if one.status_leaves and not _among(word, one.status_leaves)
    )
    rule = next(becomes, None) or next(leaves, None)
    if rule is None:
        return None
    if rule.asks_customer:
        return Implied.QUESTION
    return Implied.FIRST_REPLY if rule.first_only else Implied.REPLY


def _holds(condition: Condition, posted: Posted) -> bool:
    if not condition.words:
        return says(condition.column, posted)
    return any(_among(one, condition.words) for one in _listed(value(condition.column, posted)))


def _word(chain: StatusPlace | None, posted: Posted) -> str | None:
    """Return the desk's own word for the status, as the mapping writes it."""
    while chain is not None:
        for text in _listed(value(chain.column, posted)):
            for word in chain.words:
                if word.casefold() == text.casefold():
                    return word
        chain = chain.otherwise
    return None


def _among(word: str, words: Iterable[str]) -> bool:
    return any(word.casefold() == one.casefold() for one in words)


def _meant(words: Mapping[str, T], text: str) -> T | None:
    """Return what *text* means; products write the same word in large and in small letters."""
    found = words.get(text)
    if found is None:
        folded = text.casefold()
        found = next((one for word, one in words.items() if word.casefold() == folded), None)
    return found


def _listed(found: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if found is None:
        return ()
    return (found,) if isinstance(found, str) else found


def _fitting(name: str, one: Any) -> Any:
    if isinstance(one, dict):
        return {key: _fitting(key, part) for key, part in one.items()}
    return _cut(one, _LONGEST.get(name, _LONGEST_NAME)) if isinstance(one, str) else one


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

"""A posted body, told as events of the contract by a mapping.

The whole ticket becomes one `ticket.observed`, from which the engine derives what has changed, in
the order of the helpdesk's own times. Ids are made of ticket and change, never of the delivery:
what is delivered again, or by a second webhook, is the same event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from services.intake.core.hooks.facts import cut, facts_of, status_of
from services.intake.core.hooks.places import Posted, items, text_at
from services.intake.core.hooks.reader import Reader, Unknown
from services.intake.core.hooks.shape import HookMapping, TruthPlace, WrittenMessage
from services.intake.core.hooks.unread import kept
from shared.contract.errors import Flaw
from shared.contract.ids import spelled_id
from shared.contract.times import instant, rfc3339
from shared.contract.vocabulary import Author

FIELD: Final = "field"
"""Where the one field of a `pair` is found, by its name."""

_BIRTH: Final = timedelta(hours=1)
"""A body written so soon after the ticket was opened tells how it began."""

_LONGEST_TEXT: Final = 2000
_CANONICAL: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True)


@dataclass(slots=True)
class Story:
    """What a body tells.

    Attributes:
        events: CloudEvents, in the order in which they are to be published.
        ignored: Why a body, or an item of it, tells nothing.
        unknown: What the mapping does not know; what it would have said is left out.
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
            reader = Reader(mapping, told, story.unknown)
            _Telling(reader, source, received, story, prefix).tell()
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

    reader: Reader
    source: str
    received: datetime
    story: Story
    prefix: str

    def tell(self) -> None:
        """Add the events of the body, or why there are none."""
        mapping, reader = self.reader.mapping, self.reader
        takes, change = mapping.takes, mapping.change
        if takes is not None and not reader.holds(takes):
            found = reader.text(takes.column) or "nothing"
            self.story.ignored.append(f"{found[:60]} at {takes.column} is not about tickets")
            return
        reason = next((one.because for one in mapping.ignore if reader.holds(one)), None)
        if reason is not None:
            self.story.ignored.append(reason)
            return
        ticket = reader.text(change.ticket)
        if ticket is None:
            remedy = "Post the ticket's id there, or correct change.ticket of the mapping."
            self._flaw(change.ticket, "no ticket is named", remedy)
            return
        written_at = reader.time("written_at", change.written_at)
        text = reader.text(change.written_at)
        if text is not None and written_at is None:
            problem = f"`{text[:60]}` is no time in the format {mapping.time.format}"
            remedy = "Post it so, or correct time.format of the mapping."
            self._flaw(change.written_at or "", problem, remedy)
            return
        self.story.events += self._events(ticket, written_at)

    def _events(self, ticket: str, written_at: datetime | None) -> Iterator[dict[str, Any]]:
        mapping, reader = self.reader.mapping, self.reader
        at = written_at or self.received
        opened_at = reader.time("opened_at", mapping.change.opened_at)
        # Every event names somebody: within one second, those that do not would go before.
        by = {"by": cut(reader.text(mapping.change.written_by) or self.source)}
        facts = facts_of(reader)
        if opened_at is not None and at - opened_at <= _BIRTH:
            known = {name: one for name, one in facts.items() if one is not None}
            yield self._event("ticket.opened", ticket, "opened", min(opened_at, at), by | known)
        yield from self._messages(ticket, at)
        seen = by | facts | status_of(reader)
        if mapping.lowering is not None:
            seen["lowering"] = mapping.lowering.model_dump()
        revision = reader.text(mapping.change.revision) or self._revision(written_at, seen)
        raw = kept(mapping, reader.posted.body)
        data = seen | ({"raw": raw} if raw else {})
        yield self._event("ticket.observed", ticket, f"seen:{revision}", at, data)

    def _revision(self, written_at: datetime | None, seen: Mapping[str, Any]) -> str:
        """Return what tells a change without a number of its own from any other of the ticket."""
        # Without a time either, the same picture may come back as news.
        moment = rfc3339(instant(written_at)) if written_at else self.received.isoformat()[:-6]
        return f"{moment}:{sha256(_CANONICAL.encode(seen).encode()).hexdigest()[:16]}"

    def _messages(self, ticket: str, at: datetime) -> Iterator[dict[str, Any]]:
        for rule in self.reader.mapping.written:
            here = self.reader.posted
            for posted in [here] if rule.each is None else items(rule.each, here):
                reader = self.reader.inside(posted)
                number = reader.text(rule.id)
                if number is None or (rule.when is not None and not reader.holds(rule.when)):
                    continue
                written = reader.time("at", rule.at) or at
                what, data = f"{rule.name}:{number}", _message(rule, reader)
                yield self._event("ticket.message", ticket, what, written, data)

    def _flaw(self, place: str, problem: str, remedy: str) -> None:
        self.story.flaws.append(Flaw(f"{self.prefix}{place}", problem, remedy))

    def _event(
        self, kind: str, ticket: str, what: str, at: datetime, data: Mapping[str, Any]
    ) -> dict[str, Any]:
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


def _message(rule: WrittenMessage, reader: Reader) -> dict[str, Any]:
    """Return who wrote what; whom the mapping does not know is nobody that moves a clock."""
    author = reader.meaning("author", rule.author.column, rule.author.words) or Author.SYSTEM
    public = rule.public
    if isinstance(public, TruthPlace):
        public = reader.meaning("public", public.column, public.words) or False
    by = cut(reader.text(rule.author_id) or author.value)
    data = {"by": by, "author": author.value, "author_id": by, "public": public}
    text = reader.text(rule.text)
    return data if text is None else {**data, "text": cut(text, _LONGEST_TEXT)}

"""A role-play under way: the real engine on a clock that jumps, and nothing that leaves it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from services.escalator.core.roleplay.acting import Act
from services.escalator.core.roleplay.matching import Matcher
from services.escalator.core.roleplay.shape import Inject, Need, Scenario
from services.escalator.core.roleplay.transcript import Entry
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import Decision
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant, rfc3339
from shared.policy.document import PolicyTimeline

SOURCE: Final = "drill"
"""The helpdesk that every ticket of a role-play comes from."""

GROUP: Final = "group"
"""What the open group is called in a role-play."""

_NUMBER: Final = re.compile(r"\{n(?:%(\d+))?\}")


@dataclass(frozen=True, slots=True)
class Due:
    """Something that will happen by itself: which inject, and its events if it has some."""

    at: Instant
    inject: Inject
    events: tuple[TicketEvent, ...]
    first: bool = True


class Stage:
    """One run of a role-play.

    The only things that it holds are the engine's cases and a transcript; decisions end there.

    Args:
        scenario: What happens by itself.
        policies: The policy that decides.
    """

    def __init__(self, scenario: Scenario, policies: PolicyTimeline) -> None:
        self.scenario = scenario
        self.transcript: list[Entry] = []
        self._simulation = Simulation(policies)
        self._matcher = Matcher(scenario.start, SOURCE, policies.at(scenario.start).forms)
        self._due = sorted(_dues(scenario), key=lambda one: one.at)
        self._acts = 0
        self._groups: list[str] = []
        self._crowd: set[str] = set()

    @property
    def now(self) -> Instant:
        """The time of the role-play."""
        return self._simulation.now

    @property
    def ends_at(self) -> Instant:
        """When the role-play is over."""
        return Instant(self.scenario.start + self.scenario.until)

    def next_due(self) -> Instant | None:
        """Return when the next thing happens by itself, or None."""
        return self._due[0].at if self._due else None

    def pass_time(self, until: Instant) -> list[Entry]:
        """Let time pass up to *until*, everything that happens by itself and every timer included.

        Returns what is new in the transcript.
        """
        known = len(self.transcript)
        while (due := self.next_due()) is not None and due <= until:
            self.play(due, ())
        if until > self.now:
            self._note(self._simulation.run([], until))
        return self.transcript[known:]

    def play(self, at: Instant, acts: Sequence[Act]) -> list[Entry]:
        """Let *acts* be done at *at*, which is not before now, after what happens by itself then.

        Returns what is new in the transcript.
        """
        known = len(self.transcript)
        while (due := self.next_due()) is not None and due < at:
            self.play(due, ())
        if at - 1 > self.now:  # so that the transcript tells in order what came before
            self._note(self._simulation.run([], Instant(at - 1)))
        happening, events = self._happening(at)
        entries = list(happening)
        ids: dict[str, int] = {}
        for act in acts:
            told = self._events_of(act, at)
            for event in told:
                ids[event.id] = len(entries)
            events += told
            entries.append(self._entry(act, at))
        decisions = list(self._simulation.run(events) if events else self._pass(at))
        refused = {
            ids[one.data["act_id"]]: str(one.data["code"])
            for one in decisions
            if one.type == "act.refused" and one.data["act_id"] in ids
        }
        for n, entry in enumerate(entries):
            self.transcript.append(_with_refusal(entry, refused.get(n)))
        self._note(decisions)
        return self.transcript[known:]

    def snapshots(self) -> Iterator[dict[str, Any]]:
        """Yield how every case stands now."""
        return self._simulation.snapshots()

    def group(self) -> str | None:
        """Return the key of the newest group, or None."""
        return self._groups[-1] if self._groups else None

    def _pass(self, at: Instant) -> Iterator[Decision]:
        return self._simulation.run([], at)

    def _happening(self, at: Instant) -> tuple[list[Entry], list[TicketEvent]]:
        entries: list[Entry] = []
        events: list[TicketEvent] = []
        while self._due and self._due[0].at == at:
            due = self._due.pop(0)
            if not self._applies(due.inject):
                continue
            events += due.events
            if due.first:
                entries.append(_told(due))
            if due.inject.storm is not None:
                self._crowd.update(event.ticket for event in due.events)
        return entries, events

    def _applies(self, inject: Inject) -> bool:
        return (inject.only_if is None or self._is_there(inject.only_if)) and not (
            inject.unless is not None and self._is_there(inject.unless)
        )

    def _is_there(self, need: Need) -> bool:
        seats = frozenset([need.seat] if need.seat else self.scenario.seats)
        return len(self._matcher.found(need, self.transcript, seats)) >= need.times

    def _entry(self, act: Act, at: Instant) -> Entry:
        details = act.details()
        text = str(details.get("text") or details.get("restated") or "")
        ticket = self._key(act.ticket) if act.events() else None
        return Entry(at, "act", act.act, act.seat, ticket, details, text)

    def _events_of(self, act: Act, at: Instant) -> list[TicketEvent]:
        self._acts += 1
        who = {"by": act.by or act.seat, "role": act.seat}
        return [
            _event(f"act-{self._acts}-{n}", kind, self._key(act.ticket), at, who | data)
            for n, (kind, data) in enumerate(act.events(), start=1)
        ]

    def _key(self, ticket: str | None) -> str:
        if ticket == GROUP:
            return self.group() or f"{SOURCE}:{self.scenario.ticket}"
        return f"{SOURCE}:{ticket or self.scenario.ticket}"

    def _note(self, decisions: Iterable[Decision]) -> None:
        for one in decisions:
            if one.type == "group.opened":
                self._groups.append(one.ticket)
            self.transcript.append(Entry(one.at, "decision", one.type, None, one.ticket, one.data))


def _with_refusal(entry: Entry, code: str | None) -> Entry:
    if code is None:
        return entry
    return Entry(
        entry.at, entry.kind, entry.name, entry.seat, entry.ticket, entry.data, entry.text, code
    )


def _told(due: Due) -> Entry:
    one = due.inject
    ticket = due.events[0].ticket if due.events else None
    name = one.event or ("room" if one.room is not None else "news")
    data = {**one.data, "show": one.show} | ({} if one.room is None else {"room": one.room})
    text = str(one.data.get("text") or one.data.get("title") or one.show)
    return Entry(due.at, "happened", name, one.who, ticket, data, text)


def _dues(scenario: Scenario) -> Iterator[Due]:
    for n, one in enumerate(scenario.inject, start=1):
        at = Instant(scenario.start + one.at)
        if one.event is None:
            yield Due(at, one, ())
        elif one.storm is not None:
            yield from _storm(scenario, one, n)
        else:
            tickets = one.each or (one.ticket or scenario.ticket,)
            events = [
                _event(f"inject-{n}-{m}", one.event, f"{SOURCE}:{ticket}", at, one.data)
                for m, ticket in enumerate(tickets, start=1)
            ]
            yield Due(at, one, tuple(events))


def _storm(scenario: Scenario, one: Inject, n: int) -> Iterator[Due]:
    """Yield a storm second by second, and all of it once more where it is delivered again."""
    storm, kind = one.storm, one.event
    if storm is None or kind is None:
        return
    start = Instant(scenario.start + one.at)
    batches: dict[Instant, list[TicketEvent]] = {}
    for number in range(1, storm.tickets + 1):
        at = Instant(start + (number - 1) // storm.per_second)
        ticket = f"{SOURCE}:{scenario.ticket}-{number}"
        data = _numbered(one.data, number)
        batches.setdefault(at, []).append(_event(f"storm-{n}-{number}", kind, ticket, at, data))
    for at, events in batches.items():
        yield Due(at, one, tuple(events), first=at == start)
    if storm.again_at is not None:
        again = Instant(scenario.start + storm.again_at)
        stamp = rfc3339(again)
        repeated = [
            event.model_copy(update={"receivedat": event.time.fromisoformat(stamp)})
            for events in batches.values()
            for event in events
        ]
        yield Due(again, one, tuple(repeated), first=False)


def _numbered(value: Any, n: int) -> Any:
    if isinstance(value, dict):
        return {key: _numbered(item, n) for key, item in value.items()}
    if isinstance(value, str):
        return _NUMBER.sub(lambda hit: str(n % int(hit[1]) if hit[1] else n), value)
    return value


def _event(name: str, kind: str, ticket: str, at: Instant, data: Mapping[str, Any]) -> TicketEvent:
    source, _, subject = ticket.partition(":")
    stamp = rfc3339(at)
    plain = {
        "specversion": "1.0",
        "id": name,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": stamp,
        "receivedat": stamp,
        "data": data,
    }
    return decode_event(to_json(plain))

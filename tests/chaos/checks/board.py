"""The tracker: its rows are the fold of the topics, no message more and none less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any
from uuid import UUID

from services.tracker.core.counts import Counts, Standing, What, count
from services.tracker.core.message import KIND_OF_TOPIC, Kind, Message, read
from services.tracker.core.notices import Notice, further, noticed
from services.tracker.core.projection import TicketRow, dump, project, restore
from services.tracker.core.standing import standing
from tests.chaos.checks.finding import Fault, Finding
from tests.chaos.evidence import Evidence, applied
from tests.chaos.story import SOURCE


@dataclass
class Fold:
    """What the topics make of an empty read model."""

    late_after_s: float
    first: dict[bytes, Message] = field(default_factory=dict)
    repeats: Counter[bytes] = field(default_factory=Counter)
    rows: dict[str, TicketRow] = field(default_factory=dict)
    notices: dict[UUID, Notice] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counter)

    def take(self, message: Message) -> None:
        """Take the next message of a topic."""
        if message.identity in self.first:
            self.repeats[message.identity] += 1
            self.counts[What.REPEATS, "all"] += 1
            return
        self.first[message.identity] = message
        self.counts.update(count([message], late_after_s=self.late_after_s))
        if message.kind is Kind.DELIVERY:
            notice = noticed(message)
            if notice is not None:
                self.notices[notice.id] = further(self.notices.get(notice.id), notice)
            return
        row = self.rows.get(message.ticket) or TicketRow(message.ticket)
        self.rows[message.ticket] = project(row, message, late_after_s=self.late_after_s)

    def sums(self) -> Counts:
        """Return everything that is counted, with how notices and tickets stand in the end."""
        counts = self.counts.copy()
        counts.update((What.NOTICES, str(notice.state)) for notice in self.notices.values())
        why = (notice.suppressed for notice in self.notices.values())
        counts.update((What.SUPPRESSED, str(reason)) for reason in why if reason is not None)
        for key, row in self.rows.items():
            stands = standing(row.facts, row.case)
            tier, priority = row.case.state.get("tier", 0), row.case.state.get("priority")
            now = Standing.at(key, tier, priority, stands.status, stands.is_open)
            counts[What.STANDINGS, now.label()] += 1
        return counts


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield everything in which the read model differs from the topics up to where it had read."""
    fold = Fold(evidence.clock.speed)  # late is what comes a real second after it was due
    for log in (evidence.events, evidence.decisions, evidence.deliveries):
        for record in applied(log, evidence.tracker):
            kind = KIND_OF_TOPIC[record.topic]
            fold.take(
                read(kind, record.value, record.headers, place=(record.partition, record.offset))
            )
    for row in evidence.tracker["dead"]:
        yield Finding(Fault.LOST, f"the tracker parked {row}")
    yield from _accepted(evidence)
    yield from _timeline(evidence, fold)
    yield from _tickets(evidence, fold)
    yield from _notices(evidence, fold)
    yield from _tally(evidence, fold)


def _accepted(evidence: Evidence) -> Iterator[Finding]:
    known = {bytes(row["identity"]) for row in evidence.tracker["timeline"]}
    for one in evidence.accepted:
        identity = md5(f"{SOURCE}\0{one.id}".encode(), usedforsecurity=False).digest()
        if identity not in known:
            yield Finding(Fault.LOST, f"{one.id} was accepted, but is in no timeline")


def _timeline(evidence: Evidence, fold: Fold) -> Iterator[Finding]:
    rows = {bytes(row["identity"]): row for row in evidence.tracker["timeline"]}
    yield from _keys("timeline", rows.keys(), fold.first.keys())
    for identity, message in fold.first.items():
        if (row := rows.get(identity)) is None:
            continue
        ours = (message.ticket, int(message.kind), message.offset, message.text)
        theirs = (row["ticket"], row["kind"], row["offset"], row["message"])
        if ours != theirs:
            yield Finding(Fault.WRONG, f"the timeline has {theirs}, the topic {ours}")
        if row["repeats"] != fold.repeats[identity]:
            said = f"{message.id} was repeated {fold.repeats[identity]} times"
            yield Finding(Fault.WRONG, f"{said}, the timeline says {row['repeats']}")


def _tickets(evidence: Evidence, fold: Fold) -> Iterator[Finding]:
    rows = {row["key"]: row for row in evidence.tracker["ticket"]}
    yield from _keys("ticket", rows.keys(), fold.rows.keys())
    for key, row in rows.items():
        if row["missing"]:
            yield Finding(Fault.GAP, f"{key}: the tracker misses {row['missing']} versions")
        found = restore(key, row["state"])
        if key in fold.rows and found != _stored(fold.rows[key]):
            yield Finding(Fault.WRONG, f"{key}: the board has {found}, folded is {fold.rows[key]}")


def _notices(evidence: Evidence, fold: Fold) -> Iterator[Finding]:
    rows = {row["id"]: row for row in evidence.tracker["notice"]}
    yield from _keys("notice", rows.keys(), fold.notices.keys())
    for key, notice in fold.notices.items():
        if (row := rows.get(key)) is None:
            continue
        theirs = (row["ticket"], row["state"], row["attempt"], row["at"])
        if theirs != (notice.ticket, notice.state, notice.step[0], notice.at):
            yield Finding(Fault.WRONG, f"notice {key} is {theirs}, folded is {notice}")


def _tally(evidence: Evidence, fold: Fold) -> Iterator[Finding]:
    sums = fold.sums()
    found = Counter(
        {(row["what"], row["label"]): int(row["n"]) for row in evidence.tracker["tally"]}
    )
    for what in found.keys() | sums.keys():
        if found[what] != sums[what]:
            text = f"the tracker counts {found[what]} of {what}, the topics {sums[what]}"
            yield Finding(Fault.WRONG, text)


def _keys(table: str, found: Any, folded: Any) -> Iterator[Finding]:
    for key in folded - found:
        yield Finding(Fault.LOST, f"the tracker's {table} lacks {key!r}")
    for key in found - folded:
        yield Finding(Fault.WRONG, f"the tracker's {table} has {key!r}, the topics have not")


def _stored(row: TicketRow) -> TicketRow:
    return restore(row.key, dump(row))

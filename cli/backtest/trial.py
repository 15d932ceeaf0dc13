"""One policy over the history, in a process of its own: what it does goes to the parent in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from cli.many_cases import hold_many_cases
from services.escalator.core.answering import AssumedAnswers
from services.escalator.core.marks import Mark, Plain, marks
from services.escalator.core.simulation import Simulation
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.roster_file import load_roster
from shared.contract.errors import InvalidEventError
from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant, Seconds, as_datetime, instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import load_policy

BATCH: Final = 512
"""So many events are read between two messages to the parent."""

MANY: Final = 4096
"""So many marks are told at once, also where no event is read: while time passes after the last."""

OPENED: Final = "case.opened"
"""By its decisions of this type tickets are counted."""

NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a process needs to know.

    Attributes:
        policy: The policy's text.
        roster: The roster's text; None has roles stand for people.
        files: The history, each file in the order of delivery.
        until: Until when time passes after the last event; None for no further.
        answer_after: After how many seconds people are assumed to acknowledge; None where only
            those do who are in the history.
    """

    policy: str
    roster: str | None
    files: tuple[str, ...]
    until: Instant | None
    answer_after: Seconds | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A message to the parent: how far it is, and what the policy did since the last one.

    Attributes:
        bytes_read: Of all files together.
        marks: What was done.
        tickets: At the end, how many tickets there were; None before.
        problem: What ended the trial, None where nothing did.
    """

    bytes_read: int
    marks: Sequence[Plain]
    tickets: int | None = None
    problem: str | None = None


class UnreadableHistoryError(Exception):
    """A file cannot be read, or a line of it is no event; the message says which."""


def run_trial(trial: Trial, out: Connection) -> None:
    """Run *trial* and tell the parent; ends with a message that has `tickets` or a `problem`."""
    hold_many_cases()
    read = _Reading(trial.files)
    try:
        policies = PolicyTimeline([(Instant(0), load_policy(trial.policy))])
        after = trial.answer_after
        simulation = Simulation(policies, None if after is None else AssumedAnswers(after))
        people = _People(trial.roster)
        batch: list[Plain] = []
        told_at = 0
        tickets = 0
        for decision in simulation.run(read.events(), trial.until):
            tickets += decision.type == OPENED
            batch += [one[:] for one in people.named(marks(decision))]
            if read.count - told_at >= BATCH or len(batch) >= MANY:
                out.send(Progress(read.bytes_read, batch))
                batch, told_at = [], read.count
        out.send(Progress(read.bytes_read, batch, tickets=tickets))
    except UnreadableHistoryError as error:
        out.send(Progress(read.bytes_read, (), problem=str(error)))
    finally:
        out.close()


class _Reading:
    """The files of a history as one stream, in the order in which events were received."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = files
        self.bytes_read = 0
        self.count = 0

    def events(self) -> Iterator[TicketEvent]:
        for event in merge(*(self._lines(Path(name)) for name in self._files), key=received):
            self.count += 1
            yield event

    def _lines(self, file: Path) -> Iterator[TicketEvent]:
        number = 0
        try:
            with file.open("rb") as stream:
                for line in stream:
                    number += 1
                    self.bytes_read += len(line)
                    if line.isspace():
                        continue
                    yield decode_event(line)
        except OSError as error:
            msg = f"cannot read {file}: {error.strerror}; name a file of events"
            raise UnreadableHistoryError(msg) from error
        except InvalidEventError as error:
            msg = f"{file}, line {number}: {error}"
            raise UnreadableHistoryError(msg) from error


def received(event: TicketEvent) -> Instant:
    """Return when *event* reached us, by default its own time."""
    return instant(event.receivedat or event.time)


class _People:
    """Who stands behind a role; without a roster, the role itself."""

    def __init__(self, roster: str | None) -> None:
        self._roster = None if roster is None else load_roster(roster)

    def named(self, found: Sequence[Mark]) -> Sequence[Mark]:
        return found if self._roster is None else [self._named(self._roster, one) for one in found]

    def _named(self, roster: Roster, mark: Mark) -> Mark:
        if not mark.who:
            return mark
        at = as_datetime(mark.at)
        seat = roster.seated(mark.who, tier=mark.tier, facts=TicketFacts(), at=at)
        return mark._replace(who=NOBODY if seat is None else seat.name)

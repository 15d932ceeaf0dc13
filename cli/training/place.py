"""Where the training's files lie, and how every command of it reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from cli.handbook.filling import filler
from cli.handbook.sources import UnreadablePageError
from cli.output import WRONG_USE, fail
from cli.roleplay.library import policy_of
from cli.training.library import Curriculum, curriculum
from cli.training.quiz import Fill
from cli.training.records import Record, UnreadableRecordError, append, read
from services.notifier.core.roster import Roster
from services.notifier.roster_file import RosterError, load_roster_file
from shared.mapping.file import MappingError
from shared.policy.document import Policy
from shared.policy.shape.base import suggestion
from shared.runtime.clock import real_now

RECORDS: Final = Path("training-records.jsonl")
ROSTER: Final = Path(__file__).parents[2] / "deploy" / "roster" / "default.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """The files that a command of the training works with; each that cannot be used ends it."""

    folder: Path
    policy_file: Path | None
    roster_file: Path
    records_file: Path

    def policy(self, command: str) -> Policy:
        """Return the policy."""
        return policy_of(command, self.policy_file)

    def curriculum(self, command: str, policy: Policy) -> Curriculum:
        """Return paths and lessons."""
        try:
            return curriculum(self.folder, policy)
        except (MappingError, UnreadablePageError) as error:
            fail(command, str(error))

    def roster(self, command: str) -> Roster:
        """Return the roster."""
        try:
            return load_roster_file(self.roster_file)
        except RosterError as error:
            fail(command, str(error))

    def fill(self, command: str, policy: Policy) -> Fill:
        """Return what fills templates with the numbers of *policy* and the roster's names."""
        return filler(policy, self.roster(command))

    def records(self, command: str) -> list[Record]:
        """Return what is recorded so far."""
        try:
            return read(self.records_file)
        except UnreadableRecordError as error:
            fail(command, str(error))

    def keep(self, command: str, one: Record) -> None:
        """Record *one*."""
        try:
            append(self.records_file, one)
        except OSError as error:
            problem = f"cannot write {self.records_file}: {error.strerror}"
            fail(command, problem, code=WRONG_USE)


def known_roles(command: str, given: Iterable[str], policy: Policy) -> tuple[str, ...]:
    """Return *given*, roles of *policy* all of them, or end *command*."""
    roles = tuple(given)
    for one in roles:
        if one not in policy.file.roles:
            problem = f"the policy has no role {one}. {suggestion(one, list(policy.file.roles))}"
            fail(command, problem.strip(), code=WRONG_USE)
    return roles


def recorded(
    now: datetime, person: str, roles: tuple[str, ...], policy: Policy, **more: Any
) -> Record:
    """Return a record of *person*, in *roles*, made *now* (aware) under *policy*."""
    stamp = now.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    version = f"{policy.name} {policy.version}"
    return Record(at=stamp, person=person, roles=roles, policy=version, **more)


def day_of(command: str, given: str | None) -> date:
    """Return the day that *given* writes, by default today."""
    try:
        return real_now().date() if given is None else date.fromisoformat(given)
    except ValueError:
        fail(command, f"--today {given}: write it as 2026-11-20", code=WRONG_USE)

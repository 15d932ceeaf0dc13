"""Whether every role and department that a policy names is defined in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from shared.policy.notation import Addressee
from shared.policy.roles import ACK_WORDS, CASE_WORDS, CHANNEL_WORDS, PERMISSION_WORDS
from shared.policy.shape.base import suggestion
from shared.policy.shape.file import PolicyFile
from shared.policy.tree import Path, dotted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not fit together, and at which path."""

    path: Path
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"

    @property
    def key(self) -> str:
        """The path as people write it."""
        return dotted(self.path)


def unknown_names(file: PolicyFile) -> Iterator[Problem]:
    """Yield every role and department that is used in *file* and not defined in it."""
    roles = list(file.roles)
    people = [*roles, *sorted(CASE_WORDS)]
    rights = [*roles, *sorted(PERMISSION_WORDS)]
    yield from _unknown(people_of(file), people, "role")
    yield from _unknown(rights_of(file), rights, "role")
    yield from _unknown(_seats_of(file), roles, "role")
    yield from _unknown(
        [(("ladders", "ack_by", i), word) for i, word in enumerate(file.ladders.ack_by)],
        [*roles, *sorted(ACK_WORDS)],
        "role",
    )
    posting = [*roles, *sorted(CHANNEL_WORDS)]
    for name in type(file.channels).model_fields:
        listed = getattr(getattr(file.channels, name), "post", ())
        path: Path = ("channels", name, "post")
        yield from _unknown([((*path, i), word) for i, word in enumerate(listed)], posting, "role")
    departments = [
        (("overrides", flag, "external", i), name)
        for flag, one in file.overrides.items()
        for i, name in enumerate(one.external)
    ]
    yield from _unknown(departments, list(file.departments), "department")


def _unknown(used: Iterable[tuple[Path, str]], known: list[str], kind: str) -> Iterator[Problem]:
    words = set(known)
    for path, word in used:
        if word not in words:
            yield Problem(path, f"`{word}` is not a {kind}", suggestion(word, known))


def people_of(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    """Yield everybody whom *file* has told or called, each with its path."""
    yield from _told(file)
    yield from _called(file)


def _told(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    for severity, cells in file.cells.table().items():
        for impact, cell in cells.table().items():
            yield from _each(("cells", severity, impact, "notify_at_start"), cell.notify_at_start)
    for flag, one in file.overrides.items():
        yield from _each(("overrides", flag, "notify"), one.notify)
    for name, rows in file.triggers.rows().items():
        for priority, row in rows.table().items():
            if row is not None:
                yield from _each(("triggers", name, priority, "notify"), row.notify)


def _called(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    for name, ladder in file.ladders.table().items():
        for index, step in enumerate(ladder.steps):
            yield from _each(("ladders", name, "steps", index, "to"), step.to)
        yield from _each(("ladders", name, "then", "to"), ladder.then.to)
    for plan in ("standard", "premium", "enterprise"):
        for key in (plan, f"{plan}_vip"):
            extra = getattr(file.modifiers, key).extra_notify
            for priority in ("P1", "P2", "P3", "P4"):
                path = ("modifiers", key, "extra_notify", priority)
                yield from _each(path, getattr(extra, priority))


def _each(path: Path, people: tuple[Addressee, ...]) -> Iterator[tuple[Path, str]]:
    for index, person in enumerate(people):
        yield (*path, index), person.role


def rights_of(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    """Yield everybody to whom *file* gives a right, each with its path."""
    given = file.permissions
    listed: dict[Path, tuple[str, ...]] = {
        ("raise_up_one_tier",): given.raise_up_one_tier,
        ("skip_tier_2", "else_needs_approval_of"): given.skip_tier_2.else_needs_approval_of,
        ("return_once_for_missing_information",): given.return_once_for_missing_information,
        ("decline",): given.decline,
        ("assign_against_decline",): given.assign_against_decline,
        ("change_severity_up",): given.change_severity_up,
        ("change_severity_down",): given.change_severity_down,
        ("de_escalate",): given.de_escalate,
        ("edit_policy", "propose"): given.edit_policy.propose,
        ("edit_policy", "approve"): given.edit_policy.approve,
    }
    for path, words in listed.items():
        for index, word in enumerate(words):
            yield ("permissions", *path, index), word
    for index, word in enumerate(file.impact.lower.by):
        yield ("impact", "lower", "by", index), word


def _seats_of(file: PolicyFile) -> Iterator[tuple[Path, str]]:
    for name, shape in file.departments.items():
        for seat in ("duty", "backup", "head"):
            yield ("departments", name, seat), getattr(shape, seat)
    yield (
        ("ladders", "seat_ack", "customer_liaison", "then"),
        file.ladders.seat_ack.customer_liaison.then,
    )
    yield (
        ("grouping", "member_escalations", "digest_to"),
        file.grouping.member_escalations.digest_to,
    )

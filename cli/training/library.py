"""The files of the training, read and held to the policy, the handbook and one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cli.handbook.sources import SOURCES, pages_in
from cli.roleplay.library import TRAINING
from cli.training.shape import EVERYONE, Lesson, Paths, RolePlays, TrainingPath
from shared.mapping.file import Incoherence, MappingError, parse_file
from shared.policy.document import Policy
from shared.policy.findings import Finding
from shared.policy.shape.base import suggestion
from shared.runtime.files import why_unreadable

_SEE = "docs/training.md says what it may hold."


@dataclass(frozen=True, slots=True)
class Curriculum:
    """All paths and lessons, each reference in them resolved."""

    paths: Mapping[str, TrainingPath]
    lessons: Mapping[str, Lesson]

    def lessons_for(self, role: str) -> list[Lesson]:
        """Return the lessons that somebody in *role* needs, in the order of the paths."""
        names = [
            name for path in self.paths.values() if path.is_for({role}) for name in path.lessons
        ]
        return [self.lessons[name] for name in dict.fromkeys(names)]

    def signed(self) -> list[str]:
        """Return everything that a path wants signed, each once."""
        return list(dict.fromkeys(one for path in self.paths.values() for one in path.signed))


def curriculum(folder: Path, policy: Policy) -> Curriculum:
    """Return what *folder* holds: `paths.yaml`, `lessons/` and `roleplays/`.

    Raises:
        MappingError: A file cannot be read or used; every mistake in it is told by line.
    """
    pages = {one.name for one in pages_in(SOURCES)}
    lessons = {
        file.stem: parse_file(
            _text(file),
            Lesson,
            name=str(file),
            see=_SEE,
            incoherent=lambda one: _lesson_misfits(one, pages),
        )
        for file in sorted((folder / "lessons").glob("*.yaml"))
    }
    plays = [file.stem for file in (folder / "roleplays").glob("*.yaml")]
    paths = _paths(folder, lambda one: _path_misfits(one, lessons, plays, policy))
    return Curriculum(paths, lessons)


@cache
def shipped_paths() -> Mapping[str, TrainingPath]:
    """Return the paths of training that ship with Tierline, by their letter.

    They are what the handbook lists; whether they fit a policy `curriculum` says.

    Raises:
        MappingError: Their file cannot be used; every mistake in it is told by line.
    """
    return _paths(TRAINING, lambda _: ())


def _paths(
    folder: Path, incoherent: Callable[[Paths], Iterable[Incoherence]]
) -> Mapping[str, TrainingPath]:
    file = folder / "paths.yaml"
    return parse_file(_text(file), Paths, name=str(file), see=_SEE, incoherent=incoherent).paths


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = f"it cannot be read: {why_unreadable(error)}"
        finding = Finding(None, "", "error", why, "Name another folder.")
        raise MappingError(str(file), [finding]) from error


def _lesson_misfits(found: Lesson, pages: set[str]) -> Iterator[Incoherence]:
    for n, place in enumerate(found.read):
        page = place.partition("#")[0]
        if page not in pages:
            yield ("read", n), f"the handbook has no page `{page}`", suggestion(page, sorted(pages))
    for n, one in enumerate(found.questions):
        if one.answer > len(one.choices):
            message = f"there is no choice {one.answer}"
            yield ("questions", n, "answer"), message, f"Write 1 to {len(one.choices)}."


def _path_misfits(
    found: Paths, lessons: Mapping[str, Lesson], plays: list[str], policy: Policy
) -> Iterator[Incoherence]:
    roles = [*policy.file.roles, EVERYONE]
    for name, path in found.paths.items():
        here = ("paths", name)
        for n, role in enumerate(path.roles):
            if role not in roles:
                yield (*here, "roles", n), f"`{role}` is no role", suggestion(role, roles)
        for n, lesson in enumerate(path.lessons):
            if lesson not in lessons:
                message = f"there is no lesson `{lesson}`"
                yield (*here, "lessons", n), message, suggestion(lesson, sorted(lessons))
        known = sum(len(lessons[one].questions) for one in path.lessons if one in lessons)
        if path.questions > known:
            message = f"{path.questions} questions are drawn from {known}"
            yield (*here, "questions"), message, "Draw fewer, or write more."
        if path.roleplays is not None:
            yield from _play_misfits((*here, "roleplays"), path.roleplays, plays)


def _play_misfits(
    here: tuple[str, ...], wanted: RolePlays, plays: list[str]
) -> Iterator[Incoherence]:
    for n, play in enumerate(wanted.of):
        if play not in plays:
            message = f"there is no role-play `{play}`"
            yield (*here, "of", n), message, suggestion(play, sorted(plays))
    if wanted.at_least > len(wanted.of):
        message = f"{wanted.at_least} of {len(wanted.of)} can never be passed"
        yield (*here, "at_least"), message, "Ask for fewer, or name more."

"""Letters as files: what people read, in their language, written by whoever runs Tierline.

A letter is a Jinja2 template in a sandbox: a subject, a line ``---``, then lines. It makes plain
words; each channel escapes them for its own sink, so that no letter can forget to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
)
from jinja2.environment import TemplateModule
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from typing_extensions import override

import deploy
from services.notifier.core.known import Decided
from services.notifier.core.message import LONGEST_LINE, LONGEST_SUBJECT, Message, cut, plain
from services.notifier.core.plan import Purpose
from services.notifier.core.wording import (
    Terms,
    Told,
    digest_values,
    draft_for,
    letter_for,
    links,
    values,
)
from shared.contract.errors import PermanentError, Reason
from shared.contract.reasons import ENDINGS, TRIGGERS

SHIPPED: Final = Path(deploy.__file__).parent / "words"
"""The letters that ship with Tierline, a folder for each language."""

ENGLISH: Final = "en"
LARGEST: Final = 50_000
"""Characters of a letter's file; what is longer is refused, not cut."""

_FENCE: Final = "---"
_TERMS: Final = "terms.yaml"
_KINDS: Final = ("triggers", "endings", "timers", "acts", "refusals", "roles", "phrases")


class WordsError(PermanentError):
    """A letter or a list of terms that cannot be used; the message names the file."""

    reason = Reason.SETTINGS_INVALID


class Words:
    """Every letter in every language that is there."""

    def __init__(
        self,
        *,
        own: Path | None = None,
        language: str = ENGLISH,
        public_url: str | None = None,
    ) -> None:
        """Load the shipped letters, and those of the folder *own*, which win.

        Args:
            own: A folder with a folder for each language, as the shipped one has.
            language: What is spoken with whoever has no language of their own.
            public_url: Where readers find a ticket's history.

        Raises:
            WordsError: A file cannot be read or used.
        """
        self._folders = tuple(folder for folder in (own, SHIPPED) if folder is not None)
        self._language = language
        self._public_url = public_url
        self._speech = {name: _Speech(name, self._folders) for name in self.languages}
        if language not in self._speech:
            known = ", ".join(self._speech)
            msg = f"there are no letters in the language {language!r}; there are: {known}"
            raise WordsError(msg)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a folder, English always among them."""
        found = (one.name for folder in self._folders for one in _folders_in(folder))
        return tuple(sorted({ENGLISH, *found}))

    @property
    def language(self) -> str:
        """What is spoken with whoever has no language of their own."""
        return self._language

    @property
    def letters(self) -> tuple[str, ...]:
        """The names of all letters."""
        return self._speech[ENGLISH].letters

    def terms(self, language: str | None = None) -> Terms:
        """Return what names are called in *language*."""
        return self._spoken(language).terms

    def message(self, told: Told, *, language: str | None = None, apart: bool = True) -> Message:
        """Return the message for *told*, in the language of its reader.

        Without *apart* it is left to the lines to say what is asked: who has room for them need not
        wait until it is written twice.
        """
        speech = self._spoken(language)
        given = values(told, speech.terms)
        message = speech.message(letter_for(told), given)
        if told.purpose is Purpose.RECEIPT:
            # Whoever asked has no business with our board, and nothing is asked of them.
            return message
        draft = draft_for(told)
        lines = message.lines
        if draft is not None:
            intro = speech.terms.phrases.get("draft", "A draft for the customer:")
            lines = (*lines, intro, *(f"> {one}" for one in speech.message(draft, given).lines))
        found = (
            () if told.veiled else links(told.decision, told.facts, speech.terms, self._public_url)
        )
        asked = speech.asked(given) if apart and not told.veiled else ""
        return Message(message.subject, lines, links=tuple(found), asked=asked)

    def letter(self, name: str, told: Told, *, language: str | None = None) -> Message:
        """Return the letter called *name* about *told*, whichever it would really get.

        Raises:
            WordsError: No letter has this name.
        """
        speech = self._spoken(language)
        if name == "digest":
            subject = self.message(told, language=language).subject
            return self.digest([(told.decision, subject, True)] * 2, language=language)
        given = values(told, speech.terms)
        message = speech.message(name, given)
        if told.purpose is Purpose.RECEIPT:
            return message
        return replace(message, asked=speech.asked(given))

    def digest(
        self, parts: Sequence[tuple[Decided, str, bool]], *, language: str | None = None
    ) -> Message:
        """Return one message for all *parts*: decision, subject, whether it asks."""
        speech = self._spoken(language)
        message = speech.message("digest", digest_values(parts))
        if self._public_url is None:
            return message
        board = speech.terms.phrases.get("board", "The board")
        return replace(message, links=((board, self._public_url),))

    def _spoken(self, language: str | None) -> _Speech:
        return self._speech.get(language or self._language, self._speech[self._language])


class _Speech:
    """One language: its own letters where there are, the English ones elsewhere."""

    def __init__(self, language: str, folders: Iterable[Path]) -> None:
        own = [folder / language for folder in folders]
        spare = [folder / ENGLISH for folder in folders] if language != ENGLISH else []
        self._paths = [*own, *spare]
        self.terms = _terms(self._paths)
        self._environment = _environment(self._paths)
        self.letters = tuple(
            sorted({one.stem for path in self._paths for one in path.glob("*.txt")} - {"parts"})
        )
        for name in self.letters:
            self._checked(name)

    def message(self, name: str, given: Mapping[str, Any]) -> Message:
        if name not in self.letters:
            msg = f"there is no letter {name!r}; there are: {', '.join(self.letters)}"
            raise WordsError(msg)
        try:
            text = self._environment.get_template(f"{name}.txt").render(given)
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
            msg = f"the letter {name}.txt cannot be written: {error}"
            raise WordsError(msg) from error
        subject, lines = _parts(text)
        return Message(subject=subject, lines=lines)

    def asked(self, given: Mapping[str, Any]) -> str:
        """Return what the reader is asked for, as every letter says it."""
        try:
            module: Any = self._environment.get_template("parts.txt").make_module(dict(given))
            return cut(plain(module.asked()), LONGEST_LINE)
        except (TemplateError, AttributeError, TypeError, ValueError) as error:
            msg = f"parts.txt cannot say what is asked: {error}"
            raise WordsError(msg) from error

    def _checked(self, name: str) -> None:
        for folder in self._paths:
            path = folder / f"{name}.txt"
            if path.is_file() and path.stat().st_size > LARGEST:
                msg = f"{path} is larger than {LARGEST} bytes"
                raise WordsError(msg)
        try:
            self._environment.get_template(f"{name}.txt")
        except (TemplateError, UnicodeDecodeError, OSError) as error:
            msg = f"the letter {name}.txt cannot be read: {error}"
            raise WordsError(msg) from error


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which does not ask of our macros anew whether they may be called.

    A letter calls one in every line, and asking took longer than what they do.
    """

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is TemplateModule:
            found = obj.__dict__.get(attribute)
            if type(found) is Macro:
                return found
        return super().getattr(obj, attribute)

    @override
    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        if type(obj) is Macro:
            return obj(context.eval_ctx, *args, **kwargs)
        return super().call(context, obj, *args, **kwargs)


def _environment(paths: Iterable[Path]) -> Environment:
    environment = _Sandbox(
        loader=ChoiceLoader([FileSystemLoader(path) for path in paths]),
        # Plain words come out; each sink escapes them (`Message.html`, Slack, JSON).
        autoescape=False,
        undefined=StrictUndefined,
        finalize=_put_in,
        auto_reload=False,
    )
    environment.globals.clear()
    return environment


def _put_in(value: object) -> object:
    """Make whatever a letter puts in one line of plain text; nothing stays nothing."""
    return "" if value is None else plain_kept(value)


def plain_kept(value: object) -> str:
    """Return *value* as one line, keeping the blanks at its ends, which letters set on purpose."""
    text = str(value)
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    inner = plain(text)
    before = " " if text[:1] == " " else ""
    after = " " if text[-1:] == " " and inner else ""
    return f"{before}{inner}{after}"


def _parts(text: str) -> tuple[str, tuple[str, ...]]:
    lines = [plain(line) for line in text.split("\n")]
    fence = lines.index(_FENCE) if _FENCE in lines else 0
    subject = " ".join(line for line in lines[:fence] if line)
    body = (line for line in lines[fence + 1 if fence else 0 :] if line)
    return cut(subject, LONGEST_SUBJECT), tuple(cut(line, LONGEST_LINE) for line in body)


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir() and one.name.isalpha())
    except OSError as error:
        msg = f"{folder} cannot be read: {error}"
        raise WordsError(msg) from error


def _terms(paths: Sequence[Path]) -> Terms:
    """Return the terms of *paths*; what stands in an earlier one wins."""
    joined: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    joined |= {"triggers": dict(TRIGGERS), "endings": dict(ENDINGS)}
    for path in reversed(paths):
        for kind, terms in _read_terms(path / _TERMS).items():
            joined[kind] |= terms
    return Terms(**{kind: MappingProxyType(terms) for kind, terms in joined.items()})


def _read_terms(path: Path) -> Mapping[str, Mapping[str, str]]:
    if not path.is_file():
        return {}
    try:
        tree = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        msg = f"{path} cannot be read: {error}"
        raise WordsError(msg) from error
    if not isinstance(tree, dict) or not all(isinstance(one, dict) for one in tree.values()):
        msg = f"{path} must hold lists of words: {', '.join(_KINDS)}"
        raise WordsError(msg)
    if unknown := tree.keys() - set(_KINDS):
        msg = f"{path}: {', '.join(sorted(unknown))}: there are only {', '.join(_KINDS)}"
        raise WordsError(msg)
    return {kind: {str(key): str(text) for key, text in one.items()} for kind, one in tree.items()}

"""A message before any sink: plain words, made safe once, then escaped by each sink for itself."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Final, Self

LONGEST_LINE: Final = 500
LONGEST_SUBJECT: Final = 180
ZERO_WIDTH: Final = "\u200b"


@dataclass(frozen=True, slots=True)
class Remarks:
    """What only the moment of sending knows: a *repeat*, or *missed* messages before this one.

    *held_since* is when the message was planned, if quiet hours or a bundle have held it since.
    """

    repeat: bool = False
    missed: int = 0
    held_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message before any sink has escaped it: a subject, and lines of plain words.

    *links* are (words, address) pairs; addresses are http(s) only. *asked* is what the reader is
    asked for, for sinks that have room for little else; where the lines are shown, it may be empty.
    """

    subject: str
    lines: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()
    asked: str = ""

    def remarked(self, remarks: Remarks) -> Self:
        """Return the message with what this attempt alone has to add."""
        added = []
        if remarks.repeat:
            added.append("This may be a repeat: whether the first copy arrived is not known.")
        if remarks.missed:
            added.append(
                f"Earlier messages on this ticket that did not reach you: {remarks.missed}."
            )
        if remarks.held_since is not None:
            since = remarks.held_since.astimezone(UTC)
            added.append(
                f"Held since {since:%Y-%m-%d %H:%M} UTC, as closed or quiet hours or a bundle ask."
            )
        return replace(self, lines=(*self.lines, *added)) if added else self

    def text(self) -> str:
        """Return the whole body as plain text."""
        links = tuple(f"{words}: {address}" for words, address in self.links)
        return "\n".join((*self.lines, *(("", *links) if links else ()))) + "\n"

    def html(self) -> str:
        """Return the body as HTML, every value escaped."""
        paragraphs = "".join(f"<p>{escape(line)}</p>" for line in self.lines if line)
        links = "".join(
            f'<p><a href="{escape(address, quote=True)}" rel="noreferrer">{escape(words)}</a></p>'
            for words, address in self.links
        )
        return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{paragraphs}{links}</body></html>'


def plain(value: object) -> str:
    """Return *value* as one line of plain text.

    Control characters, line separators and the marks that turn the direction of writing go;
    lone surrogates, which no encoding carries, become the replacement character.
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if "  " in text else text.strip()
    kept: list[str] = []
    for character in text:
        match unicodedata.category(character):
            case "Cc" | "Zl" | "Zp":
                kept.append(" ")
            case "Cf" if character not in "\u200c\u200d":
                continue
            case "Cs":
                kept.append("\ufffd")
            case _:
                kept.append(character)
    return " ".join("".join(kept).split())


def defused(text: str) -> str:
    """Return *text* so that no chat it is passed on to finds a mention in it.

    A zero-width space after ``@``, and after the ``<`` of ``<@``, ``<!`` and ``<#``, leaves
    the words readable and calls nobody.
    """
    for mark in ("<@", "<!", "<#"):
        text = text.replace(mark, f"<{ZERO_WIDTH}{mark[1]}")
    return text.replace("@", f"@{ZERO_WIDTH}")


def cut(text: str, longest: int) -> str:
    """Return *text*, shortened to *longest* characters where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"

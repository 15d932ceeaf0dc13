"""The page behind an answer link: what is asked, and buttons; looking at it changes nothing.

It holds no script and no style, so that the strictest content policy can stay, and it answers only
to a POST: whatever fetches links to look at them acknowledges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from services.notifier.clerk import SNOOZES, said
from services.notifier.core.answering import RETURN_REASONS, Act, Seal, Stand, Standing
from services.notifier.core.known import Known
from services.notifier.core.message import plain
from services.notifier.core.wording import Terms
from shared.contract.lengths import span
from shared.contract.sentences import target

_PAGE: Final = (
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
    "<title>{title}</title></head><body><main><h1>{title}</h1>{body}</main></body></html>"
)


def asking(
    seal: Seal, known: Known | None, met: Stand, terms: Terms, *, veiled: bool, language: str
) -> str:
    """Return the page that shows how the escalation of *seal* stands, and what can be answered."""
    title = plain(known.facts.title) if known and known.facts.title and not veiled else ""
    call = known.calls.get(seal.escalation) if known is not None else None
    lines = [title, target(call.target) if call is not None and call.target else ""]
    who = terms.roles.get(seal.role, seal.role.replace("_", " "))
    lines.append(f"{seal.person} ({who})")
    lines.append(said(met, terms))
    forms = (
        _forms(terms, met)
        if met.standing in (Standing.OPEN, Standing.TAKEN, Standing.YOURS)
        else ""
    )
    return page(seal.ticket, lines, language=language, more=forms)


def page(title: str, lines: Iterable[str], *, language: str, more: str = "") -> str:
    """Return a page that says *lines*; *more* is HTML."""
    said_lines = "".join(f"<p>{escape(plain(line))}</p>" for line in lines if line)
    return _PAGE.format(
        language=escape(language), title=escape(plain(title)), body=f"{said_lines}{more}"
    )


def _forms(terms: Terms, met: Stand) -> str:
    forms = [
        _form(
            Act.RETURN,
            terms,
            '<p><label>Why <select name="reason_code" required>'
            + "".join(f'<option value="{one}">{_spaced(one)}</option>' for one in RETURN_REASONS)
            + "</select></label></p>"
            + _text("what", "What is missing or wrong")
            + _text("path", "What to do instead"),
        ),
        _form(Act.ESCALATE, terms, _text("what", "Why it must go higher")),
        _form(
            Act.SNOOZE,
            terms,
            '<p><label>For <select name="for">'
            + "".join(
                f'<option value="{name}">{span(length.total_seconds())}</option>'
                for name, length in SNOOZES.items()
            )
            + "</select></label></p>",
        ),
    ]
    if met.standing is Standing.OPEN:
        forms.insert(0, _form(Act.ACKNOWLEDGE, terms, ""))
    return "".join(forms)


def _form(act: Act, terms: Terms, fields: str) -> str:
    words = terms.phrases.get(f"do_{act}", str(act))
    return (
        f'<form method="post">{fields}'
        f'<button name="act" value="{act}">{escape(words)}</button></form>'
    )


def _text(name: str, words: str) -> str:
    return (
        f'<p><label>{words}<br><textarea name="{name}" rows="3" cols="60" maxlength="2000" required>'
        "</textarea></label></p>"
    )


def _spaced(name: str) -> str:
    return name.replace("_", " ")

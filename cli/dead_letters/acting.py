"""`tierline dead-letters replay` and `discard`: try again, or give up for good, under a name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from cli.dead_letters.notifier import (
    NOTIFIER,
    Deed,
    Notifier,
    NotifierError,
    RefusedError,
    UnsureError,
    Wanted,
    notifier_at,
)
from cli.dead_letters.options import NotifierUrl, OfKind, OfTicket, OfWhy, wanted
from cli.output import PROBLEM, WRONG_USE, AsJson, fail, print_json, progress
from cli.person import user_here
from shared.runtime.secret import MissingSecretError, resolve

_LONGEST_REASON: Final = 2000
_LONGEST_NAME: Final = 200
"""Characters that the notifier keeps."""

Reason = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help="Why, in your own words; kept for ever. Asked for at a terminal.",
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does it; kept. [default: the user here]"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="REF",
        envvar="NOTIFIER_OPERATOR_KEY",
        help="The notifier's operator key as env:NAME or file:PATH, if it asks for one.",
    ),
]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done to letters: the *deed*, who orders it, and why."""

    deed: Deed
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Became:
    """What became of one letter: *result* where it was done, else *problem*."""

    id: str
    result: str | None = None
    problem: str | None = None


def replay(  # noqa: PLR0913, PLR0917  one parameter for each option
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids of the list.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that the filters leave, the oldest first.")
    ] = False,
    kind: OfKind = None,
    ticket: OfTicket = None,
    why: OfWhy = None,
    reason: Reason = None,
    by: By = None,
    yes: Yes = False,
    key: Key = None,
    notifier: NotifierUrl = NOTIFIER,
    as_json: AsJson = False,
) -> None:
    """Try dead letters again, under the same ids, so that a receiver can drop what it has.

    Mend the cause first: the address in the roster (then restart the notifier), the mailbox, the
    receiver. A notice goes to whoever holds its role now, and not at all if it is out of date; a
    record is read as if it came now. What fails again becomes a dead letter again.

    Example: `tierline dead-letters replay --all --why smtp_552 --reason "the mailbox has room"`

    Exit codes: 0 all of them done, 1 some could not be or you said no, 2 wrong use, nobody answers,
    or no orders are taken from you.
    """
    command = "dead-letters replay"
    filtered = (kind, ticket, why) != (None, None, None)
    if bool(letters) == everything:
        fail(command, "name letters by their ids, or say --all; one of both", code=WRONG_USE)
    if filtered and not everything:
        fail(command, "--kind, --ticket and --why go with --all", code=WRONG_USE)
    meant = wanted(command, kind, ticket, why) if everything else list(letters or ())
    _carry_out("replay", meant, _Said(reason, by, yes, key, notifier, as_json))


def discard(
    letters: Annotated[list[str], typer.Argument(metavar="ID", help="Ids of the list.")],
    reason: Reason = None,
    by: By = None,
    yes: Yes = False,
    key: Key = None,
    notifier: NotifierUrl = NOTIFIER,
    as_json: AsJson = False,
) -> None:
    """Give dead letters up for good: they are never sent, and the list no longer has them.

    Nothing is deleted: `show` still tells everything, with your name and your reason.

    Example: `tierline dead-letters discard record-3 --reason "a test that somebody wrote by hand"`

    Exit codes: 0 all of them done, 1 some could not be or you said no, 2 wrong use, nobody answers,
    or no orders are taken from you.
    """
    _carry_out("discard", letters, _Said(reason, by, yes, key, notifier, as_json))


@dataclass(frozen=True, slots=True)
class _Said:
    """The options that both words have."""

    reason: str | None
    by: str | None
    yes: bool
    key: str | None
    notifier: str
    as_json: bool


def _carry_out(deed: Deed, meant: Wanted | Sequence[str], said: _Said) -> None:
    command = f"dead-letters {deed}"
    key = _key(command, said.key)
    order = Order(deed, _actor(command, said.by), _reason(command, said.reason))
    letters: list[str] = []
    became: list[Became] = []
    broken: str | None = None
    try:
        with notifier_at(said.notifier, key) as office:
            letters = _named(office, meant)
            if letters and not said.yes:
                _confirm(command, order, letters)
            for one in _done(office, order, letters):
                became.append(one)
                if not said.as_json:
                    _tell(command, one)
    except NotifierError as error:
        left = _left(letters[len(became) :], unsure=isinstance(error, UnsureError))
        broken = f"{error}{left}"
    if said.as_json and (became or broken is None):
        print_json({"letters": [_plain(one) for one in became]})
    elif not became and broken is None:
        typer.echo("No dead letters.")
    if broken is not None:
        fail(command, broken, code=WRONG_USE)
    if any(one.problem for one in became):
        raise typer.Exit(PROBLEM)


def _left(left: Sequence[str], *, unsure: bool) -> str:
    """Return what to say of the letters *left* when it ended at the first of them."""
    if not left:
        return ""
    rest = len(left) - 1 if unsure else len(left)
    open_end = f"; it is not sure whether {left[0]} was done" if unsure else ""
    return f"{open_end}; {rest} left untouched"


def _named(office: Notifier, meant: Wanted | Sequence[str]) -> list[str]:
    """Return the ids that are meant, each once, the oldest first where the notifier lists them."""
    if not isinstance(meant, Wanted):
        return list(dict.fromkeys(meant))
    # All are listed before any is replayed: one that fails again at once is not met again.
    return [one.id for one in office.letters(meant)][::-1]


def _done(office: Notifier, order: Order, letters: Sequence[str]) -> Iterator[Became]:
    with progress() as bar:
        for one in bar.track(letters, description=order.deed):
            try:
                said = office.act(order.deed, one, actor=order.actor, reason=order.reason)
            except RefusedError as error:
                yield Became(one, problem=str(error))
            else:
                yield Became(one, result=said)


def _tell(command: str, one: Became) -> None:
    if one.problem is None:
        typer.echo(f"{one.id}: {one.result}")
    else:
        typer.echo(f"tierline {command}: {one.id}: {one.problem}", err=True)


def _plain(one: Became) -> dict[str, Any]:
    return {"id": one.id, "done": one.problem is None, "said": one.result or one.problem}


def _confirm(command: str, order: Order, letters: Sequence[str]) -> None:
    what = letters[0] if len(letters) == 1 else f"{len(letters)} dead letters"
    question = {
        "replay": f"Try {what} again?",
        "discard": f"Give {what} up for good?",
    }[order.deed]
    if not sys.stdin.isatty():
        fail(command, f"nobody is here to be asked `{question}`; say --yes", code=WRONG_USE)
    if not typer.confirm(question, err=True):
        fail(command, "nothing was done")


def _reason(command: str, given: str | None) -> str:
    if given is None and sys.stdin.isatty():
        given = str(typer.prompt("Why (kept for ever)", err=True))
    reason = (given or "").strip()
    if not reason:
        fail(command, "say why with --reason; it is kept for ever", code=WRONG_USE)
    if len(reason) > _LONGEST_REASON:
        fail(command, f"--reason: at most {_LONGEST_REASON} characters are kept", code=WRONG_USE)
    return reason


def _actor(command: str, given: str | None) -> str:
    actor = (user_here() if given is None else given).strip()
    if not actor:
        fail(command, "say who you are with --by; it is kept for ever", code=WRONG_USE)
    if len(actor) > _LONGEST_NAME:
        fail(command, f"--by: at most {_LONGEST_NAME} characters are kept", code=WRONG_USE)
    return actor


def _key(command: str, given: str | None) -> str | None:
    if given is None:
        return None
    try:
        key = resolve(given, os.environ).get_secret_value()
    except MissingSecretError as error:
        fail(command, f"--key: {error}", code=WRONG_USE)
    if not (key.isascii() and key.isprintable()):
        fail(command, "--key: this is no key; one is a line of ASCII", code=WRONG_USE)
    return key

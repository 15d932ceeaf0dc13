"""`tierline channels`: which ways out there are, and what a letter looks like on each."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cli.channels.example import PEOPLE, an_example
from cli.channels.trial import try_out
from cli.output import AsJson, print_json
from services.notifier.channels.build import plugins
from services.notifier.channels.phone import aloud, in_short
from services.notifier.channels.teams import card
from services.notifier.core.message import Message, defused
from services.notifier.core.roster import CHANNELS
from services.notifier.core.slack import notice_blocks
from services.notifier.words import ENGLISH, Words, WordsError

app = typer.Typer(
    name="channels",
    help="The ways out to people, and the letters that go out by them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

app.command("test")(try_out)

ABOUT = {
    "webhook": "a webhook of the recipient, signed (Standard Webhooks); `webhook` in the roster",
    "voice": "a call, read aloud; `voice` in the roster, NOTIFIER_PHONE_…",
    "sms": "a text message; `sms` in the roster, NOTIFIER_PHONE_…",
    "email": "mail with a link to answer by; `email` in the roster, NOTIFIER_SMTP_…",
    "slack": "a thread for each case, with buttons; `slack` in the roster, NOTIFIER_SLACK_…",
    "teams": "an adaptive card to a workflow; `teams` in the roster",
    "apprise": "Mattermost, Rocket.Chat, Discord and many more; `apprise` in the roster",
    "console": "a printed line; `console: true` in the roster",
}
"""What each channel is, and where it is set up."""


class Sink(StrEnum):
    """What a letter is escaped for."""

    PLAIN = "plain"
    HTML = "html"
    SLACK = "slack"
    TEAMS = "teams"
    JSON = "json"
    SMS = "sms"
    VOICE = "voice"


WordsFolder = Annotated[
    Path | None,
    typer.Option("--words", metavar="DIR", help="Your own letters, as NOTIFIER_WORDS_DIR names."),
]


@app.command("list")
def list_channels(words: WordsFolder = None, as_json: AsJson = False) -> None:
    """Say which channels there are, which letters, and in which languages.

    Channels that other packages offer (entry point `tierline.channels`) are among them.

    Example: `tierline channels list`

    Exit codes: 0 listed, 1 a letter cannot be read.
    """
    letters = _loaded(words)
    others = {name: f"offered by {entry.value}" for name, entry in plugins().items()}
    about = {**{name: ABOUT[name] for name in CHANNELS}, **others}
    if as_json:
        print_json({"channels": about, "letters": letters.letters, "languages": letters.languages})
        return
    typer.echo("Channels, in the order in which they stand in for one another:")
    for name, words_about in about.items():
        typer.echo(f"  {name:<10} {words_about}")
    typer.echo("\nLetters (`tierline channels preview LETTER`):")
    for name in letters.letters:
        typer.echo(f"  {name}")
    typer.echo(f"\nLanguages: {', '.join(letters.languages)}")


@app.command()
def preview(
    letter: Annotated[str, typer.Argument(metavar="LETTER", help="Its name, as `list` has it.")],
    language: Annotated[
        str, typer.Option("--language", metavar="CODE", help="In which language.")
    ] = ENGLISH,
    sink: Annotated[Sink, typer.Option("--for", help="What it is escaped for.")] = Sink.PLAIN,
    title: Annotated[
        str, typer.Option("--title", help="The ticket's title; try what a stranger may write.")
    ] = "Totals differ",
    words: WordsFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show a letter about an example ticket, as its reader gets it.

    Nothing is sent and nothing needs to run. Letters are files: copy `deploy/words/en` into a
    folder of your own, change what you like, and look at it here with `--words`.

    Example: `tierline channels preview raise_notice --for slack`

    Exit codes: 0 shown, 1 the letter cannot be written (the file is named), 2 no letter or
    language has this name.
    """
    letters = _loaded(words)
    if letter not in letters.letters:
        _unknown(f"no letter {letter!r}; there are: {', '.join(letters.letters)}")
    if language not in letters.languages:
        known = ", ".join(letters.languages)
        _unknown(f"no letters in {language!r}; there are: {known}")
    try:
        message = letters.letter(letter, an_example(letter, title), language=language)
    except WordsError as error:
        typer.echo(f"tierline channels preview: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"letter": letter, "subject": message.subject, "lines": message.lines})
        return
    typer.echo(_shown(message, sink))


def _unknown(said: str) -> NoReturn:
    typer.echo(f"tierline channels preview: {said}", err=True)
    raise typer.Exit(2)


def _loaded(words: Path | None) -> Words:
    try:
        return Words(own=words, public_url=PEOPLE)
    except WordsError as error:
        typer.echo(f"tierline channels: {error}", err=True)
        raise typer.Exit(1) from None


def _shown(message: Message, sink: Sink) -> str:
    match sink:
        case Sink.PLAIN:
            return f"Subject: {message.subject}\n\n{message.text()}"
        case Sink.HTML:
            return message.html()
        case Sink.SLACK:
            return _pretty(notice_blocks(message))
        case Sink.TEAMS:
            return _pretty(card(message))
        case Sink.JSON:
            given = {"subject": defused(message.subject), "text": defused(message.text())}
            return _pretty(given)
        case Sink.SMS:
            return in_short(message)
        case Sink.VOICE:
            return aloud(message)


def _pretty(given: Any) -> str:
    return json.dumps(given, ensure_ascii=False, indent=2)

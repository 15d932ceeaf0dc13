"""`tierline dead-letters`: look at what the notifier could not do, try it again, give it up."""

from __future__ import annotations

import typer

from cli.dead_letters.acting import discard, replay
from cli.dead_letters.looking import list_letters, show_letter

app = typer.Typer(
    name="dead-letters",
    help="Dead letters: notices that reached nobody, records that could not be read.\n\n"
    "The usual way: `list` them, `show` one to see why, mend the cause, then `replay` what still"
    " matters and `discard` the rest. Who did it and why is kept for ever.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.command("list")(list_letters)
app.command("show")(show_letter)
app.command("replay")(replay)
app.command("discard")(discard)

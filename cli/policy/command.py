"""`tierline policy`: check a file, see what it changes, activate it, see what held when."""

from __future__ import annotations

import typer

from cli.policy.activating import activate
from cli.policy.checking import check
from cli.policy.comparing import diff
from cli.policy.remembering import history

app = typer.Typer(
    name="policy",
    help="The policy: who is told, when a ticket moves up, what customers are promised.\n\n"
    "The usual way of a change: edit a copy of the file and raise `policy.version`, then `check`"
    " it, `diff` it against what is active, `diff --live` it against the open cases, and `apply`"
    " it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.command("check")(check)
app.command("diff")(diff)
app.command("apply")(activate)
app.command("history")(history)

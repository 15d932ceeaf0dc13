"""`tierline roster`: check who stands behind the policy's roles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import AsJson, fail, print_json
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.roster_file import Finding, RosterError, load_roster_file
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy_file

app = typer.Typer(
    name="roster",
    help="The roster: which person or group stands behind each role of the policy.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


@app.callback()
def roster() -> None:
    """Group the commands on rosters; without this, typer would drop the word `check`."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The roster file.")],
    policy: Annotated[
        Path,
        typer.Option("--policy", metavar="FILE", help="The policy whose roles are to be filled."),
    ] = DEFAULT_POLICY,
    strict: Annotated[
        bool, typer.Option("--strict", help="An empty seat counts as an error, for a build server.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell every mistake in a roster, and every role of the policy that nobody holds.

    An empty seat is allowed, and rarely meant: a notice to it is kept as suppressed, and the
    ladder moves on at once.

    Example: `tierline roster check deploy/roster/default.yaml`

    Exit codes: 0 it can be used, 1 it cannot, or the policy cannot (with --strict: or a role of
    the policy has nobody).
    """
    try:
        roles = _asked(load_policy_file(policy))
        loaded = load_roster_file(file)
    except PolicyError as error:
        fail("roster check", str(error))
    except RosterError as error:
        _tell_errors(file, error.findings, as_json=as_json)
        raise typer.Exit(1) from None
    empty = [role for role in roles if _is_empty(loaded, role)]
    unknown = [role for role in loaded.roles if role not in roles]
    if as_json:
        print_json(_result(loaded, (), empty, unknown))
    else:
        _tell(file, loaded, empty, unknown)
    if strict and empty:
        raise typer.Exit(1)


def _asked(policy: Policy) -> list[str]:
    """Return every role that a notice of *policy* may go to."""
    departments = policy.departments.values()
    seats = [seat for one in departments for seat in (one.duty, one.backup, one.head)]
    return list(dict.fromkeys([*policy.file.roles, *seats, "owner"]))


def _is_empty(roster: Roster, role: str) -> bool:
    """Whether there is a ticket on which nobody holds *role*: one whose facts name nobody."""
    nobody = TicketFacts()
    return any(roster.seated(role, tier=tier, facts=nobody) is None for tier in (1, 2, 3))


def _tell(file: Path, roster: Roster, empty: Sequence[str], unknown: Iterable[str]) -> None:
    for role in empty:
        typer.echo(f"{file}: warning: {role}: nobody holds it; its notices go to nobody", err=True)
    for role in unknown:
        typer.echo(f"{file}: warning: roles.{role}: no role of the policy; never asked", err=True)
    held = f"{len(roster.contacts)} people and groups in {len(roster.roles)} roles"
    typer.echo(f"{file}: {roster.name} version {roster.version}: {held}, {len(empty)} empty seats")


def _tell_errors(file: Path, findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json(_result(None, findings, (), ()))
        return
    for one in findings:
        typer.echo(f"{file}: {one}", err=True)


def _result(
    roster: Roster | None, findings: Sequence[Finding], empty: Sequence[str], unknown: Sequence[str]
) -> dict[str, Any]:
    return {
        "ok": roster is not None,
        "name": None if roster is None else roster.name,
        "version": None if roster is None else roster.version,
        "errors": [asdict(one) for one in findings],
        "empty_seats": empty,
        "unknown_roles": unknown,
    }

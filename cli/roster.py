"""`tierline roster`: who stands behind the policy's roles, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.output import WRONG_USE, AsJson, fail, print_json, show
from services.notifier.core.duty import Duty, duties
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.roster_file import Finding, RosterError, load_roster_file
from services.notifier.settings import DEFAULT_ROSTER
from shared.contract.times import as_datetime, parse_instant
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy_file
from shared.runtime.clock import real_now

app = typer.Typer(
    name="roster",
    help="The roster: which person or group stands behind each role of the policy.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


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


@app.command()
def who(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="The roster file.")
    ] = DEFAULT_ROSTER,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="The instant, as 2026-12-24T20:00:00Z; now."),
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE", help="Only this role; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell who holds each role, until when, and who comes then.

    Roles that a ticket fills by itself (its owner, the customer's account manager) are shown as
    they are when the ticket names nobody.

    Example: `tierline roster who --role t2_oncall --at 2026-12-24T20:00:00Z`

    Exit codes: 0 somebody holds every role that was asked for, 1 nobody holds one, or the roster
    cannot be used, 2 the time has no zone.
    """
    try:
        moment = real_now() if at is None else as_datetime(parse_instant(at))
    except ValueError as error:
        fail("roster who", f"--at: {error}", code=WRONG_USE)
    try:
        held = duties(load_roster_file(file), moment, role)
    except RosterError as error:
        fail("roster who", str(error))
    if as_json:
        print_json({"at": moment, "on_call": [asdict(one) for one in held]})
    else:
        show(_table(held))
    if any(one.person is None for one in held):
        raise typer.Exit(1)


def _table(held: Sequence[Duty]) -> Table:
    table = Table("role", "who", "by", "until", "then")
    for one in held:
        until = "" if one.until is None else f"{one.until:%Y-%m-%d %H:%M} UTC"
        holder = one.name or "nobody"
        then = one.then or ("nobody" if one.until else "")
        table.add_row(one.role, holder, one.schedule or one.by_ticket or "", until, then)
    return table


def _asked(policy: Policy) -> list[str]:
    """Return every role that a notice of *policy* may go to."""
    departments = policy.departments.values()
    seats = [seat for one in departments for seat in (one.duty, one.backup, one.head)]
    return list(dict.fromkeys([*policy.file.roles, *seats, "owner"]))


def _is_empty(roster: Roster, role: str) -> bool:
    """Whether there is a ticket on which nobody holds *role*: one whose facts name nobody."""
    nobody, now = TicketFacts(), real_now()
    return any(roster.seated(role, tier=tier, facts=nobody, at=now) is None for tier in (1, 2, 3))


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

"""`tierline roster`: who stands behind the policy's roles, and when."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cli.output import WRONG_USE, AsJson, fail, print_json, show
from services.notifier.access_watch import ListedMemberships
from services.notifier.calendar_fetching import fetch
from services.notifier.calendar_writing import Kind, NoFeedError, feed, feed_token
from services.notifier.channels.egress import Egress
from services.notifier.core.access import Access, access, posting_roles
from services.notifier.core.coverage import Coverage, coverage, ladders_of
from services.notifier.core.duty import Duty, duties
from services.notifier.core.picture import drawn_as_svg, drawn_in_text
from services.notifier.core.roster import Roster, TicketFacts
from services.notifier.core.schedule import Span
from services.notifier.roster_file import Finding, RosterError, is_address, load_roster_file
from services.notifier.settings import DEFAULT_ROSTER
from shared.contract.times import as_datetime, parse_instant
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy_file
from shared.runtime.clock import real_now
from shared.runtime.secret import MissingSecretError, resolve

_WEEK: Final = timedelta(days=7)

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
    weeks: Annotated[
        int, typer.Option("--weeks", min=1, max=53, help="How many weeks are looked ahead.")
    ] = 4,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="The first instant; today at 00:00 UTC."),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw the shifts into this file.")
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="What needs mending is an error, for a build server."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell every mistake in a roster, and what its coming weeks hold.

    That is: roles of the policy that nobody holds, holes in schedules, people in two steps of one
    ladder at the same time, people without a way meant for a mode, and how much each is on call.
    The picture has a letter for each quarter of a day; `!` is a hole.

    An empty seat is allowed, and rarely meant: a notice to it is kept as suppressed, and the
    ladder moves on at once.

    Example: `tierline roster check deploy/roster/default.yaml --weeks 6 --svg shifts.svg`

    Exit codes: 0 it can be used, 1 it cannot, or the policy cannot (with --strict: or something
    needs mending), 2 the time has no zone, or a picture cannot be written.
    """
    try:
        rules, loaded = load_policy_file(policy), read_roster(file)
    except PolicyError as error:
        fail("roster check", str(error))
    except RosterError as error:
        _tell_errors(file, error.findings, as_json=as_json)
        raise typer.Exit(1) from None
    roles = _asked(rules)
    empty = [role for role in roles if _is_empty(loaded, role)]
    unknown = [role for role in loaded.roles if role not in roles]
    begins = _instant(start) if start else real_now().replace(hour=0, minute=0, second=0)
    span = Span(begins.replace(microsecond=0), begins.replace(microsecond=0) + weeks * _WEEK)
    found = coverage(loaded, span, ladders_of(rules))
    _write(svg, drawn_as_svg(found, loaded.zone))
    if as_json:
        print_json(_result(loaded, (), empty, unknown, found))
    else:
        _tell(file, loaded, empty, unknown)
        _tell_coverage(file, found)
    if strict and (empty or not found.sound):
        raise typer.Exit(1)


def _instant(text: str) -> datetime:
    try:
        return as_datetime(parse_instant(text))
    except ValueError as error:
        fail("roster check", f"--from: {error}; write it as 2026-03-02T10:00:00Z", code=WRONG_USE)


def _write(file: Path | None, content: str) -> None:
    if file is None:
        return
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        fail(
            "roster check",
            f"cannot write {file}: {error.strerror}; name another file",
            code=WRONG_USE,
        )


def _tell_coverage(file: Path, found: Coverage) -> None:
    def warn(words: str) -> None:
        typer.echo(f"{file}: warning: {words}", err=True)

    for hole in found.holes:
        roles = ", ".join(hole.roles)
        warn(f"{hole.schedule}: nobody from {_span(hole.span)}; the steps of {roles} are skipped")
    for clash in found.clashes or ():
        roles = " and ".join(clash.roles)
        warn(f"{clash.person} is {roles} from {_span(clash.span)}: one chance to be heard, not two")
    for one in found.unmet:
        instead = f"{', '.join(one.instead)} stands in" if one.instead else "nothing stands in"
        warn(f"{one.person}: has none of the ways meant for {one.mode}; {instead}")
    if found.lanes:
        typer.echo(drawn_in_text(found))
        table = Table("on call", "hours", "shifts", "longest")
        for load in found.loads:
            table.add_row(
                load.person, f"{load.hours:.0f}", str(load.shifts), f"{load.longest:.0f} h"
            )
        show(table)


def _span(span: Span) -> str:
    return f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC"


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
        fail("roster who", f"--at: {error}; write it as 2026-03-02T10:00:00Z", code=WRONG_USE)
    try:
        roster = read_roster(file)
        held = duties(roster, moment, role)
    except RosterError as error:
        fail("roster who", str(error))
    if as_json:
        print_json({"at": moment, "on_call": [asdict(one) for one in held]})
    else:
        show(_table(held, roster))
    if any(one.person is None for one in held):
        raise typer.Exit(1)


@app.command()
def ics(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The roster file.")],
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="NAME", help="The shifts of this schedule.")
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="KEY", help="All shifts of this person.")
    ] = None,
    weeks: Annotated[
        int, typer.Option("--weeks", min=1, max=53, help="How many weeks, from now on.")
    ] = 13,
    as_json: AsJson = False,
) -> None:
    """Print shifts as an iCalendar file, for any calendar tool to import.

    Example: `tierline roster ics deploy/roster/default.yaml --schedule tier2 > tier2.ics`

    Exit codes: 0 printed, 1 the roster cannot be used or has no such schedule or person, 2 not
    exactly one of --schedule and --person was given.
    """
    if (schedule is None) == (person is None):
        fail("roster ics", "give either --schedule or --person", code=WRONG_USE)
    kind: Kind = "schedule" if schedule is not None else "person"
    now = real_now().replace(microsecond=0)
    try:
        shown = feed(
            read_roster(file), kind, schedule or person or "", Span(now, now + weeks * _WEEK)
        )
    except (RosterError, NoFeedError) as error:
        fail("roster ics", str(error))
    text = shown.decode()
    if as_json:
        print_json({"kind": kind, "name": schedule or person, "calendar": text})
    else:
        typer.echo(text, nl=False)


@app.command()
def feeds(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The roster file.")],
    notifier: Annotated[
        str, typer.Option("--notifier", metavar="URL", help="Where people reach the notifier.")
    ] = "http://127.0.0.1:8083",
    key: Annotated[
        str,
        typer.Option("--key", metavar="REFERENCE", help="Where NOTIFIER_CALENDAR_SECRET is kept."),
    ] = "env:NOTIFIER_CALENDAR_SECRET",
    as_json: AsJson = False,
) -> None:
    """Print the address of every calendar feed: each schedule's, and each person's.

    An address is as good as a password for what it shows. Give each to whom it concerns.

    Example: `tierline roster feeds deploy/roster/default.yaml --key file:/run/secrets/calendar`

    Exit codes: 0 printed, 1 the roster cannot be used, 2 there is no secret where --key says.
    """
    try:
        secret = resolve(key, os.environ).get_secret_value()
        loaded = read_roster(file)
    except MissingSecretError as error:
        fail("roster feeds", str(error), code=WRONG_USE)
    except RosterError as error:
        fail("roster feeds", str(error))
    named: list[tuple[Kind, str]] = [("schedule", one) for one in loaded.duties.schedules]
    named += [("person", one) for one in loaded.contacts]
    base = notifier.rstrip("/")
    rows = [
        {"kind": kind, "name": name, "address": f"{base}/v1/calendars/{token}/{kind}/{name}.ics"}
        for kind, name in named
        for token in [feed_token(secret, kind, name)]
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['kind']} {row['name']}: {row['address']}")


@app.command("access")
def check_access(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The roster file.")],
    policy: Annotated[
        Path,
        typer.Option("--policy", metavar="FILE", help="The policy that says who posts where."),
    ] = DEFAULT_POLICY,
    as_json: AsJson = False,
) -> None:
    """Tell who should be in a dedicated channel and is not, by the roster's own lists.

    Also: roles that the policy lets post where the roster does not, roles that nobody can hold, and
    channels without a list. People who are in a channel without a role there are told, and no error.

    Example: `tierline roster access deploy/roster/default.yaml`

    Exit codes: 0 everybody is where they should be, 1 somebody is not, or a file cannot be used.
    """
    try:
        posts, loaded = posting_roles(load_policy_file(policy)), read_roster(file)
    except (PolicyError, RosterError) as error:
        fail("roster access", str(error))
    found = access(loaded, asyncio.run(ListedMemberships().members(loaded)))
    apart = [
        f"{name}: the policy lets {role} post, and the roster does not"
        for name, roles in posts.items()
        if name in loaded.rooms
        for role in roles
        if role not in loaded.rooms[name].post
    ]
    apart += [
        f"{name}: the policy has this channel, and the roster does not"
        for name, roles in posts.items()
        if roles and name not in loaded.rooms
    ]
    if as_json:
        print_json({**asdict(found), "sound": found.sound and not apart, "policy": apart})
    else:
        _tell_access(found, apart)
    if apart or not found.sound:
        raise typer.Exit(1)


def _tell_access(found: Access, apart: Sequence[str]) -> None:
    for one in found.missing:
        typer.echo(f"{one.channel}: {one.person} is missing; called as {', '.join(one.roles)}")
    for channel, role in found.unheld:
        typer.echo(f"{channel}: nobody can hold {role}")
    for channel in found.unlisted:
        typer.echo(f"{channel}: nobody has said who is in it; list its members")
    for line in apart:
        typer.echo(line)
    for extra in found.surplus:
        typer.echo(
            f"{extra.channel}: {extra.person} is in it, though no role of theirs posts there"
        )
    if found.sound and not apart:
        typer.echo("everybody who is called in a channel is in it")


def read_roster(file: Path) -> Roster:
    """Return the roster of *file*, with the calendars that it names by an address.

    Raises:
        RosterError: It cannot be used, or a calendar cannot be fetched.
    """
    loaded = load_roster_file(file)
    sources = [one for one in loaded.calendars if is_address(one)]
    if not sources:
        return loaded
    texts, failures = asyncio.run(fetch(sources, Egress(), partial(resolve, environ=os.environ)))
    if failures:
        what = "; ".join(f"{source}: {why}" for source, why in failures.items())
        raise RosterError(str(file), (Finding(0, "calendar", f"cannot be fetched: {what}"),))
    return load_roster_file(file, fetched=texts)


def _table(held: Sequence[Duty], roster: Roster) -> Table:
    table = Table("role", "who", "by", "until", "then")
    for one in held:
        until = "" if one.until is None else f"{one.until:%Y-%m-%d %H:%M} UTC"
        holder = one.name or "nobody"
        then = "" if one.until is None else _name(one.then, roster)
        table.add_row(one.role, holder, one.schedule or one.by_ticket or "", until, then)
    return table


def _name(person: str | None, roster: Roster) -> str:
    return "nobody" if person is None else roster.contacts[person].name


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
    roster: Roster | None,
    findings: Sequence[Finding],
    empty: Sequence[str],
    unknown: Sequence[str],
    found: Coverage | None = None,
) -> dict[str, Any]:
    return {
        "ok": roster is not None,
        "name": None if roster is None else roster.name,
        "version": None if roster is None else roster.version,
        "errors": [asdict(one) for one in findings],
        "empty_seats": empty,
        "unknown_roles": unknown,
        "coverage": None if found is None else asdict(found),
    }

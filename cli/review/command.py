"""`tierline review`: the report of a period, feedback, and the decisions that reviews take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfoNotFoundError

import typer
from pydantic_core import to_json

from cli.decision_file import decision_file
from cli.event_file import event_file
from cli.log_of_record import (
    file_policies,
    live_decisions,
    live_events,
    live_policies,
    settings,
)
from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.report.document import Format
from cli.report.writing import FormOption, write, written
from cli.review import deciding, feedback
from cli.review.journal import Entry, JournalError, read_journal
from cli.review.sections import Review, report, reviewed
from cli.roleplay.library import TRAINING
from cli.roster import read_roster
from cli.training.cover import seats, team
from cli.training.place import ROSTER, Place
from services.notifier.access_watch import ListedMemberships
from services.notifier.core.access import access
from services.notifier.roster_file import RosterError
from shared.contract.decisions import ActRefused, DecisionEvent, EscalationRaised
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, as_datetime, parse_instant
from shared.policy.document import PolicyTimeline
from shared.policy.responsibility import OutsideRole, outside_role
from shared.review.figures import Figure
from shared.review.folding import Lives
from shared.review.metrics import Scope, share
from shared.review.slices import Period, Slice, between, month

_COMMAND = "review"

app = typer.Typer(
    name=_COMMAND,
    add_completion=False,
    rich_markup_mode="markdown",
    invoke_without_command=True,
)
app.command("ask")(feedback.ask)
app.command("import")(feedback.import_answers)
app.command("decide")(deciding.decide)
app.command("done")(deciding.done)
app.command("close")(deciding.close)
app.command("follow")(deciding.follow)


@app.callback()
def review(  # noqa: PLR0913, PLR0917  one option for each thing that a slice can name
    ctx: typer.Context,
    of_month: Annotated[
        str | None, typer.Option("--month", metavar="2026-10", help="The month looked at.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin here instead of at a month.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="End before here.")] = None,
    events: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Events, one JSON a line; default: the log in Kafka."),
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Decisions, one JSON a line.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The policy that decided.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Only tickets that this group had last.")] = None,
    product: Annotated[str | None, typer.Option(help="Only this service.")] = None,
    component: Annotated[str | None, typer.Option(help="Only this component.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only this customer.")] = None,
    plan: Annotated[str | None, typer.Option(help="Only this plan.")] = None,
    tier: Annotated[
        int | None, typer.Option(min=1, max=3, help="Only tickets that were in this tier.")
    ] = None,
    priority: Annotated[str | None, typer.Option(help="Only this priority, such as P1.")] = None,
    policy_version: Annotated[
        int | None, typer.Option(min=1, help="Only tickets opened under this version.")
    ] = None,
    shift: Annotated[
        str | None, typer.Option(metavar="22-06", help="Only tickets opened in these local hours.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Where months, shifts and nights are read.")] = "UTC",
    rate: Annotated[
        list[str] | None,
        typer.Option(metavar="TIER=COST", help="What an hour costs in a tier, such as 2=60."),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The journal of earlier decisions.")
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            "--records", metavar="FILE", help="Records of training, for the certificates."
        ),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Who should be in which channel, and who needs a certificate."
        ),
    ] = None,
    form: FormOption = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where it goes.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --month: write page and numbers into the folder that the tracker serves"
            " (TRACKER_REVIEWS), and nothing else.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report on a period: promises, escalations, people, causes, and the actions that follow.

    Every number comes with how many cases it speaks of; docs/review.md has each formula. Thresholds
    that are passed open preventive actions, each with an owner and a due date. Cancelled tickets,
    spam, drills, and tickets merged into others are not counted.

    Without files it reads the topics of the running system (KAFKA_BOOTSTRAP_SERVERS), joining no
    group. `--format html` makes one page without scripts, `--format pdf` what can be sent around.

    Examples: `tierline review --month 2026-10`,
    `tierline review --month 2016-03 --events e.jsonl --decisions d.jsonl --plan standard`

    Exit codes: 0 done, 1 something cannot be read, 2 wrong use.
    """
    if ctx.invoked_subcommand is not None:
        return
    period = _period(of_month, since, until, zone)
    of = Slice(
        team,
        product,
        component,
        customer,
        plan,
        tier,
        priority,
        policy_version,
        _hours(shift),
        zone,
    )
    lives, policies, outside = _material(events, decisions, policy)
    every = lives.all()
    scope = Scope(
        of.of(every), period, policies, lives.last, every=every, zone=zone, rates=_rates(rate or [])
    )
    trained = [] if records is None else [_certificates(records, roster or ROSTER, scope)]
    trained += [] if roster is None else [_access(roster)]
    found = reviewed(scope, of.words(), lives, _entries(journal), outside=outside, trained=trained)
    if into is not None:
        _serve(into, of_month, found)
    elif as_json:
        print_json(found.document())
    else:
        write(_COMMAND, report(found), form, output)


def _serve(folder: Path, of_month: str | None, found: Review) -> None:
    """Write what the tracker serves of a month: first the page, then what makes it known."""
    if of_month is None:
        fail(_COMMAND, "--into needs --month: what the tracker serves are months", code=WRONG_USE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for form, whole in (
            ("html", written(report(found), Format.HTML)),
            ("json", to_json(found.document())),
        ):
            # Whoever reads it meanwhile reads the old one whole, or the new one.
            fresh = folder / f".{of_month}.{form}"
            fresh.write_bytes(whole)
            fresh.replace(folder / f"{of_month}.{form}")
    except OSError as error:
        fail(_COMMAND, f"cannot write into {folder}: {error.strerror}; name another folder")


def _material(
    events: Path | None, decisions: Path | None, policy: Path | None
) -> tuple[Lives, PolicyTimeline, list[OutsideRole]]:
    if events is not None and decisions is not None:
        policies = file_policies(_COMMAND, policy)
        with event_file(_COMMAND, str(events)) as told:
            return _folded(told, decision_file(_COMMAND, decisions), policies)
    if events is not None or decisions is not None:
        fail(_COMMAND, "name both files, --events and --decisions, or neither", code=WRONG_USE)
    where = settings(_COMMAND)
    policies = live_policies(_COMMAND, where, policy)
    return _folded(live_events(_COMMAND, where), live_decisions(_COMMAND, where), policies)


def _folded(
    events: Iterable[TicketEvent], decisions: Iterable[DecisionEvent], policies: PolicyTimeline
) -> tuple[Lives, PolicyTimeline, list[OutsideRole]]:
    """Return what became of each ticket, and the acts outside a role by the newest policy."""
    lives = Lives()
    acts: list[TicketEvent] = []
    answers: list[DecisionEvent] = []
    for event in events:
        lives.hear(event)
        if event.data.role is not None:
            acts.append(event)
    for decision in decisions:
        lives.decided(decision)
        if isinstance(decision.data, ActRefused | EscalationRaised):
            answers.append(decision)
    return lives, policies, list(outside_role(acts, answers, policies.at(lives.last)))


def _certificates(records: Path, roster: Path, scope: Scope) -> Figure:
    """Return the share of certificates that were valid at the end of the period."""
    place = Place(TRAINING, None, roster, records)
    ended = as_datetime(Instant(scope.period.end - 1)).date()
    known = [one for one in place.records(_COMMAND) if one.instant < scope.period.end]
    paths = place.curriculum(_COMMAND, place.policy(_COMMAND)).paths
    stands = seats(paths, team(place.roster(_COMMAND), known), known, ended)
    valid = sum(one.valid for one in stands)
    return share("certificate_cover", "certificates that are valid", valid, len(stands))


def _access(file: Path) -> Figure:
    """Return the share of pairs of channel and role whose every holder is in the channel, as listed now."""
    try:
        roster = read_roster(file)
    except RosterError as error:
        fail(_COMMAND, str(error))
    found = access(roster, asyncio.run(ListedMemberships().members(roster)))
    pairs = [(name, role) for name, room in roster.rooms.items() for role in room.post]
    lacking = {(one.channel, role) for one in found.missing for role in one.roles}
    lacking |= set(found.unheld)
    passed = sum(one not in lacking and one[0] not in found.unlisted for one in pairs)
    return share("access_cover", "roles whose people are all in the channel", passed, len(pairs))


def _period(of_month: str | None, since: str | None, until: str | None, zone: str) -> Period:
    try:
        if of_month is not None and since is None and until is None:
            return month(of_month, zone)
        if of_month is None and since is not None and until is not None:
            return between(parse_instant(since), parse_instant(until))
    except ValueError as error:
        fail(_COMMAND, f"{error}; write 2026-10, or times as 2026-10-01T00:00:00Z", code=WRONG_USE)
    except ZoneInfoNotFoundError:
        fail(_COMMAND, f"--zone {zone}: there is no such zone", code=WRONG_USE)
    return fail(_COMMAND, "name --month, or both --since and --until", code=WRONG_USE)


def _hours(shift: str | None) -> tuple[int, int] | None:
    if shift is None:
        return None
    start, dash, end = shift.partition("-")
    if not (dash and start.isdecimal() and end.isdecimal() and int(start) < 24 and int(end) <= 24):  # noqa: PLR2004  hours of a day
        fail(_COMMAND, f"--shift {shift}: write two hours, as 22-06", code=WRONG_USE)
    return int(start), int(end)


def _rates(given: list[str]) -> dict[int, float]:
    try:
        return {int(tier): float(cost) for tier, _, cost in (one.partition("=") for one in given)}
    except ValueError:
        fail(_COMMAND, f"--rate {', '.join(given)}: write TIER=COST, as 2=60", code=WRONG_USE)


def _entries(journal: Path | None) -> list[Entry]:
    try:
        return [] if journal is None else read_journal(journal)
    except JournalError as error:
        fail(_COMMAND, str(error))

"""`tierline roleplay`: list, show and run role-plays, and make one of a past case."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.event_file import event_file
from cli.many_cases import hold_many_cases
from cli.output import WRONG_USE, AsJson, fail, print_json, progress
from cli.roleplay.library import TRAINING, policy_of, scenario, scenarios, script
from cli.roleplay.prompt import Prompt
from cli.roleplay.shown import calls_of, lines_of, result, tell_scenario, tell_score
from services.escalator.core.roleplay.acting import Act
from services.escalator.core.roleplay.from_case import drafted
from services.escalator.core.roleplay.loading import read_scenario
from services.escalator.core.roleplay.run import run as played
from services.escalator.core.roleplay.scoring import score
from services.escalator.core.roleplay.shape import Scenario
from services.escalator.core.roleplay.stage import Stage
from services.notifier.core.roster import Roster
from services.notifier.roster_file import RosterError, load_roster_file
from shared.contract.sentences import words
from shared.contract.times import Instant
from shared.mapping.file import MappingError
from shared.policy.document import PolicyTimeline

ROLEPLAYS: Final = TRAINING / "roleplays"
SCRIPTS: Final = TRAINING / "scripts"
HOST: Final = "127.0.0.1"
DEFAULT_ROSTER: Final = Path(__file__).parents[2] / "deploy" / "roster" / "default.yaml"

app = typer.Typer(
    name="roleplay",
    help="Practise escalations on the real engine: hours pass in seconds, and nobody is called.\n\n"
    "Every act is scored against the written procedure, each point with its reason. A run touches"
    " no topic, no database and no channel.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

FolderOption = Annotated[
    Path, typer.Option("--folder", metavar="DIR", help="Where the role-plays lie.")
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="The policy that decides; default: shipped."),
]
NameArgument = Annotated[str, typer.Argument(metavar="ID|FILE", help="R01, or a file of your own.")]


@app.command("list")
def list_all(
    folder: FolderOption = ROLEPLAYS, policy: PolicyOption = None, as_json: AsJson = False
) -> None:
    """List the role-plays: what each teaches, how hard it is, which seats it has.

    Example: `tierline roleplay list`

    Exit codes: 0 listed, 1 one cannot be used, 2 wrong use.
    """
    found = list(scenarios("roleplay list", folder, policy_of("roleplay list", policy)))
    if as_json:
        print_json(
            [
                one.model_dump(mode="json", include={"id", "title", "level", "teaches", "seats"})
                for one in found
            ]
        )
        return
    for one in found:
        typer.echo(f"{one.id}  level {one.level}  {one.title}: {', '.join(one.teaches)}")
        typer.echo(f"               seats: {', '.join(one.seats)}")


@app.command()
def show(
    name: NameArgument,
    folder: FolderOption = ROLEPLAYS,
    policy: PolicyOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a role-play to its trainer: what happens, what is expected by when, and why.

    Example: `tierline roleplay show R02`

    Exit codes: 0 shown, 1 it cannot be used, 2 wrong use.
    """
    found = scenario("roleplay show", name, folder, policy_of("roleplay show", policy))
    if as_json:
        print_json(found.model_dump(mode="json", exclude_defaults=True))
    else:
        tell_scenario(found)


@app.command()
def run(
    name: NameArgument,
    acts: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE", help="Acts from a file instead of a prompt."),
    ] = None,
    seat: Annotated[
        list[str] | None,
        typer.Option(
            "--seat",
            metavar="ROLE",
            help="A seat that is taken, repeatable; default: all. Only these are scored; the "
            "others stay silent but for what the role-play itself lets them do.",
        ),
    ] = None,
    folder: FolderOption = ROLEPLAYS,
    policy: PolicyOption = None,
    roster: Annotated[
        Path, typer.Option("--roster", metavar="FILE", help="Whose names stand behind the roles.")
    ] = DEFAULT_ROSTER,
    as_json: AsJson = False,
) -> None:
    """Run a role-play: act at a prompt, or let a script act, and get the marks with reasons.

    The clock is virtual: it stands while you think, and jumps when you let time pass.

    Example: `tierline roleplay run R01`

    Example: `tierline roleplay run R02 --script deploy/training/scripts/R02-perfect.yaml --json`

    Exit codes: 0 passed, 1 not passed, or a file cannot be used, 2 wrong use.
    """
    command = "roleplay run"
    rules = policy_of(command, policy)
    found = scenario(command, name, folder, rules)
    seats = tuple(seat or found.seats)
    for one in seats:
        if one not in found.seats:
            known = ", ".join(found.seats)
            fail(command, f"{found.id} has no seat {one}; it has {known}", code=WRONG_USE)
    people = _roster(command, roster)
    policies = PolicyTimeline([(Instant(0), rules)])
    if acts is None:
        if as_json:
            fail(command, "--json needs --script; a prompt speaks for itself", code=WRONG_USE)
        stage = Stage(found, policies)
        Prompt(stage, seats, people).play()
        marks = score(found, stage.transcript, rules, seats=seats)
    else:
        given = script(command, acts, found)
        stage = _play(found, [act for act in given.acts if act.seat in seats], policies)
        marks = score(found, stage.transcript, rules, seats=seats, judged=given.judged)
    if as_json:
        print_json(result(stage, marks, rules, seats, people))
    else:
        if acts is not None:
            _tell_run(stage, people)
        tell_score(found, marks)
    if not marks.passed:
        raise typer.Exit(1)


@app.command()
def check(
    folder: FolderOption = ROLEPLAYS,
    scripts: Annotated[
        Path, typer.Option("--scripts", metavar="DIR", help="Where the perfect scripts lie.")
    ] = SCRIPTS,
    policy: PolicyOption = None,
    as_json: AsJson = False,
) -> None:
    """Run every role-play with its perfect script: what does another policy change for trainees?

    Run it before a new version of the policy is activated. A point that is lost says that the
    written procedure of the role-play is no longer what the engine does.

    Example: `tierline roleplay check --policy mine.yaml`

    Exit codes: 0 every perfect script still earns every point, 1 one does not, or a file cannot be
    used, 2 wrong use.
    """
    command = "roleplay check"
    rules = policy_of(command, policy)
    policies = PolicyTimeline([(Instant(0), rules)])
    rows = []
    for found in scenarios(command, folder, rules):
        file = scripts / f"{found.id}-perfect.yaml"
        given = script(command, file, found)
        marks = score(found, _play(found, given.acts, policies).transcript, rules)
        rows.append({"id": found.id, "points": marks.points, "lost": dict(marks.lost)})
        if not as_json:
            reasons = [
                f"{one.what}: {one.reason}"
                for one in (*marks.expected, *marks.forbidden)
                if one.id in marks.lost
            ]
            typer.echo(f"{found.id}  {marks.points:>5g}  {'; '.join(reasons) or 'every point'}")
    if as_json:
        print_json({"policy": dict(rules.reference), "roleplays": rows})
    if any(one["lost"] for one in rows):
        raise typer.Exit(1)


@app.command("from-case")
def from_case(
    events: Annotated[
        str,
        typer.Option(
            "--events", metavar="FILE.jsonl", help="The case's events; `-` is standard input."
        ),
    ],
    ticket: Annotated[
        str | None,
        typer.Option("--ticket", metavar="KEY", help="Which ticket, where the file has several."),
    ] = None,
    name: Annotated[str, typer.Option("--id", metavar="ID", help="What it is called.")] = "C01",
    title: Annotated[str, typer.Option("--title", metavar="TEXT")] = "A case of ours",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where it goes; default: shown.")
    ] = None,
    policy: PolicyOption = None,
) -> None:
    """Make the draft of a role-play of a past case, with everything personal left out.

    What customers, helpdesks and departments did happens by itself; what support did is what the
    trainee has to do. Names become roles and numbers, texts are taken out. A trainer then writes
    the story and the reasons; the draft can be run as it is.

    Example: `tierline roleplay from-case --events case.jsonl --id C07 --out C07.yaml`

    Exit codes: 0 made, 1 the events cannot be used, 2 wrong use.
    """
    command = "roleplay from-case"
    rules = policy_of(command, policy)
    with event_file(command, events) as told:
        heard = list(told)
    tickets = list(dict.fromkeys(one.ticket for one in heard))
    if ticket is None and len(tickets) > 1:
        fail(command, f"{events} tells of {len(tickets)}; pick one with --ticket", code=WRONG_USE)
    wanted = [one for one in heard if ticket is None or one.ticket == ticket]
    try:
        text = drafted(wanted, rules, name=name, title=title)
        read_scenario(text, name=name, policy=rules)
    except (ValueError, MappingError) as error:
        fail(command, f"{events}: {error}")
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(command, f"cannot write {out}: {error.strerror}", code=WRONG_USE)
    typer.echo(f"{out}: a draft; write its story and reasons, then: tierline roleplay run {out}")


@app.command()
def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8090,
    folder: FolderOption = ROLEPLAYS,
    policy: PolicyOption = None,
    roster: Annotated[
        Path, typer.Option("--roster", metavar="FILE", help="Whose names stand behind the roles.")
    ] = DEFAULT_ROSTER,
) -> None:
    """Serve the role-plays as pages for a browser on this machine, until Ctrl-C.

    The pages need no script. What a trainee has done travels with the form; nothing is kept.

    Example: `tierline roleplay serve`

    Exit codes: 0 stopped, 1 a file cannot be used, 2 the port is taken.
    """
    # A web server is loaded for this word alone.
    import asyncio  # noqa: PLC0415

    from cli.foreground import in_foreground  # noqa: PLC0415
    from cli.roleplay.browser import application  # noqa: PLC0415
    from shared.runtime.serving import serve as served  # noqa: PLC0415

    command = "roleplay serve"
    rules = policy_of(command, policy)
    found = {one.id: one for one in scenarios(command, folder, rules)}
    pages = application(found, rules, _roster(command, roster))
    hold_many_cases()

    async def until_stopped() -> int:
        if port:
            typer.echo(f"http://127.0.0.1:{port}/ until Ctrl-C")
        await served(pages, host=HOST, port=port, stop=asyncio.Event(), drain_delay_s=0)
        return 0

    try:
        in_foreground(command, until_stopped())
    except OSError as error:
        fail(command, f"port {port} cannot be used: {error.strerror}", code=WRONG_USE)


def _play(found: Scenario, acts: Iterable[Act], policies: PolicyTimeline) -> Stage:
    hold_many_cases()
    with progress() as bar:
        bar.add_task(f"playing {found.id}", total=None)
        return played(found, acts, policies)


def _tell_run(stage: Stage, people: Roster) -> None:
    for line in lines_of(stage.scenario, stage.transcript):
        typer.echo(line)
    calls = calls_of(stage.scenario, stage.transcript, people)
    asked = dict.fromkeys(
        f"{words(one['role'])} ({one['person'] or 'nobody'}) by {one['mode']}"
        for one in calls
        if not one["fyi"]
    )
    typer.echo(
        f"\nNobody was called. Told for action would have been: {', '.join(asked) or 'nobody'}"
    )


def _roster(command: str, file: Path) -> Roster:
    try:
        return load_roster_file(file)
    except RosterError as error:
        fail(command, str(error))

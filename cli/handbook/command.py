"""`tierline handbook`: build the site, and say what in it needs somebody's eyes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.handbook.site import Page, broken_links, pages, write
from cli.handbook.sources import REVIEWED_EVERY, SOURCES, UnreadablePageError, pages_in
from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.training.cover import seats, team
from cli.training.library import shipped_paths
from cli.training.records import UnreadableRecordError, read
from services.notifier.core.roster import Roster
from services.notifier.roster_file import RosterError, load_roster_file
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, PolicyError, load_policy_file
from shared.runtime.clock import real_now

_ROSTER: Final = Path(__file__).parents[2] / "deploy" / "roster" / "default.yaml"

app = typer.Typer(
    name="handbook",
    help="The procedures of escalation as a site that can be searched and printed.\n\n"
    "Every number and name in it comes from the policy and the roster, so it cannot disagree with"
    " what Tierline does.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

PolicyOption = Annotated[
    Path, typer.Option("--policy", metavar="FILE", help="The policy whose numbers it shows.")
]
RosterOption = Annotated[
    Path, typer.Option("--roster", metavar="FILE", help="The roster whose names it shows.")
]
SourcesOption = Annotated[
    Path, typer.Option("--sources", metavar="DIR", help="Where its pages are written.")
]
TodayOption = Annotated[
    str | None, typer.Option("--today", metavar="DATE", help="The day of reading; default: today.")
]


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the site goes.")],
    policy: PolicyOption = DEFAULT_POLICY,
    roster: RosterOption = _ROSTER,
    sources: SourcesOption = SOURCES,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Records of training: the page on training then says who holds which certificate.",
        ),
    ] = None,
    today: TodayOption = None,
    as_json: AsJson = False,
) -> None:
    """Build the handbook into a folder: plain pages, one style, a search that needs no server of ours.

    Any web server can serve it; without one it can be read, but not searched.

    Example: `tierline handbook build --out handbook`

    Exit codes: 0 built, 1 a page, the policy or the roster cannot be used, 2 wrong use.
    """
    command = "handbook build"
    day = _day(command, today)
    rules, people, built = _built(command, policy, roster, sources, records, day)
    if broken := broken_links(built):
        fail(command, "; ".join(broken))
    try:
        files = write(built, out, policy=rules, roster=people, today=day)
    except OSError as error:
        fail(command, f"cannot write into {out}: {error.strerror}", code=WRONG_USE)
    stale = [one.source.name for one in built if one.source.is_stale(day)]
    if as_json:
        print_json(
            {"out": str(out), "files": [one.name for one in files], "stale": stale,
             "policy": dict(rules.reference)}
        )  # fmt: skip
        return
    reminder = f"; to be reviewed: {', '.join(stale)}" if stale else ""
    typer.echo(f"{len(built)} pages in {out}; begin with {out / 'index.html'}{reminder}")


@app.command()
def check(
    policy: PolicyOption = DEFAULT_POLICY,
    roster: RosterOption = _ROSTER,
    sources: SourcesOption = SOURCES,
    today: TodayOption = None,
    as_json: AsJson = False,
) -> None:
    """Say which pages are to be reviewed, which owner is no role, and which link leads nowhere.

    A page is to be reviewed half a year after somebody last read it against the work. Run it in
    a build, or from cron as the reminder to owners.

    Example: `tierline handbook check`

    Exit codes: 0 nothing to do, 1 something is, or a file cannot be used, 2 wrong use.
    """
    command = "handbook check"
    rules, _, built = _built(command, policy, roster, sources)
    day = _day(command, today)
    stale = [
        {"page": one.source.name, "owner": one.source.owner, "since": one.source.reviewed + REVIEWED_EVERY}
        for one in built
        if one.source.is_stale(day)
    ]  # fmt: skip
    ownerless = [one.source.name for one in built if one.source.owner not in rules.file.roles]
    broken = broken_links(built)
    if as_json:
        print_json({"stale": stale, "without_owner": ownerless, "broken_links": broken})
    else:
        for two in stale:
            typer.echo(f"{two['page']}: to be reviewed by {two['owner']} since {two['since']}")
        for name in ownerless:
            typer.echo(f"{name}: its owner is no role of the policy")
        for line in broken:
            typer.echo(line)
        if not (stale or ownerless or broken):
            typer.echo(f"{len(built)} pages: reviewed, owned, every link leads somewhere")
    if stale or ownerless or broken:
        raise typer.Exit(1)


def _built(
    command: str,
    policy: Path,
    roster: Path,
    sources: Path,
    records: Path | None = None,
    day: date = date.max,
) -> tuple[Policy, Roster, Sequence[Page]]:
    try:
        rules, people = load_policy_file(policy), load_roster_file(roster)
        known = [] if records is None else read(records)
        held = seats(shipped_paths(), team(people, known), known, day) if known else []
        return rules, people, pages(pages_in(sources), rules, people, held)
    except (PolicyError, RosterError, UnreadablePageError, UnreadableRecordError) as error:
        fail(command, str(error))


def _day(command: str, given: str | None) -> date:
    try:
        return real_now().date() if given is None else date.fromisoformat(given)
    except ValueError:
        fail(command, f"--today {given}: write it as 2026-11-20", code=WRONG_USE)

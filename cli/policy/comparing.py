"""`tierline policy diff`: what a version changes, in rules or for the cases that are open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from cli.output import WRONG_USE, AsJson, fail, print_json, progress, show
from cli.policy.live import EscalatorUrls, Live, LiveError, live
from cli.policy.shown import preview_table, tell_difference, tell_preview
from cli.policy.sources import ACTIVE, policy_from
from cli.policy.times import At, moment
from shared.policy.difference import difference
from shared.policy.load import PolicyError

_DIFFERS: Final = 1


def diff(
    policies: Annotated[
        list[str],
        typer.Argument(
            metavar="[OLD] NEW",
            help="Files, or `active` or a version number of the running system; OLD is `active`"
            " where only one is named.",
        ),
    ],
    of_cases: Annotated[
        bool,
        typer.Option(
            "--live", help="Say for which open cases deadlines or people would change; NEW alone."
        ),
    ] = False,
    at: At = None,
    rows: Annotated[
        int, typer.Option("--rows", min=0, help="Show so many cases with --live; 0 shows all.")
    ] = 20,
    escalators: EscalatorUrls = None,
    as_json: AsJson = False,
) -> None:
    """Show what a new version changes, grouped as a policy is read; equal cells are one line.

    With --live it shows for which open cases something would change if NEW were activated now, or
    at --at: limits and dues (promises to customers stay as they were, and a limit that would be
    past gets the grace), and who would be called next. Nothing is changed by asking.

    Examples: `tierline policy diff active mine.yaml`, `tierline policy diff 3 4`,
    `tierline policy diff --live mine.yaml`

    Exit codes: 0 nothing changes, 1 something does, 2 it cannot be said: wrong use, a file that
    is no policy, a system that does not answer.
    """
    if len(policies) > (1 if of_cases else 2):
        fail("policy diff", "name OLD and NEW, or NEW alone with --live", code=WRONG_USE)
    if at is not None and not of_cases:
        fail("policy diff", "--at says when --live is meant; add --live", code=WRONG_USE)
    try:
        with live(escalators) as system:
            if of_cases:
                changed = _of_cases(
                    system, policies[0], moment("policy diff", at), rows, as_json=as_json
                )
            else:
                old, new = [ACTIVE, *policies][-2:]
                changed = _of_rules(system, old, new, as_json=as_json)
    except (LiveError, PolicyError) as error:
        fail("policy diff", str(error), code=WRONG_USE)
    if changed:
        raise typer.Exit(_DIFFERS)


def _of_rules(system: Live, old: str, new: str, *, as_json: bool) -> bool:
    found = difference(policy_from(old, system), policy_from(new, system))
    if as_json:
        print_json(found.document())
    else:
        tell_difference(found)
    return not found.is_same


def _of_cases(system: Live, source: str, at: datetime | None, rows: int, *, as_json: bool) -> bool:
    text = policy_from(source, system).text
    beginning: dict[str, Any] = {}
    cases: list[Mapping[str, Any]] = []
    end = {"looked_at": 0, "changed": 0}
    with progress() as bar:
        task = bar.add_task("looking at open cases", total=None)
        before = 0
        for told in system.preview(text, at):
            match told["type"]:
                case "begin":
                    beginning = beginning or told
                    before = end["looked_at"]
                    bar.update(task, total=before + told["to_look_at"])
                case "case":
                    cases.append(told)
                case _:
                    bar.update(task, completed=before + told["looked_at"])
            if told["type"] == "end":
                end = {key: end[key] + told[key] for key in end}
    if as_json:
        plain = {key: beginning[key] for key in ("at", "policy", "active")}
        print_json({**plain, **end, "cases": [_plain(one) for one in cases]})
    else:
        tell_preview(beginning, end, cases)
        shown = cases[:rows] if rows else cases
        if shown:
            show(preview_table(shown))
        if len(shown) < len(cases):
            typer.echo(f"… and {len(cases) - len(shown)} more; --rows 0 shows all.")
    return bool(cases)


def _plain(case: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in case.items() if key != "type"}

"""`tierline simulate`: the engine's public face, on a virtual clock."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_json
from typer.core import TyperCommand
from typing_extensions import override

from cli.answer_after import AnswerAfterOption, answered_after
from cli.event_file import event_file
from cli.many_cases import hold_many_cases
from cli.time_given import time_given
from services.escalator.core.answering import AssumedAnswers
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, PolicyError, edited, load_policy_file

PROBLEM = 1
WRONG_USE = 2


class SimulateCommand(TyperCommand):
    """Takes the two words after `--policy-at` as one value, which typer's lists cannot."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined: list[str] = []
        words = iter(args)
        for word in words:
            joined.append(word)
            if word == "--policy-at":
                joined.append(" ".join(islice(words, 2)))
        return super().parse_args(ctx, joined)


def simulate(
    events: Annotated[
        str,
        typer.Argument(
            metavar="EVENTS.jsonl",
            help="CloudEvents, one JSON a line, in the order delivered; `-` reads standard input. "
            "The extension attribute `receivedat` says when one reached us (default: its time).",
        ),
    ],
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The policy to run; default: the shipped one."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Let time pass up to TIME; default: the last event."),
    ] = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="After the decisions, print how every case stands.")
    ] = False,
    policy_at: Annotated[
        list[str] | None,
        typer.Option(
            "--policy-at",
            metavar="TIME PATH=VALUE",
            help="Change the policy from TIME on, for example "
            "`--policy-at 2026-03-02T14:00:00Z cells.S3.I1.t1_max=4h`. "
            "All changes of one TIME are one new version.",
        ),
    ] = None,
    answer_after: AnswerAfterOption = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="The output is JSON lines with or without this option.")
    ] = True,
) -> None:
    """Run events through the real decision core on a virtual clock and print its decisions.

    No broker, no database, no real clock: the same input gives the same bytes. Each decision is
    one CloudEvent on one line; `--snapshot` adds one `case.snapshot` line per case, sorted by key.

    Example: `tierline simulate events.jsonl --until 2026-03-04T12:00:00Z --snapshot`

    Exit codes: 0 done, 1 an event or the policy cannot be read, 2 wrong use.
    """
    del json_output
    timeline = _timeline(policy, policy_at or [])
    end = None if until is None else time_given("simulate", "--until", until)
    after = answered_after("simulate", answer_after)
    simulation = Simulation(timeline, None if after is None else AssumedAnswers(after))
    hold_many_cases()
    with event_file("simulate", events) as told:
        _write(encode_decision(one) for one in simulation.run(told, end))
    if snapshot:
        _write(to_json(one) for one in simulation.snapshots())


def _write(lines: Iterable[bytes]) -> None:
    out = sys.stdout.buffer
    for line in lines:
        out.write(line)
        out.write(b"\n")
    out.flush()


def _timeline(policy: Path | None, changes: list[str]) -> PolicyTimeline:
    """Return the policy versions: the file's from the beginning, each edit from its time on."""
    try:
        current = load_policy_file(policy or DEFAULT_POLICY)
        versions = [(Instant(0), current)]
        for at, edits in sorted(_edits(changes).items()):
            current = edited(current, edits)
            versions.append((at, current))
    except PolicyError as error:
        _fail(PROBLEM, str(error))
        raise
    return PolicyTimeline(versions)


def _edits(changes: list[str]) -> dict[Instant, dict[str, str]]:
    found: dict[Instant, dict[str, str]] = {}
    for change in changes:
        stamp, _, edit = change.partition(" ")
        path, equals, value = edit.partition("=")
        if not equals:
            _fail(WRONG_USE, f"--policy-at {change}: write TIME PATH=VALUE")
        found.setdefault(time_given("simulate", "--policy-at", stamp), {})[path] = value
    return found


def _fail(code: int, message: str) -> None:
    typer.echo(f"tierline simulate: {message}", err=True)
    raise typer.Exit(code)

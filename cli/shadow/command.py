"""`tierline shadow`: watch a candidate on live events, and report what it would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.backtest.candidate import candidate
from cli.backtest.comparison import Comparison
from cli.backtest.shown import report
from cli.log_of_record import KafkaSettings, asked, live_policies, settings
from cli.output import WRONG_USE, AsJson, fail, print_json, progress
from cli.report.document import Format
from cli.report.writing import write
from cli.shadow.watching import Shadow, watch
from shared.contract.times import Instant, Seconds, instant, rfc3339
from shared.contract.topics import TICKET_EVENTS
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.notation import parse_positive_duration
from shared.runtime.kafka import reading

_COMMAND = "shadow"
_DIFFERS = 1


def shadow(  # noqa: PLR0913, PLR0917  one option for each thing that a candidate may change
    policy: Annotated[
        Path | None, typer.Option(metavar="NEW", help="The candidate; default: the active policy.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Change the candidate, as cells.S3.I1.t1_max=4h."
        ),
    ] = None,
    calendar: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Give the candidate these `calendars`.")
    ] = None,
    length: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long to watch, as 30m or 8h.")
    ] = "1h",
    beginning: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The policy before the first activation; default: the shipped one."
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Show so many of each list; 0 shows all.")] = 20,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TEXT,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with pictures, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a candidate policy on the events of the running system, and tell nobody.

    It reads the topic of events from its beginning, joins no group, commits nothing and publishes
    nothing; no service notices it. From now on it decides twice, by the policies in force and as if
    the candidate had been activated at this moment, for so long as --for says, and reports as a
    backtest does. Cases that are open keep their promises, and limits get their grace.

    It reads the variables that services read: KAFKA_BOOTSTRAP_SERVERS, TIERLINE_TOPIC_PREFIX.

    Example: `tierline shadow --policy mine.yaml --for 8h --html shadow.html`

    Exit codes: 0 nothing differed, 1 something did, 2 it cannot be said: wrong use, Kafka away.
    """
    try:
        seconds = parse_positive_duration(length)
    except ValueError as error:
        fail(_COMMAND, f"--for {length}: {error}", code=WRONG_USE)
    where = settings(_COMMAND)
    policies = live_policies(_COMMAND, where, beginning)
    start = instant(where.clock.now())
    new = candidate(_COMMAND, policies.at(start), policy, calendar, change or [])
    found = asked(_COMMAND, _watched(where, policies, new, start, seconds))
    end = Instant(start + seconds)
    about = (
        f"{policies.at(start).name} version {policies.at(start).version} → candidate, watched from"
        f" {rfc3339(start)} to {rfc3339(end)}"
    )
    document = report(found, "Shadow run", about, rows)
    if html is not None:
        write(_COMMAND, document, Format.HTML, html)
    if as_json:
        print_json(found.document(rows))
    else:
        write(_COMMAND, document, form, None)
    if not found.is_same:
        raise typer.Exit(_DIFFERS)


async def _watched(
    where: KafkaSettings,
    policies: PolicyTimeline,
    new: Policy,
    start: Instant,
    length: Seconds,
) -> Comparison:
    run = Shadow(policies, new, start)
    with progress() as bar:
        task = bar.add_task("watching", total=length)
        async with reading(where.kafka, f"{where.topic_prefix}{TICKET_EVENTS}") as reader:
            await watch(
                reader, run, where.clock, length, lambda done: bar.update(task, completed=done)
            )
    return run.comparison

"""`tierline shadow`: watch a candidate on live events, and report what it would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.backtest.candidate import CalendarOption, ChangeOption, candidate
from cli.backtest.comparison import Comparison
from cli.backtest.telling import PageOption, RowsOption, tell
from cli.log_of_record import KafkaSettings, asked, live_policies, settings
from cli.output import WRONG_USE, AsJson, fail, progress
from cli.report.document import Format
from cli.report.writing import FormOption
from cli.shadow.watching import Shadow, watch
from shared.contract.times import Instant, Seconds, instant, rfc3339
from shared.contract.topics import TICKET_EVENTS
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.notation import parse_positive_duration
from shared.runtime.kafka import reading

_COMMAND = "shadow"


def shadow(  # noqa: PLR0913, PLR0917  one option for each thing that a candidate may change
    policy: Annotated[
        Path | None, typer.Option(metavar="NEW", help="The candidate; default: the active policy.")
    ] = None,
    change: ChangeOption = None,
    calendar: CalendarOption = None,
    length: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long to watch, as 30m or 8h.")
    ] = "1h",
    beginning: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The policy before the first activation; default: the shipped one."
        ),
    ] = None,
    rows: RowsOption = 20,
    form: FormOption = Format.TEXT,
    html: PageOption = None,
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
    tell(_COMMAND, found, "Shadow run", about, rows=rows, form=form, page=html, as_json=as_json)


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

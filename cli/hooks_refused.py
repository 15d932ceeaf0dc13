"""`tierline hooks refused` and `replay`: bodies that were kept, read again by today's mappings."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer
from rich.console import Console

from cli.output import WRONG_USE, AsJson, fail, print_json
from services.intake.core.hooks.places import Posted
from services.intake.core.hooks.shape import HookMapping
from services.intake.core.hooks.telling import tell
from services.intake.core.limits import MAX_ITEMS, parse
from services.intake.core.modes import BATCH
from services.intake.hooks.mappings import load_mappings
from shared.contract.errors import Flaw, InvalidEventError
from shared.contract.refusals import RefusedHook, decode_refusal
from shared.contract.times import instant, rfc3339
from shared.contract.topics import REFUSED_HOOKS
from shared.mapping.file import MappingError
from shared.runtime.kafka import (
    KafkaUnavailableError,
    TopicMissingError,
    describe_topic,
    read_whole,
)
from shared.runtime.secret import MissingSecretError, resolve
from shared.runtime.settings import RuntimeSettings, SettingsError

_ACCEPTED: Final = (202, 207)
_READ_WITHIN_S: Final = 120.0

Of = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Only what this source has posted.")
]
Own = Annotated[
    Path | None,
    typer.Option(
        "--mappings",
        metavar="FOLDER",
        help="Mappings of your own, as INTAKE_HOOK_MAPPINGS names them.",
    ),
]


class _Settings(RuntimeSettings):
    """What every service is told of Kafka, and nothing of a service's own."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A body that was refused, and what today's mapping makes of it.

    Attributes:
        refused: As it was kept.
        events: What it tells now.
        flaws: Why it, or a part of it, cannot be told even now.
    """

    refused: RefusedHook
    events: Sequence[Mapping[str, Any]]
    flaws: Sequence[Flaw]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        data = self.refused.data
        return {
            "at": rfc3339(instant(self.refused.time)),
            "source": data.source,
            "mapping": data.mapping,
            "refused_for": [flaw.model_dump() for flaw in data.flaws],
            "events_now": len(self.events),
            "flaws_now": [flaw.line() for flaw in self.flaws],
            "body": data.body,
        }


def refused(source: Of = None, mappings: Own = None, as_json: AsJson = False) -> None:
    """List the bodies that no mapping could read, and what today's mappings make of them.

    Reads the topic `hooks.refused` by the variables that the services read: KAFKA_BOOTSTRAP_SERVERS
    and TIERLINE_TOPIC_PREFIX. A body that came several times is listed once; --json has it whole, in
    base64.

    Example: `tierline hooks refused --source zendesk --mappings my-mappings`

    Exit codes: 0 done, 1 Kafka is away or a mapping cannot be used, 2 wrong use.
    """
    letters = _letters("hooks refused", source, mappings)
    if as_json:
        print_json([one.plain() for one in letters])
        return
    for one in letters:
        now = f"{len(one.events)} events now" if not one.flaws else one.flaws[0].line()
        why = "; ".join(f"{flaw.path}: {flaw.problem}" for flaw in one.refused.data.flaws[:2])
        at = rfc3339(instant(one.refused.time))
        typer.echo(f"{at} {one.refused.data.source}: {why} -> {now}")
    typer.echo(f"{len(letters)} kept, {_readable(letters)} can be read now", err=True)


def replay(
    intake: Annotated[
        str, typer.Option(metavar="URL", help="Where intake is, such as http://localhost:8081")
    ],
    key: Annotated[
        str | None,
        typer.Option(
            metavar="REF", help="Its API key for any source, as env:NAME or file:PATH, if it asks."
        ),
    ] = None,
    source: Of = None,
    mappings: Own = None,
    as_json: AsJson = False,
) -> None:
    """Post what today's mappings can read of the bodies that were refused.

    The events have the ids that they would have had then, so replaying twice, or what has been told
    in the meantime, has no second effect.

    Example: `tierline hooks replay --intake http://localhost:8081 --key env:INTAKE_KEY`

    Exit codes: 0 everything that can be read is accepted, 1 Kafka or intake is away, an event was
    refused, or a mapping cannot be used, 2 wrong use.
    """
    letters = _letters("hooks replay", source, mappings)
    events = [event for one in letters for event in one.events]
    try:
        secret = None if key is None else resolve(key, os.environ).get_secret_value()
    except MissingSecretError as error:
        fail("hooks replay", f"--key: {error}", code=WRONG_USE)
    problems = [problem for batch in _batches(events) for problem in _post(intake, secret, batch)]
    unread = len(letters) - _readable(letters)
    accepted = len(events) - len(problems)
    if as_json:
        print_json({"accepted": accepted, "refused": problems, "still_unreadable": unread})
    else:
        for problem in problems:
            typer.echo(f"tierline hooks replay: {problem['detail']}. {problem['do']}", err=True)
        typer.echo(f"{accepted} events accepted; {unread} bodies cannot be read even now")
    if problems:
        raise typer.Exit(1)


def _letters(command: str, source: str | None, own: Path | None) -> list[Letter]:
    try:
        settings = _Settings.from_env(os.environ)
    except SettingsError as error:
        fail(command, str(error), code=WRONG_USE)
    try:
        known = load_mappings(own)
        with Console(stderr=True).status("reading what was refused"):
            kept = asyncio.run(_kept(settings))
    except MappingError as error:
        fail(command, str(error))
    except TopicMissingError as error:
        fail(command, str(error))
    except KafkaUnavailableError as error:
        fail(command, f"{error}. Is KAFKA_BOOTSTRAP_SERVERS right, and is it up?")
    return [_read_again(one, known) for one in kept if source in (None, one.data.source)]


async def _kept(settings: _Settings) -> list[RefusedHook]:
    found: dict[str, RefusedHook] = {}
    topic = settings.topic(REFUSED_HOOKS)
    await describe_topic(settings.kafka, topic)
    for record in await read_whole(settings.kafka, topic, within_s=_READ_WITHIN_S):
        one = decode_refusal(record.value, record.headers)
        found.setdefault(one.id, one)
    return list(found.values())


def _read_again(kept: RefusedHook, known: Mapping[str, HookMapping]) -> Letter:
    data = kept.data
    mapping = known.get(data.mapping)
    if mapping is None:
        flaw = Flaw("", f"there is no mapping {data.mapping}", "Name its folder by --mappings.")
        return Letter(kept, (), (flaw,))
    try:
        body = parse(base64.b64decode(data.body))
    except InvalidEventError as error:
        return Letter(kept, (), error.flaws)
    posted = Posted(body, {name: str(text) for name, text in data.headers.items()})
    story = tell(mapping, posted, source=data.source, received=kept.time)
    return Letter(kept, story.events, story.flaws)


def _readable(letters: Sequence[Letter]) -> int:
    return sum(1 for one in letters if not one.flaws)


def _batches(events: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(events), MAX_ITEMS):
        yield events[start : start + MAX_ITEMS]


def _post(
    intake: str, key: str | None, events: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Post *events*, and return the problems of those that were refused."""
    headers = {"content-type": BATCH}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    url = f"{intake.rstrip('/')}/v1/events"
    try:
        body = json.dumps(events).encode()
        answer = httpx2.post(url, content=body, headers=headers, timeout=30, trust_env=False)
        content = answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        fail("hooks replay", f"intake at {intake}: {error}. Is --intake right, and is it up?")
    if answer.status_code not in _ACCEPTED:
        problem = f"{content.get('detail', answer.status_code)}. {content.get('do', '')}"
        fail("hooks replay", f"intake at {intake}: {problem}")
    return [one["problem"] for one in content if "problem" in one]

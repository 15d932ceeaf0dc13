"""`tierline topics`: make the topics of the contract in Kafka, check them, list them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from cli.output import WRONG_USE, AsJson, fail, print_json
from shared.contract.topics import TOPICS
from shared.runtime.kafka import KafkaUnavailableError
from shared.runtime.settings import RuntimeSettings, SettingsError
from shared.runtime.topics import TopicState, create_topics, topic_states

T = TypeVar("T")

app = typer.Typer(
    name="topics",
    help="The topics of the contract in Kafka: make them, check them, list them.\n\n"
    "Reads the variables that the services read: KAFKA_BOOTSTRAP_SERVERS (and KAFKA_SASL_…,"
    " KAFKA_SSL_… where Kafka asks who we are) and TIERLINE_TOPIC_PREFIX.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


class _Settings(RuntimeSettings):
    """What every service is told of Kafka, and nothing of a service's own."""


@app.command()
def create(
    replicas: Annotated[
        int,
        typer.Option(
            min=-1,
            help="Copies of each partition; -1 takes the broker's default. With 3 or more, a"
            " record counts once all but one have it.",
        ),
    ] = -1,
    as_json: AsJson = False,
) -> None:
    """Make the topics that are missing; those that exist stay as they are.

    Exit codes: 0 every topic is there, 1 Kafka is away or refuses, 2 wrong use.
    """
    settings = _settings("topics create")
    prefix = settings.topic_prefix
    made = _run("topics create", create_topics(settings.kafka, prefix=prefix, replicas=replicas))
    if as_json:
        print_json({"created": made})
        return
    for name in made:
        typer.echo(f"created: {name}")
    if not made:
        typer.echo("Every topic was there already.")


@app.command()
def check(as_json: AsJson = False) -> None:
    """See whether every topic is as the contract says: partitions and settings.

    Exit codes: 0 all are, 1 one is not or Kafka is away, 2 wrong use.
    """
    states = _states("topics check")
    flawed = [state for state in states if state.flaws]
    if as_json:
        print_json({"ok": not flawed, "topics": [_plain(state) for state in states]})
    else:
        for state in flawed:
            for flaw in state.flaws:
                typer.echo(f"{state.name}: {flaw}", err=True)
        if not flawed:
            typer.echo("Every topic is as the contract says.")
    if flawed:
        raise typer.Exit(1)


@app.command("list")
def list_topics(as_json: AsJson = False) -> None:
    """Show every topic of the contract: who writes and reads it, and how Kafka has it.

    Exit codes: 0 shown, 1 Kafka is away, 2 wrong use.
    """
    states = _states("topics list")
    if as_json:
        print_json({"topics": [_plain(state) for state in states]})
        return
    table = Table("topic", "key", "kept", "written by", "read by", "partitions", "replicas")
    for topic, state in zip(TOPICS, states, strict=True):
        shape = state.shape
        table.add_row(
            state.name,
            topic.key,
            topic.cleanup,
            ", ".join(topic.writers),
            ", ".join(topic.readers),
            "missing" if shape is None else str(shape.partitions),
            "" if shape is None else str(shape.replicas),
        )
    Console().print(table)


def _settings(command: str) -> _Settings:
    try:
        return _Settings.from_env(os.environ)
    except SettingsError as error:
        fail(command, str(error), code=WRONG_USE)


def _states(command: str) -> Sequence[TopicState]:
    settings = _settings(command)
    return _run(command, topic_states(settings.kafka, prefix=settings.topic_prefix))


def _run(command: str, work: Coroutine[Any, Any, T]) -> T:
    try:
        with Console(stderr=True).status("asking Kafka"):
            return asyncio.run(work)
    except KafkaUnavailableError as error:
        fail(command, f"{error}. Is KAFKA_BOOTSTRAP_SERVERS right, and is it up?")


def _plain(state: TopicState) -> dict[str, Any]:
    shape = state.shape
    return {
        "name": state.name,
        "exists": shape is not None,
        "partitions": None if shape is None else shape.partitions,
        "replicas": None if shape is None else shape.replicas,
        "flaws": state.flaws,
    }

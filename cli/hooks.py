"""`tierline hooks`: how helpdesks post, what becomes of a body, how a helpdesk is set up."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic_core import to_json

from cli.hooks_refused import refused, replay
from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.time_given import time_given
from services.intake.core.hooks.places import Posted
from services.intake.core.hooks.setup import ADDRESS, page
from services.intake.core.hooks.shape import HookMapping
from services.intake.core.hooks.telling import Story, tell
from services.intake.core.hooks.unread import unread
from services.intake.core.limits import parse
from services.intake.core.report import accept
from services.intake.hooks.mappings import SHIPPED, load_mappings
from shared.contract.errors import Flaw, InvalidEventError
from shared.contract.times import as_datetime, instant, rfc3339
from shared.mapping.file import MappingError
from shared.policy.shape.base import suggestion
from shared.runtime.clock import Clock

app = typer.Typer(
    name="hooks",
    help="Webhooks of helpdesks: which are known, what a body becomes, how to set one up.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

app.command()(refused)
app.command()(replay)

PAGES: Final = SHIPPED.parents[2] / "docs" / "helpdesks"
"""Where the pages of the products are."""

Own = Annotated[
    Path | None,
    typer.Option(
        "--mappings",
        metavar="FOLDER",
        help="Mappings of your own, as INTAKE_HOOK_MAPPINGS names them.",
    ),
]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A word of `tierline hooks list`.")]


@app.command("list")
def list_hooks(mappings: Own = None, as_json: AsJson = False) -> None:
    """List the helpdesks whose webhooks can be read, and how each proves that it is itself.

    Example: `tierline hooks list --mappings my-mappings`

    Exit codes: 0 done, 1 a mapping cannot be used (file, line and remedy are told).
    """
    known = _mappings(mappings, "list")
    if as_json:
        print_json([_described(name, one) for name, one in known.items()])
        return
    width = max(map(len, known), default=0)
    for name, one in known.items():
        proof = "API key" if one.signature is None else f"{one.signature.header} or API key"
        typer.echo(f"{name:<{width}}  {one.product}: {proof}")


@app.command("test")
def try_body(
    source: Source,
    body: Annotated[
        str, typer.Argument(metavar="BODY.json", help="What it posts; `-` reads standard input.")
    ],
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            "-H",
            metavar="NAME: VALUE",
            help="A header of the request, as often as needed.",
        ),
    ] = None,
    received: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When it reaches us; default: now. Counts for bodies without a time.",
        ),
    ] = None,
    mappings: Own = None,
    as_json: AsJson = False,
) -> None:
    """Show which events a body becomes, which words are unknown, and what of it is not read.

    Nothing is sent. Some products say in a header what a body is about; give it with -H.

    Example: `tierline hooks test github body.json -H "X-GitHub-Event: issues"`

    Exit codes: 0 it can be read (or tells nothing of a ticket, and that is said), 1 it cannot, or a
    mapping cannot be used, 2 wrong use.
    """
    mapping = _mapping(source, _mappings(mappings, "test"), "test")
    at = _received(received)
    try:
        content = parse(_read(body))
    except InvalidEventError as error:
        fail("hooks test", f"{body}: {error}")
    story = tell(mapping, Posted(content, _headers(header or [])), source=source, received=at)
    story.unknown = [replace(one, word=_whole(one.word)) for one in story.unknown]
    story.events = list(_acceptable(story, rfc3339(instant(at))))
    places = _unread(mapping, content)
    if as_json:
        print_json({"story": story, "unread": places})
    else:
        _tell(story, places)
    if story.flaws:
        raise typer.Exit(1)


@app.command()
def setup(
    source: Source,
    address: Annotated[
        str, typer.Option(metavar="URL", help="Where it is to post; {source} stands for its name.")
    ] = ADDRESS,
    called: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Its name here, if it is another.")
    ] = None,
    mappings: Own = None,
    as_json: AsJson = False,
) -> None:
    """Print how to point a helpdesk here, step by step, with the template to paste where one is needed.

    Example: `tierline hooks setup zendesk --address https://intake.example.com/v1/hooks/zendesk`

    Exit codes: 0 done, 1 a mapping cannot be used, 2 wrong use.
    """
    mapping = _mapping(source, _mappings(mappings, "setup"), "setup")
    name = called or source
    if as_json:
        steps = [one.replace("{address}", address) for one in mapping.setup.steps]
        print_json(
            {
                **_described(name, mapping),
                "address": address.replace("{source}", name),
                "steps": [one.replace("{source}", name) for one in steps],
                "template": mapping.setup.template,
                "notes": mapping.setup.notes,
            }
        )
        return
    typer.echo(page(mapping, source=name, address=address), nl=False)


@app.command()
def pages(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where they go.")] = PAGES,
    as_json: AsJson = False,
) -> None:
    """Write a page for every product whose mapping ships: docs/helpdesks, from the mappings.

    Example: `tierline hooks pages`

    Exit codes: 0 done, 1 a mapping cannot be used, or a page cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, mapping in _mappings(None, "pages").items():
            file = folder / f"{name}.md"
            file.write_text(page(mapping, source=name), "utf-8")
            written.append(str(file))
    except OSError as error:
        fail("hooks pages", f"cannot write {folder}: {error.strerror}; name another folder")
    if as_json:
        print_json(written)
        return
    typer.echo("\n".join(written))


def _mappings(own: Path | None, command: str) -> Mapping[str, HookMapping]:
    try:
        return load_mappings(own)
    except MappingError as error:
        fail(f"hooks {command}", str(error))


def _mapping(source: str, known: Mapping[str, HookMapping], command: str) -> HookMapping:
    found = known.get(source)
    if found is None:
        remedy = suggestion(source, list(known))
        fail(f"hooks {command}", f"there is no mapping `{source}`. {remedy}", code=WRONG_USE)
    return found


def _described(name: str, mapping: HookMapping) -> dict[str, Any]:
    signature = mapping.signature
    return {
        "source": name,
        "mapping": mapping.mapping.name,
        "version": mapping.mapping.version,
        "product": mapping.product,
        "signed_in": None if signature is None else signature.header,
        "about": mapping.about,
    }


def _acceptable(story: Story, received_at: str) -> Iterator[dict[str, Any]]:
    """Yield the events of *story* that are events of the contract; note why the others are not."""
    for one in story.events:
        try:
            accept(one, received_at=received_at)
        except InvalidEventError as error:
            story.flaws += error.flaws
        else:
            yield one


def _read(body: str) -> bytes:
    if body == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(body).read_bytes()
    except OSError as error:
        message = f"cannot read {body}: {error.strerror}; name a file of JSON, or -"
        fail("hooks test", message, code=WRONG_USE)


def _headers(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, colon, text = one.partition(":")
        if not colon:
            fail("hooks test", f"--header {one}: write NAME: VALUE", code=WRONG_USE)
        found[name.strip().lower()] = text.strip()
    return found


def _received(text: str | None) -> datetime:
    return (
        Clock().now() if text is None else as_datetime(time_given("hooks test", "--received", text))
    )


def _unread(mapping: HookMapping, content: Any) -> list[tuple[str, Any]]:
    bodies = content if mapping.batch and isinstance(content, list) else [content]
    return [
        (_whole(place), _whole(found) if isinstance(found, str) else found)
        for one in bodies
        for place, found in unread(mapping, one)
    ]


def _whole(text: str) -> str:
    """Return *text* without what no terminal can show: halves of characters."""
    return text.encode("utf-8", "replace").decode()


def _tell(story: Story, places: Sequence[tuple[str, Any]]) -> None:
    for one in story.events:
        shown = {name: part for name, part in one["data"].items() if name != "raw"}
        typer.echo(f"{one['time']} {one['type']} {one['subject']} (id {one['id']})")
        typer.echo(f"  {to_json(shown).decode()}")
    for reason in story.ignored:
        typer.echo(f"ignored: {reason}")
    for unknown in story.unknown:
        typer.echo(f"unknown: {unknown.column}: `{unknown.word[:60]}` is no {unknown.field}")
    for line in _flawed(story.flaws):
        typer.echo(line, err=True)
    if places:
        typer.echo("not read:")
        for place, value in places:
            typer.echo(f"  {place}: {_shortly(value)}")


def _flawed(flaws: Sequence[Flaw]) -> Iterator[str]:
    yield from (f"tierline hooks test: {flaw.line()}" for flaw in flaws)


def _shortly(value: Any) -> str:
    text = to_json(value, inf_nan_mode="constants").decode()
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004  what fits beside a place

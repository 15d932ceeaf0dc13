"""`tierline schemas`: write the generated documents of the contract, or see whether they are stale."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from ruamel.yaml import YAML

from shared.contract.catalog import asyncapi, json_schemas
from shared.contract.reference import reference

app = typer.Typer(
    name="schemas",
    help="The generated documents of the contract: JSON Schemas, AsyncAPI, docs/events.md.",
    no_args_is_help=True,
)

Root = Annotated[Path, typer.Option("--root", help="The repository's folder.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@cache
def documents() -> Mapping[Path, str]:
    """Return every generated file: its path from the repository's root, and its text."""
    schemas = {
        Path("schemas", name): json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in json_schemas().items()
    }
    return schemas | {
        Path("schemas/asyncapi.yaml"): _yaml(asyncapi(version("tierline"))),
        Path("docs/events.md"): reference(),
    }


def stale(root: Path) -> list[Path]:
    """Return the paths under *root* that are missing, differ, or should not be there."""
    wanted = documents()
    there = {path.relative_to(root) for path in (root / "schemas").rglob("*") if path.is_file()}
    differing = {
        path
        for path, text in wanted.items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != text
    }
    return sorted(differing | (there - wanted.keys()))


@app.command()
def write(root: Root = Path(), *, as_json: AsJson = False) -> None:
    """Write every generated document that is not as the code says. Exit code 0."""
    wanted = documents()
    changed = stale(root)
    for path in changed:
        target = root / path
        if path in wanted:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(wanted[path], "utf-8")
        else:
            target.unlink()
    _say("written", changed, as_json=as_json)


@app.command()
def check(root: Root = Path(), *, as_json: AsJson = False) -> None:
    """See whether every document is as the code says. Exit code 1 if one is not."""
    found = stale(root)
    _say("stale", found, as_json=as_json)
    if found:
        raise typer.Exit(1)


def _say(word: str, paths: list[Path], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({word: [str(path) for path in paths]}))
        return
    for path in paths:
        typer.echo(f"{word}: {path}")
    if not paths:
        typer.echo("Every document is as the code says.")
    elif word == "stale":
        typer.echo("Run `make schemas` and commit what it writes.", err=True)


def _yaml(document: dict[str, object]) -> str:
    yaml = YAML()
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _: True
    text = StringIO()
    yaml.dump(document, text)
    return text.getvalue()


if __name__ == "__main__":
    app()

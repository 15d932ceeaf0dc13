"""`tierline keys`: make, list, replace and revoke the keys that intake knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from cli.keys.editing import with_entry, with_expiry, without
from cli.keys.last_use import LastUseError, last_uses
from cli.keys.storing import KeysFileError, keys_in, read, rewrite
from cli.output import WRONG_USE, AsJson, fail, print_json, show
from shared.access.keys import ApiKey, Scope
from shared.access.keys_file import ANY_SOURCE, NewKey, new_key
from shared.policy.notation import parse_positive_duration
from shared.runtime.clock import real_now

app = typer.Typer(
    name="keys",
    help="API keys: who may post to intake, for which source, and to do what.\n\n"
    "They are in the file that INTAKE_KEYS_FILE names, as hashes; every instance of intake that reads"
    " the file knows a change within a second, without a restart. The usual way: `create` one for each"
    " helpdesk, `rotate` it now and then (both hold for a while, so that nothing is refused meanwhile),"
    " `revoke` it at once when it has leaked.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

File = Annotated[
    Path,
    typer.Option(
        "--file",
        metavar="FILE",
        envvar="INTAKE_KEYS_FILE",
        help="The file of keys.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Who holds the key, such as helpdesk.")]

_NOT_IN_PREFIX: Final = re.compile(r"[^a-z0-9]+")


@app.command()
def create(
    name: Name,
    file: File,
    source: Annotated[
        str,
        typer.Option("--source", metavar="SOURCE", help='The only source it speaks for, or "*".'),
    ],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope",
            help="What it may do, as often as needed: ingest (post events and webhooks), act (post"
            " acts), read (check policies), operate (see the last webhook), admin (activate policies,"
            " list keys). [default: ingest]",
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", metavar="ROLE", help="With the scope act: the only roles it acts in."
        ),
    ] = None,
    expires_in: Annotated[
        str | None,
        typer.Option("--expires-in", metavar="DURATION", help="How long it holds, such as 2160h."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once: only its hash is kept.

    Example: `tierline keys create helpdesk --source desk --file keys.yaml`

    Exit codes: 0 done, 1 the name is taken or the file cannot be used, 2 wrong use.
    """
    now = real_now().replace(microsecond=0)
    expires = None if expires_in is None else now + _duration("create", expires_in)
    scopes = scope or [Scope.INGEST]
    fresh = new_key(_prefix(name))
    entry = _entry(name, fresh, source, [one.value for one in scopes], role, now, expires)

    def added(text: str) -> str:
        if any(one.name == name for one in keys_in(text, file)):
            msg = f"there is a key of {name} already; `tierline keys rotate {name}` replaces it"
            raise KeysFileError(msg)
        return with_entry(text, entry)

    _rewrite("create", file, added)
    _tell(name, fresh, file, as_json=as_json, expires=expires)


@app.command()
def rotate(
    name: Name,
    file: File,
    overlap: Annotated[
        str,
        typer.Option("--overlap", metavar="DURATION", help="How long the old key holds as well."),
    ] = "168h",
    as_json: AsJson = False,
) -> None:
    """Make a new key that may do what the old one of that name may, and let the old one run out.

    Both hold meanwhile: give the new one to whoever posts, and look at `tierline keys list` until
    the old one is no longer used.

    Example: `tierline keys rotate helpdesk --overlap 48h --file keys.yaml`

    Exit codes: 0 done, 1 nobody has that name or the file cannot be used, 2 wrong use.
    """
    now = real_now().replace(microsecond=0)
    ends = now + _duration("rotate", overlap)
    fresh = new_key(_prefix(name))

    def rotated(text: str) -> str:
        held = _of(name, text, file)
        last = max(held, key=lambda one: (one.created is not None, one.created))
        roles = None if last.roles is None else sorted(last.roles)
        source = ANY_SOURCE if last.source is None else last.source
        scopes = sorted(one.value for one in last.scopes)
        ending = {one.digest for one in held if one.expires is None or one.expires > ends}
        entry = _entry(name, fresh, source, scopes, roles, now, None)
        return with_entry(with_expiry(text, ending, ends), entry)

    _rewrite("rotate", file, rotated)
    _tell(name, fresh, file, as_json=as_json, old_until=ends)


@app.command()
def revoke(
    name: Name,
    file: File,
    key_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Only this one of them, as `list` has it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take the keys of a name out of the file: from the next second on they are unknown.

    Example: `tierline keys revoke helpdesk --id 5994471abb01 --file keys.yaml`

    Exit codes: 0 done, 1 nobody has that name or id, or the file cannot be used, 2 wrong use.
    """
    gone: list[ApiKey] = []

    def revoked(text: str) -> str:
        held = [one for one in _of(name, text, file) if key_id in (None, one.id)]
        if not held:
            msg = f"{name} has no key {key_id}; `tierline keys list` has its ids"
            raise KeysFileError(msg)
        gone[:] = held
        return without(text, {one.digest for one in held})

    _rewrite("revoke", file, revoked)
    if as_json:
        print_json({"name": name, "revoked": [one.id for one in gone]})
        return
    ids = ", ".join(one.id for one in gone)
    typer.echo(f"Revoked {ids} of {name}. Whoever still shows it is answered 401.")


@app.command("list")
def list_keys(
    file: File,
    intake: Annotated[
        str | None,
        typer.Option("--intake", metavar="URL", help="Where intake is; it knows the last uses."),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            help="A file that holds a key with the scope admin, alone.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the keys: who holds them, what they may do, until when, and when they were last used.

    Without --intake the file alone is asked, and nothing is known of last uses.

    Example: `tierline keys list --file keys.yaml --intake http://127.0.0.1:8081 --key-file admin.key`

    Exit codes: 0 done, 1 the file cannot be used or intake does not answer, 2 wrong use.
    """
    try:
        keys = keys_in(read(file), file)
        used = {} if intake is None else last_uses(intake, key_file)
    except (KeysFileError, LastUseError) as error:
        fail("keys list", str(error))
    keys.sort(key=lambda one: (one.name, str(one.created or ""), one.id))
    if as_json:
        print_json([_plain(one, used) for one in keys])
        return
    table = Table("name", "id", "source", "scopes", "roles", "created", "expires", "last used")
    for one in keys:
        told = _plain(one, used)
        table.add_row(
            one.name,
            one.id,
            told["source"] or ANY_SOURCE,
            " ".join(told["scopes"]),
            " ".join(told["roles"] or ["any"]),
            *(_shown(told[name]) for name in ("created", "expires", "last_used")),
        )
    show(table)


def _prefix(name: str) -> str:
    return _NOT_IN_PREFIX.sub("", name.lower())[:20] or "key"


def _duration(command: str, text: str) -> timedelta:
    try:
        return timedelta(seconds=parse_positive_duration(text))
    except ValueError:
        fail(f"keys {command}", f"{text} is no duration; write 48h or 90m", code=WRONG_USE)


def _entry(
    name: str,
    key: NewKey,
    source: str,
    scopes: list[str],
    roles: list[str] | None,
    created: datetime,
    expires: datetime | None,
) -> dict[str, Any]:
    given = {
        "name": name,
        "sha256": key.sha256,
        "source": source,
        "scopes": scopes,
        "roles": roles,
        "created": created,
        "expires": expires,
    }
    return {field: value for field, value in given.items() if value}


def _of(name: str, text: str, file: Path) -> list[ApiKey]:
    held = [one for one in keys_in(text, file) if one.name == name]
    if not held:
        msg = f"nobody called {name} has a key in {file}; `tierline keys list` has the names"
        raise KeysFileError(msg)
    return held


def _rewrite(command: str, file: Path, change: Any) -> None:
    try:
        rewrite(file, change)
    except KeysFileError as error:
        fail(f"keys {command}", str(error))


def _tell(name: str, key: NewKey, file: Path, *, as_json: bool, **times: datetime | None) -> None:
    if as_json:
        told = {"name": name, "id": key.sha256[:12], "key": key.text, "file": str(file)}
        print_json({**told, **{field: at for field, at in times.items() if at is not None}})
        return
    typer.echo(f"The key of {name}, which is not shown again:\n\n  {key.text}\n")
    if times.get("old_until") is not None:
        typer.echo(f"The old one holds until {_shown(times['old_until'])}.")


def _plain(key: ApiKey, used: Mapping[str, datetime | None]) -> dict[str, Any]:
    return {
        "name": key.name,
        "id": key.id,
        "source": key.source,
        "scopes": sorted(key.scopes),
        "roles": None if key.roles is None else sorted(key.roles),
        "created": key.created,
        "expires": key.expires,
        "last_used": used.get(key.id),
    }


def _shown(at: datetime | None) -> str:
    return "–" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")

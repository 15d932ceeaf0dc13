"""An empty place for one run of the demo: a folder, and on servers that exist names of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from cli.embedded.claim import claimed, forget
from cli.stack import PORTS
from shared.contract.errors import Reason, TransientError

_CONNECT_S: Final = 15.0
_OWN: Final = tuple(f"{name.upper()}_" for name in PORTS)


class DatabaseRefusedError(TransientError):
    """The PostgreSQL that was named does not give the demo a database of its own."""

    reason = Reason.DATABASE_UNAVAILABLE


@contextmanager
def fresh_folder(home: Path) -> Iterator[Path]:
    """Give an empty folder under *home*; what an earlier demo left there is removed first.

    Raises:
        FolderInUseError: A demo is running there.
    """
    owner = home / "demo"
    with claimed("the demo", owner, patience_s=0) as claim:
        claim.note(os.getpid())
        data = owner / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(exist_ok=True)
        try:
            yield data
        finally:
            forget(owner)


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without what it tells the services, their ports apart.

    The demo's own settings go together; a key file or a roster of yours would not fit them.
    """
    return {
        name: text
        for name, text in environ.items()
        if not name.startswith(_OWN) or name.endswith("_HTTP_PORT")
    }


async def own_database(url: str, name: str) -> str:
    """Make the database *name* on the server of *url* and return its URL.

    Raises:
        DatabaseRefusedError: The server is away, or does not allow it.
    """
    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_S)
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, ValueError) as error:
        msg = (
            f"no database of its own for the demo: {error}. Let the user of DATABASE_URL create"
            " databases, or leave DATABASE_URL out to have a PostgreSQL run here"
        )
        raise DatabaseRefusedError(msg) from error
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))

"""deploy/postgres/roles.sql, run as whoever installs Tierline runs it."""

import os
import subprocess
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from cli.embedded.postgres_settings import binary
from tests.support.house import ROOT


def run_roles(url: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the script on the database at *url*, with the passwords in *environ*."""
    return subprocess.run(
        [binary("psql"), url, "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-f",
         ROOT / "deploy/postgres/roles.sql"],
        env={"PATH": os.environ["PATH"], **environ},
        check=False,
        capture_output=True,
        text=True,
    )  # fmt: skip


def as_role(url: str, role: str) -> str:
    """Return *url* with *role* as its user; an embedded server asks nobody for a password."""
    return urlunsplit(urlsplit(url)._replace(netloc=f"{role}@"))

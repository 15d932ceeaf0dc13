"""An installation with a mailbox and Cleo's webhook, and notifiers to be started on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.http_peer import Peer, http_peer
from tests.support.mailbox import Mailbox, mailbox
from tests.support.notifier_service import (
    ROSTER,
    SECRET,
    Ledger,
    environ_of,
    notifier_here,
)


@dataclass(frozen=True)
class Desk:
    """Everything round a notifier; `environ` is how one is started here."""

    ledger: Ledger
    mail: Mailbox
    cleo: Peer
    environ: Callable[..., dict[str, str]]

    def notifier(self, **given: str) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
        """Run a notifier, with settings beyond the usual ones."""
        return notifier_here(self.environ(**given))


@asynccontextmanager
async def a_desk(
    ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    """Make the people round *ledger*: their roster in *folder*, their mailbox and webhook."""
    roster = folder / "roster.yaml"
    roster.write_text(ROSTER, encoding="utf-8")
    async with mailbox() as mail, http_peer() as cleo:
        secrets = {"CLEO_URL": cleo.url, "CLEO_SECRET": SECRET}
        for name, text in secrets.items():
            monkeypatch.setenv(name, text)

        def environ(**given: str) -> dict[str, str]:
            return secrets | environ_of(ledger, mail, roster, given)

        yield Desk(ledger, mail, cleo, environ)

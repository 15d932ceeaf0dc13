"""An installation with a mailbox, Cleo's webhook, and notifiers to be started on it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
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
    a_ledger,
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


@pytest.fixture
async def desk(
    kafka: str,
    topic_prefix: str,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    """An installation without a notifier yet."""
    ledger = await a_ledger(kafka, topic_prefix, database)
    roster = tmp_path / "roster.yaml"
    roster.write_text(ROSTER, encoding="utf-8")
    async with mailbox() as mail, http_peer() as cleo:
        secrets = {"CLEO_URL": cleo.url, "CLEO_SECRET": SECRET}
        for name, text in secrets.items():
            monkeypatch.setenv(name, text)

        def environ(**given: str) -> dict[str, str]:
            return secrets | environ_of(ledger, mail, roster, given)

        yield Desk(ledger, mail, cleo, environ)

"""An installation with a mailbox, Cleo's webhook, and notifiers to be started on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.notifier_desk import Desk, a_desk
from tests.support.notifier_service import a_ledger


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
    async with a_desk(ledger, tmp_path, monkeypatch) as made:
        yield made

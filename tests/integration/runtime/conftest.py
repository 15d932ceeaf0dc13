"""A schema to apply records to."""

from collections.abc import AsyncIterator

import pytest

from shared.runtime.clock import Clock
from shared.runtime.database import Database, open_database
from shared.runtime.migrations import migrate
from tests.support.consuming import make_effect_table


@pytest.fixture
async def tracker(database: str) -> AsyncIterator[Database]:
    """A migrated schema with a table that shows each record's effect."""
    await migrate(database, ["tracker"])
    async with open_database(database, schema="tracker", clock=Clock()) as opened:
        await make_effect_table(opened)
        yield opened

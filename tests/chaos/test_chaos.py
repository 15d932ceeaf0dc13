"""The whole system under a minute of kills, pauses, dropped connections and outages."""

from __future__ import annotations

import pytest

from tests.chaos.run import run
from tests.support import servers

SEED = 20260302


@pytest.mark.chaos
@pytest.mark.timeout(420)
async def test_a_minute_of_kills_loses_and_doubles_nothing() -> None:
    with servers.server_home() as folder:
        outcome = await run(SEED, 60, folder)
    assert outcome.good, "\n".join(
        [outcome.summary(), *(f"{one.fault}: {one.text}" for one in outcome.findings[:10])]
    )

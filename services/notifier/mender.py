"""Mends gaps: asks the engine where a ticket stands when a version never came."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx2
import structlog

from services.notifier.core.known import Known, catch_up
from services.notifier.rosters import Rosters
from services.notifier.store import load_early, load_known, now, tickets_with_gaps
from services.notifier.store_subscriptions import Subscriptions
from services.notifier.worker import close_desk, open_desk
from shared.contract.errors import TransientError
from shared.runtime.database import Database
from shared.runtime.run import stopped_within

log = structlog.get_logger()

_PATIENCE_S: Final = 5.0


class Mender:
    """Fetches the state of tickets that wait for a missing version."""

    def __init__(
        self,
        database: Database,
        rosters: Rosters,
        subscriptions: Subscriptions,
        *,
        escalator_url: str,
        alerts: bool,
        mended: Callable[[], None],
        every_s: float,
    ) -> None:
        """Make a mender.

        Args:
            database: Where the ledger is.
            rosters: Who holds which role, as the file has it now.
            subscriptions: Who wants to hear what, as the database has it now.
            escalator_url: Where the escalator is.
            alerts: Whether the engine can be told of empty seats.
            mended: Called after a ticket was mended: there may be notices to send.
            every_s: Real seconds between looks; a gap is also what a slow relay leaves for a
                moment.
        """
        self._database = database
        self._rosters = rosters
        self._subscriptions = subscriptions
        self._alerts = alerts
        self._base = escalator_url.rstrip("/")
        self._mended = mended
        self._every_s = every_s

    async def run(self, stop: asyncio.Event) -> None:
        """Look for gaps every few seconds until *stop*; one seen twice is mended."""
        seen: dict[str, int] = {}
        async with httpx2.AsyncClient(timeout=_PATIENCE_S, trust_env=False) as client:
            while True:
                try:
                    seen = await self._look(client, seen)
                except TransientError as error:
                    log.warning("no look for gaps", why=error.reason)
                if await stopped_within(stop, self._every_s):
                    return

    async def _look(self, client: httpx2.AsyncClient, seen: Mapping[str, int]) -> dict[str, int]:
        async with self._database.transaction() as conn:
            found = dict(await tickets_with_gaps(conn))
        for ticket, lowest in found.items():
            if seen.get(ticket) == lowest:
                await self._mend(client, ticket, lowest)
        return found

    async def _mend(self, client: httpx2.AsyncClient, ticket: str, lowest: int) -> None:
        snapshot = await self._fetch(client, ticket)
        if snapshot is None or snapshot["version"] < lowest - 1:
            log.warning("gap not mended", ticket=ticket, version=lowest)
            return
        async with self._database.transaction() as conn:
            known = (await load_known(conn, [ticket])).get(ticket, Known(ticket))
            kept = (await load_early(conn, [ticket])).get(ticket, {})
            if not kept or known.version >= min(kept):
                return
            moment = await now(conn)
            desk = await open_desk(
                conn,
                list(kept.values()),
                self._rosters.current,
                self._subscriptions,
                moment,
                alerts=self._alerts,
            )
            desk.catch_up(ticket, catch_up(known, snapshot, version=min(kept) - 1))
            await close_desk(conn, desk, moment)
        log.warning(
            "gap mended from the escalator", ticket=ticket, missing=min(kept) - 1 - known.version
        )
        self._mended()

    async def _fetch(self, client: httpx2.AsyncClient, ticket: str) -> Mapping[str, Any] | None:
        url = f"{self._base}/v1/tickets/{quote(ticket, safe='')}/state"
        try:
            answer = await client.get(url)
        except httpx2.HTTPError as error:
            log.warning("escalator not reached", why=type(error).__name__)
            return None
        if answer.status_code != httpx2.codes.OK:
            log.warning("escalator gave no state", ticket=ticket, status=answer.status_code)
            return None
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, Mapping) or not isinstance(found.get("version"), int):
            log.warning("escalator gave no state", ticket=ticket, status=answer.status_code)
            return None
        return found

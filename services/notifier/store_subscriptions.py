"""Subscriptions in Postgres, and those in force as a process keeps them.

Everything works inside the caller's transaction; nothing commits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.subscriptions import Quiet, Subscription
from services.notifier.store import Now
from services.notifier.tables import subscription, subscription_version


@dataclass(slots=True)
class Subscriptions:
    """The subscriptions in force, kept from batch to batch and read anew when one has changed.

    Whoever changed them, by whichever instance: each asking compares one number with the database,
    so what was committed before a batch counts in it.
    """

    _version: int | None = None
    _kept: tuple[Subscription, ...] = ()

    async def current(self, conn: AsyncConnection) -> tuple[Subscription, ...]:
        """Return all subscriptions as they stand now, in the order of their names."""
        # The number first: what is committed between the two reads is read again next time.
        version = (await conn.execute(select(subscription_version.c.version))).scalar_one()
        if version != self._version:
            self._kept = await load_subscriptions(conn)
            self._version = version
        return self._kept


async def load_subscriptions(conn: AsyncConnection) -> tuple[Subscription, ...]:
    """Return all subscriptions, in the order of their names."""
    found = await conn.execute(select(subscription).order_by(subscription.c.name))
    return tuple(_from_row(row) for row in found.mappings())


async def keep_subscription(
    conn: AsyncConnection, one: Subscription, *, actor: str, moment: Now
) -> bool:
    """Keep *one* under its name, and say whether it is new."""
    exists = select(subscription.c.name).where(subscription.c.name == one.name)
    known = (await conn.execute(exists)).first() is not None
    row = {**_row(one), "actor": actor, "changed_at": moment.virtual}
    given = insert(subscription).values(row)
    changed = {name: given.excluded[name] for name in row if name != "name"}
    await conn.execute(
        given.on_conflict_do_update(index_elements=[subscription.c.name], set_=changed)
    )
    return not known


async def drop_subscription(conn: AsyncConnection, name: str) -> bool:
    """Drop the subscription *name*, and say whether there was one."""
    found = await conn.execute(subscription.delete().where(subscription.c.name == name))
    return bool(found.rowcount)


def _row(one: Subscription) -> dict[str, Any]:
    quiet = None
    if one.quiet is not None:
        windows = {str(day): list(spans) for day, spans in one.quiet.windows.items()}
        quiet = {"zone": one.quiet.zone.key, "windows": windows}
    return {
        "name": one.name,
        "subscriber": one.subscriber,
        "topics": list(one.topics),
        "events": list(one.events),
        "priorities": list(one.priorities),
        "mode": one.mode,
        "every_s": None if one.every is None else int(one.every.total_seconds()),
        "quiet": quiet,
        "urgent": list(one.urgent),
        "urgent_mode": one.urgent_mode,
    }


def _from_row(row: Mapping[Any, Any]) -> Subscription:
    quiet = row["quiet"]
    return Subscription(
        name=row["name"],
        subscriber=row["subscriber"],
        topics=tuple(row["topics"]),
        events=tuple(row["events"]),
        priorities=tuple(row["priorities"]),
        mode=row["mode"],
        every=None if row["every_s"] is None else timedelta(seconds=row["every_s"]),
        quiet=None
        if quiet is None
        else Quiet(
            ZoneInfo(quiet["zone"]),
            MappingProxyType(
                {
                    int(day): tuple((int(opens), int(closes)) for opens, closes in spans)
                    for day, spans in quiet["windows"].items()
                }
            ),
        ),
        urgent=tuple(row["urgent"]),
        urgent_mode=row["urgent_mode"],
    )

"""Cards and case rooms in Postgres: which message and which channel stand for a ticket.

Every function works inside the caller's transaction but `CardBook`, which makes its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.channels.slack import Card
from services.notifier.core.known import Known
from services.notifier.store import known_from
from services.notifier.store_answers import known_of
from services.notifier.tables import card, delivery, room, ticket
from shared.runtime.database import Database

LEASE: Final = timedelta(seconds=30)
"""How long a process may take over one card or room before another takes it for dead."""

_OUTDATED: Final = text(
    """
    UPDATE card SET lease_until = clock_timestamp() + CAST(:lease AS interval)
    FROM (
        SELECT c.place, c.ticket FROM card c JOIN ticket t ON t.ticket = c.ticket
        WHERE t.version > c.version AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
        ORDER BY t.priority, c.ticket LIMIT :most FOR UPDATE OF c SKIP LOCKED
    ) AS due
    WHERE card.place = due.place AND card.ticket = due.ticket
    RETURNING card.place, card.ticket, card.channel, card.message, card.version
    """
)
_WANTED: Final = text(
    """
    INSERT INTO room (ticket, state, invited)
    SELECT t.ticket, 'opening', '{}' FROM ticket t
    WHERE t.status = 'open' AND (t.priority = 'P1' OR t.tier = 3)
    AND NOT EXISTS (SELECT FROM room r WHERE r.ticket = t.ticket)
    ORDER BY t.ticket LIMIT :most
    ON CONFLICT DO NOTHING
    """
)
_REOPENED: Final = text(
    """
    UPDATE room SET state = 'opening', invited = '{}', lease_until = NULL FROM ticket t
    WHERE t.ticket = room.ticket AND room.state = 'archived'
    AND t.status = 'open' AND (t.priority = 'P1' OR t.tier = 3)
    """
)
_ROOMS: Final = text(
    """
    UPDATE room SET lease_until = clock_timestamp() + CAST(:lease AS interval)
    FROM (
        SELECT r.ticket FROM room r JOIN ticket t ON t.ticket = r.ticket
        WHERE (r.lease_until IS NULL OR r.lease_until < clock_timestamp()) AND (
            r.state = 'opening' OR r.state = 'open' AND (
                t.status <> 'open' OR EXISTS (
                    SELECT FROM delivery d WHERE d.ticket = r.ticket AND d.purpose = 'notice'
                    AND d.person IS NOT NULL AND NOT d.person = ANY(r.invited)
                    AND d.person NOT LIKE 'room:%'
                )
            )
        )
        ORDER BY r.ticket LIMIT :most FOR UPDATE OF r SKIP LOCKED
    ) AS due
    WHERE room.ticket = due.ticket
    RETURNING room.ticket, room.channel, room.state, room.invited
    """
)


@dataclass(frozen=True, slots=True)
class Room:
    """A case's own room as it is kept; *channel* is None until it is first opened.

    One that is ``opening`` and has a channel is to be opened again.
    """

    ticket: str
    channel: str | None
    state: str
    invited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardBook:
    """Remembers cards for a channel, each look and each entry in a transaction of its own."""

    database: Database

    async def find(self, place: str, key: str) -> tuple[Card | None, Known | None]:
        """Return the card of ticket *key* in *place*, and how the ticket stands."""
        async with self.database.transaction() as conn:
            known = await known_of(conn, key)
            found = await conn.execute(
                select(card.c.channel, card.c.message, card.c.version).where(
                    card.c.place == place, card.c.ticket == key
                )
            )
            row = found.first()
        return (None if row is None else Card(*row)), known

    async def keep(self, place: str, key: str, made: Card) -> None:
        """Remember *made*, unless there is one already."""
        async with self.database.transaction() as conn:
            await keep_card(conn, place, key, made)

    async def room(self, key: str) -> str | None:
        """Return the channel of the ticket's own room, None while there is none."""
        async with self.database.transaction() as conn:
            found = await conn.execute(
                select(room.c.channel).where(room.c.ticket == key, room.c.state == "open")
            )
            return found.scalar()


async def keep_card(conn: AsyncConnection, place: str, key: str, made: Card) -> None:
    """Remember *made*, unless there is one already."""
    row = {
        "place": place,
        "ticket": key,
        "channel": made.channel,
        "message": made.message,
        "version": made.version,
    }
    await conn.execute(insert(card).on_conflict_do_nothing(), row)


async def outdated_cards(conn: AsyncConnection, *, most: int) -> list[tuple[str, Known, Card]]:
    """Take up to *most* cards that show an older version: place, ticket as it stands, card."""
    rows = (await conn.execute(_OUTDATED, {"lease": LEASE, "most": most})).mappings().all()
    known = await _known(conn, [row["ticket"] for row in rows])
    return [
        (
            row["place"],
            known[row["ticket"]],
            Card(row["channel"], row["message"], row["version"]),
        )
        for row in rows
    ]


async def card_shows(conn: AsyncConnection, place: str, key: str, version: int) -> None:
    """Note that the card shows *version* now, and let go of it."""
    await conn.execute(
        update(card)
        .where(card.c.place == place, card.c.ticket == key)
        .values(version=version, lease_until=None)
    )


async def drop_card(conn: AsyncConnection, place: str, key: str) -> None:
    """Forget a card that is gone from the chat; the next notice begins a new one."""
    await conn.execute(card.delete().where(card.c.place == place, card.c.ticket == key))


async def rooms_to_see_to(
    conn: AsyncConnection, *, most: int
) -> list[tuple[Room, Known, tuple[str, ...]]]:
    """Take up to *most* rooms with something to do, each with its ticket and who was told of it."""
    await conn.execute(_WANTED, {"most": most})
    await conn.execute(_REOPENED)
    rows = (await conn.execute(_ROOMS, {"lease": LEASE, "most": most})).mappings().all()
    keys = [row["ticket"] for row in rows]
    known, people = await _known(conn, keys), await _people(conn, keys)
    return [
        (
            Room(row["ticket"], row["channel"], row["state"], tuple(row["invited"])),
            known[row["ticket"]],
            people.get(row["ticket"], ()),
        )
        for row in rows
    ]


async def save_room(conn: AsyncConnection, kept: Room) -> None:
    """Keep *kept* as it is now, and let go of it."""
    await conn.execute(
        update(room)
        .where(room.c.ticket == kept.ticket)
        .values(
            channel=kept.channel,
            state=kept.state,
            invited=list(kept.invited),
            lease_until=None,
        )
    )


async def _known(conn: AsyncConnection, keys: Sequence[str]) -> Mapping[str, Known]:
    found = await conn.execute(select(ticket).where(ticket.c.ticket.in_(list(keys))))
    return {row["ticket"]: known_from(row) for row in found.mappings()}


async def _people(conn: AsyncConnection, keys: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    found = await conn.execute(
        select(delivery.c.ticket, delivery.c.person)
        .where(
            delivery.c.ticket.in_(list(keys)),
            delivery.c.purpose == "notice",
            delivery.c.person.is_not(None),
            delivery.c.person.not_like("room:%"),
        )
        .distinct()
        .order_by(delivery.c.ticket, delivery.c.person)
    )
    people: dict[str, Any] = {}
    for key, person in found:
        people[key] = (*people.get(key, ()), person)
    return people

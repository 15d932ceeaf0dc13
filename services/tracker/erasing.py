"""Persons and ended tickets erased from the read model, while it is in use.

First it is written down what is erased, and from then on whatever comes in is taken in without it; so a
rebuild does, for which the list is carried over. Then what is there already is gone through, some
tickets at a time, the writers waiting meanwhile: messages are replaced, rows folded again from them.
Whoever is killed runs it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from services.tracker.core.erasing import forget
from services.tracker.core.message import Kind, Message
from services.tracker.core.projection import TicketRow, project
from services.tracker.store import load_rows, save_rows
from services.tracker.store_erasing import (
    all_tickets,
    erasures_of,
    know_persons,
    know_tickets,
    listed_tickets,
    messages_of,
    now,
    rewrite,
    tickets_ended,
    tickets_with,
)
from services.tracker.store_rebuild import drop_copies, pause_writers, take_turn
from shared.contract.erasure import Erasures, OfTicket, digest_of, person_of
from shared.contract.errors import PermanentError, Reason
from shared.runtime.database import Connection, Database
from shared.runtime.dead_letters import bury

_TOGETHER: Final = 100
"""Tickets that are gone through while the writers wait."""

Tell = Callable[[str, int, int], None]
"""Called with what is done just now, how many tickets of how many are gone through."""

Others = Callable[[Sequence[str], Erasures], Awaitable[None]]
"""Has other services do the same for some tickets: before the tracker, which knows where to look."""


class ErasingError(PermanentError):
    """It cannot be done now; the message says why, and nothing was changed."""

    reason = Reason.STALE_DATA


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be erased. With nothing of it, what was erased before is gone through again.

    Attributes:
        names: Names of one person or of several.
        ended: Everybody's names and all texts of tickets that ended so long ago, in the
            installation's time.
        dry: Whether only to say what would be.
    """

    names: tuple[str, ...] = ()
    ended: timedelta | None = None
    dry: bool = False


@dataclass(slots=True)
class Erased:
    """What came of it.

    Attributes:
        erasures: What is erased, of the tickets gone through.
        tickets: How many tickets had messages that were changed.
        messages: How many messages were changed.
        dead_letters: How many dead letters were emptied.
    """

    erasures: Erasures
    tickets: int = 0
    messages: int = 0
    dead_letters: int = 0


async def erase(
    database: Database, wanted: Wanted, late_after_s: float, others: Others, tell: Tell
) -> Erased:
    """Erase what is *wanted*.

    Args:
        database: The read model, as the owner of its schema.
        wanted: What to erase.
        late_after_s: A decision made more virtual seconds after its effective time is late.
        others: Called for every ticket that is gone through, unless it is a dry run.
        tell: Told how far it is.

    Raises:
        ErasingError: A rebuild is at work.
        ValueError: One of the names is none.
        TransientError: PostgreSQL is away; what was done holds, run it again.
    """
    async with database.engine.connect() as turn:
        if not await take_turn(turn):
            raise ErasingError("a rebuild of the read model is at work; wait until it has ended")
        await turn.commit()
        tell("looking for tickets", 0, 1)
        keys, erasures = await _begun(database, wanted)
        done = Erased(erasures)
        for first in range(0, len(keys), _TOGETHER):
            tell("erasing", first, len(keys))
            some = keys[first : first + _TOGETHER]
            async with database.transaction() as conn:
                await _go_through(conn, some, done, late_after_s, None if wanted.dry else others)
        async with database.transaction() as conn:
            done.dead_letters = await bury(conn, done.erasures, dry=wanted.dry)
    return done


async def _begun(database: Database, wanted: Wanted) -> tuple[list[str], Erasures]:
    """Write down what is erased; return which tickets to go through, and the erasures."""
    async with database.transaction() as conn:
        if not wanted.dry:
            await _hold_writers(conn)
            await drop_copies(conn)
        until = await now(conn)
        persons = {digest_of(one): person_of(one, until) for one in wanted.names}
        keys, whole = await _concerned(conn, wanted)
        if wanted.dry:
            return keys, Erasures(persons, dict.fromkeys(whole, OfTicket(until, names=True)))
        await know_persons(conn, persons)
        await know_tickets(conn, whole, until, names=True)
        return keys, await erasures_of(conn, keys)


async def _concerned(conn: Connection, wanted: Wanted) -> tuple[list[str], list[str]]:
    """Return the tickets to go through, and those of them that are newly erased as a whole."""
    if wanted.ended is not None:
        ended = await tickets_ended(conn, wanted.ended)
        return ended, ended
    if wanted.names:
        return await tickets_with(conn, wanted.names), []
    if (await erasures_of(conn, ())).persons:
        return await all_tickets(conn), []
    return await listed_tickets(conn), []


async def _go_through(
    conn: Connection, keys: Sequence[str], done: Erased, late_after_s: float, others: Others | None
) -> None:
    """Erase from the tickets *keys*; without *others* only count."""
    if others is not None:
        await _hold_writers(conn)
    heard = await messages_of(conn, keys)
    theirs = _of_the_erased(heard, done.erasures)
    done.erasures = Erasures(done.erasures.persons, {**theirs, **done.erasures.tickets})
    kept = {
        key: [forget(one, done.erasures) for one in messages] for key, messages in heard.items()
    }
    changed = {
        key: [now for now, was in zip(kept[key], messages, strict=True) if now is not was]
        for key, messages in heard.items()
    }
    touched = [key for key, messages in changed.items() if messages]
    done.messages += sum(len(messages) for messages in changed.values())
    done.tickets += len(touched)
    if others is None:
        return
    for key, one in theirs.items():
        await know_tickets(conn, [key], one.until, names=False)
    await others(keys, done.erasures)
    if not touched:
        return
    await rewrite(conn, [one for key in touched for one in changed[key]])
    rows = await load_rows(conn, touched)
    again = [_folded(key, kept[key], late_after_s) for key in rows]
    # How a ticket stands is no text and nobody's name: the sums stay as they are.
    await save_rows(conn, again, loaded=rows)


def _of_the_erased(
    heard: Mapping[str, Sequence[Message]], erasures: Erasures
) -> dict[str, OfTicket]:
    """Return the tickets that are those of somebody who is erased: their texts go."""
    found: dict[str, OfTicket] = {}
    if not erasures.persons:
        return found
    for key, messages in heard.items():
        ends = [
            until
            for one in messages
            if one.kind is Kind.EVENT
            and (until := erasures.subject_until(one.data.model_dump(mode="json"))) is not None
            and one.received_at <= until
        ]
        if ends:
            found[key] = OfTicket(max(ends), names=False)
    return found


def _folded(key: str, messages: Sequence[Message], late_after_s: float) -> TicketRow:
    row = TicketRow(key)
    for message in messages:
        row = project(row, message, late_after_s=late_after_s)
    return row


async def _hold_writers(conn: Connection) -> None:
    await conn.execute(text("SET LOCAL lock_timeout = '60s'"))
    await conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    await pause_writers(conn)

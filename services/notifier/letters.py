"""The office of dead letters: an operator replays or discards them, and says why."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.notifier.core.feeds import is_unasked
from services.notifier.core.known import Decided, Place
from services.notifier.core.plan import DIGEST, INTAKE, MAIL, RECEIPT, Purpose
from services.notifier.core.roster import TicketFacts
from services.notifier.rosters import Rosters
from services.notifier.store import Now, now
from services.notifier.store_letters import (
    discard,
    lock_dead,
    lock_record,
    note_act,
    revive,
    settle_record,
)
from services.notifier.store_subscriptions import Subscriptions
from services.notifier.worker import Unread, close_desk, open_desk, read
from shared.runtime.database import Connection, Database
from shared.runtime.kafka import Incoming

REPLAYED: Final = "replayed"
DISCARDED: Final = "discarded"
RECORD: Final = "record-"

_ONE_WAY: Final = {Purpose.ALERT: INTAKE, Purpose.RECEIPT: RECEIPT}


class NoDeadLetterError(LookupError):
    """No dead letter has this id, or somebody has dealt with it already."""


class NotReplayableError(ValueError):
    """Replaying would fail as it did before; the message says why."""


@dataclass(frozen=True, slots=True)
class Act:
    """What an operator does: *actor* is a person's name, *reason* their own words."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Office:
    """Deals with dead letters.

    A letter's id is a delivery's (a notice that was given up), or ``record-`` and a number (a
    record of the topic that could not be read or planned).
    """

    database: Database
    rosters: Rosters
    subscriptions: Subscriptions
    alerts: bool
    due: asyncio.Event
    told: asyncio.Event

    async def replay(self, letter: str, act: Act) -> str:
        """Try *letter* again, under the same id, and return what comes of that, in a few words.

        A notice goes to whoever holds its role by the present roster; if it is out of date by
        then, the sender suppresses it. A record is read as if it came now.

        Raises:
            NoDeadLetterError: There is none to replay.
            NotReplayableError: Nobody holds the role, or the record is still unreadable.
        """
        async with self.database.transaction() as conn:
            if letter.startswith(RECORD):
                said = await self._replay_record(conn, letter)
            else:
                said = await self._replay_notice(conn, delivery_id_of(letter))
            await self._note(conn, letter, REPLAYED, act)
        self.due.set()
        self.told.set()
        return said

    async def discard(self, letter: str, act: Act) -> str:
        """Give *letter* up for good, and return what that means, in a few words.

        Raises:
            NoDeadLetterError: There is none to discard.
        """
        async with self.database.transaction() as conn:
            if letter.startswith(RECORD):
                number = number_of(letter)
                if await lock_record(conn, number) is None:
                    raise NoDeadLetterError(letter)
                await settle_record(conn, number, DISCARDED)
            else:
                found = await lock_dead(conn, delivery_id_of(letter))
                if found is None:
                    raise NoDeadLetterError(letter)
                await discard(conn, found[0])
            await self._note(conn, letter, DISCARDED, act)
        return "discarded: it is not sent any more"

    async def _note(self, conn: Connection, letter: str, what: str, act: Act) -> None:
        await note_act(
            conn, letter, what, actor=act.actor, reason=act.reason, moment=await now(conn)
        )

    async def _replay_notice(self, conn: Connection, key: UUID) -> str:
        found = await lock_dead(conn, key)
        if found is None:
            raise NoDeadLetterError(str(key))
        row, cause = found
        moment = await now(conn)
        person, ways = self._seat(row, cause, moment)
        if not ways:
            msg = f"nobody can be reached as {row['role']}: give the role to somebody in the roster"
            raise NotReplayableError(msg)
        await revive(conn, row, person, ways, self.rosters.current, moment)
        to = INTAKE if row["purpose"] == Purpose.ALERT else person or row["role"]
        return f"due now, to {to} by {ways[0]}"

    def _seat(
        self, row: Mapping[Any, Any], cause: Mapping[Any, Any], moment: Now
    ) -> tuple[str | None, tuple[str, ...]]:
        roster = self.rosters.current
        purpose = Purpose(row["purpose"])
        if purpose in _ONE_WAY:
            return None, (_ONE_WAY[purpose],)
        given = row["person"] is not None and row["mode"] == DIGEST
        if given or purpose in (Purpose.STAND_DOWN, Purpose.COPY) or is_unasked(row["role"]):
            contact = roster.contacts.get(row["person"])
        else:
            tier = int(cause["data"].get("tier") or 1)
            facts = TicketFacts(**cause["facts"])
            contact = roster.seated(row["role"], tier=tier, facts=facts, at=moment.virtual)
        if contact is None:
            return None, ()
        ways = roster.ways(contact, row["mode"])
        if purpose is Purpose.COPY:
            ways = tuple(one for one in ways if one == MAIL)
        return contact.key, ways

    async def _replay_record(self, conn: Connection, letter: str) -> str:
        number = number_of(letter)
        row = await lock_record(conn, number)
        if row is None:
            raise NoDeadLetterError(letter)
        headers = tuple((name, text.encode("latin-1")) for name, text in row["headers"].items())
        found = read(Incoming(row["partition"], row["offset"], None, row["raw"], headers, 0))
        if isinstance(found, Unread):
            raise NotReplayableError(found.error)
        moment = await now(conn)
        desk = await open_desk(
            conn,
            [found],
            self.rosters.current,
            self.subscriptions,
            moment,
            alerts=self.alerts,
        )
        desk.hear(found)
        if desk.unplanned:
            raise NotReplayableError(desk.unplanned[0][1])
        await close_desk(conn, desk, moment)
        await settle_record(conn, number, REPLAYED)
        return _place(next(iter(desk.places)), found)


def _place(place: Place, decision: Decided) -> str:
    match place:
        case Place.NEXT:
            return f"heard: version {decision.version} of {decision.ticket}"
        case Place.GAP:
            return f"kept: an earlier version of {decision.ticket} is missing"
        case Place.OLD | Place.CONFLICT:
            return f"not needed: {decision.ticket} is beyond version {decision.version} by now"


def number_of(letter: str) -> int:
    """Return the number of the record that *letter* names.

    Raises:
        NoDeadLetterError: It names none.
    """
    digits = letter.removeprefix(RECORD)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):  # noqa: PLR2004  bigint
        raise NoDeadLetterError(letter)
    return int(digits)


def delivery_id_of(letter: str) -> UUID:
    """Return the id of the delivery that *letter* names.

    Raises:
        NoDeadLetterError: It names none.
    """
    try:
        return UUID(letter)
    except ValueError:
        raise NoDeadLetterError(letter) from None

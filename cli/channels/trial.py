"""`tierline channels test`: one marked notice through the real way out, and what the other side said."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import typer

from cli.output import PROBLEM, WRONG_USE, AsJson, fail, print_json
from services.notifier.answering import letters
from services.notifier.channels.base import Channel, Notice
from services.notifier.channels.build import Surroundings, channels, rosters
from services.notifier.channels.slack import Card
from services.notifier.core.known import Decided, Known
from services.notifier.core.message import Message, Remarks
from services.notifier.core.plan import Purpose
from services.notifier.core.retry import Accepted, Failed, Outcome, Refused
from services.notifier.core.roster import Contact, Roster, TicketFacts
from services.notifier.settings import Settings
from shared.runtime.clock import new_id, real_now
from shared.runtime.settings import SettingsError

_COMMAND: Final = "channels test"
_TICKET: Final = "tierline:test"
_NOT_CALLED: Final[Mapping[str, str]] = {
    "KAFKA_BOOTSTRAP_SERVERS": "not-called:9092",
    "DATABASE_URL": "postgresql://not-called",
}
"""What the notifier's settings ask for, and a test has no use for."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one test notice; *answer* is the other side's own word, as the ledger has it."""

    person: str
    way: str
    address: str
    outcome: str
    answer: str | None

    @property
    def said(self) -> str:
        """What it means, in a sentence."""
        match self.outcome:
            case "delivered":
                return "the recipient's side has it"
            case "sent":
                return "it was taken to be passed on; whether it arrives is not known here"
            case "refused":
                return "it was refused, and would not be tried again this way"
            case "unclear":
                return "it may have been taken: there was no answer"
            case _:
                return "it was not taken, and would be tried again"


class _NoCards:
    """A test begins no thread and belongs to none."""

    async def find(self, place: str, ticket: str) -> tuple[Card | None, Known | None]:
        del place, ticket
        return None, None

    async def keep(self, place: str, ticket: str, card: Card) -> None:
        del place, ticket, card

    async def room(self, ticket: str) -> str | None:
        del ticket
        return None


def try_out(
    whom: Annotated[
        str,
        typer.Argument(
            metavar="CHANNEL|PERSON",
            help="A dedicated channel, a person or a group of the roster, by key.",
        ),
    ],
    by: Annotated[
        str | None, typer.Option("--by", metavar="WAY", help="Only by this way: email, slack, …")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send one test notice by each way to somebody, and say what the other side answered.

    It goes out for real, once, marked as a test; nothing is kept of it, and nobody is asked for
    anything. It is set up by the notifier's own variables (NOTIFIER_…), so run it where the notifier
    runs; Kafka and PostgreSQL are not called. With NOTIFIER_DRY_RUN or NOTIFIER_SANDBOX_FILE nothing
    leaves, as for every notice.

    Examples: `tierline channels test ana`, `tierline channels test tier2 --by slack`

    Exit codes: 0 every way took it, 1 one did not, 2 nobody is called so or the settings are wrong.
    """
    try:
        settings = Settings.from_env({**_NOT_CALLED, **os.environ})
        trials = asyncio.run(_tried(settings, whom, by))
    except SettingsError as error:
        fail(_COMMAND, str(error), code=WRONG_USE)
    if as_json:
        print_json([_as_json(one) for one in trials])
    else:
        for one in trials:
            answer = "" if one.answer is None else f" ({one.answer})"
            typer.echo(f"{one.way:<8} {one.address}: {one.outcome}{answer}; {one.said}.")
    if any(one.outcome not in ("sent", "delivered") for one in trials):
        raise typer.Exit(PROBLEM)


def _as_json(one: Trial) -> dict[str, str | None]:
    return {
        "person": one.person,
        "way": one.way,
        "address": one.address,
        "outcome": one.outcome,
        "answer": one.answer,
        "said": one.said,
    }


async def _tried(settings: Settings, whom: str, by: str | None) -> list[Trial]:
    async with AsyncExitStack() as stack:
        people = rosters(settings, os.environ)
        contact = _contact(people.current, whom)
        ways = _ways(people.current, contact, by)
        around = Surroundings(os.environ, people, _NoCards(), letters(settings).terms())
        made = channels(settings, around)
        for way in made.values():
            stack.push_async_callback(way.close)
        deadline_s = settings.send_deadline.total_seconds()
        now = real_now()
        return [
            _trial(contact, way, await _sent(made[way], _notice(contact, way, now), deadline_s))
            for way in ways
        ]


def _contact(current: Roster, whom: str) -> Contact:
    if whom in current.contacts:
        return current.contacts[whom]
    room = current.rooms.get(whom)
    if room is None:
        told = (name for name, one in current.rooms.items() if one.to is not None)
        known = ", ".join(sorted({*current.contacts, *told}))
        fail(_COMMAND, f"the roster knows no {whom!r}; it knows: {known}", code=WRONG_USE)
    if room.to is None:
        said = f"nothing is posted in the channel {whom}: the roster names no group for it (`to`)"
        fail(_COMMAND, said, code=WRONG_USE)
    return current.contacts[room.to]


def _ways(current: Roster, contact: Contact, by: str | None) -> tuple[str, ...]:
    ways = current.ways(contact, "page")
    if by is None:
        return ways
    if by not in ways:
        has = ", ".join(ways)
        fail(_COMMAND, f"{contact.key} is not reached by {by}, but by: {has}", code=WRONG_USE)
    return (by,)


def _notice(contact: Contact, way: str, now: datetime) -> Notice:
    subject = f"TEST: a test notice of Tierline to {contact.name} by {way}"
    lines = (
        "This is a test of the way by which you are told. No ticket is behind it.",
        "Nothing is asked of you.",
        f"Sent at {now:%Y-%m-%d %H:%M:%S} UTC.",
    )
    decision = Decided(
        new_id(), "channel.tested", _TICKET, 1, now, {"ticket": _TICKET, "version": 1}
    )
    return Notice(
        id=new_id(),
        attempt=1,
        purpose=Purpose.NOTICE,
        role="test",
        mode="page",
        fyi=True,
        contact=contact,
        decision=decision,
        facts=TicketFacts(),
        message=Message(subject, lines, asked="Nothing is asked of you."),
        remarks=Remarks(),
        planned_at=now,
    )


async def _sent(channel: Channel, notice: Notice, deadline_s: float) -> Outcome:
    try:
        async with asyncio.timeout(deadline_s):
            return await channel.send(notice)
    except TimeoutError:
        return Failed("deadline_passed", unclear=True)


def _trial(contact: Contact, way: str, outcome: Outcome) -> Trial:
    answer = outcome.provider_ref if isinstance(outcome, Accepted) else outcome.why
    return Trial(contact.key, way, contact.shown(way), _came_of(outcome), answer)


def _came_of(outcome: Outcome) -> str:
    match outcome:
        case Accepted():
            return "delivered" if outcome.confirmed else "sent"
        case Failed():
            return "unclear" if outcome.unclear else "failed"
        case Refused():
            return "refused"

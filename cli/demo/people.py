"""The people of the demo: whoever is told by mail of an open escalation acknowledges it.

The recorded history does not say who acknowledged what, since its desk had no such thing. So that
ladders do not climb to the executives over every ticket, each mail is answered at once, through
intake like any act, in the role that the roster gives to its recipient.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, Final

import httpx2
from pydantic_core import to_json

from services.notifier.core.roster import Roster
from shared.contract.ids import split_key

_ABOUT_ONE: Final = "Ticket "
_ASKS: Final = "acknowledge it"
_LOOK_EVERY_S: Final = 0.3
_BATCH: Final = 100
_EXECUTIVES: Final = frozenset({"exec_oncall", "exec_backup", "head_of_support"})
_MANAGER: Final = "escalation_manager"


class People:
    """Everybody in the roster who has a mailbox, each answering what asks for an answer.

    Attributes:
        acknowledgements: How many have been posted.
    """

    def __init__(self, roster: Roster, source: str) -> None:
        """Fill the mailboxes' owners in.

        Args:
            roster: Who has which address, and which role.
            source: The helpdesk of the tickets that mail speaks of.
        """
        self.acknowledgements = 0
        self._source = source
        self._roles = dict(_roles(roster))
        self._asked: dict[str, dict[str, str]] = {}
        self._answered: set[tuple[str, str]] = set()

    def receive(self, mail: EmailMessage) -> None:
        """Have *mail* read by its recipient."""
        name, address = parseaddr(str(mail["To"]))
        role = self._roles.get(address)
        if role is not None:
            for ticket in tickets_to_answer(mail, self._source):
                self._asked.setdefault(ticket, {})[role] = name

    async def run(self, tracker_url: str, intake_url: str) -> None:
        """Look at the board a few times a second and answer what was asked, until cancelled."""
        async with httpx2.AsyncClient(trust_env=False, timeout=15) as client:
            while True:
                await asyncio.sleep(_LOOK_EVERY_S)
                if not self._asked:
                    continue
                try:
                    answers = [
                        answer
                        async for ticket in _open_tickets(client, tracker_url)
                        for answer in self._answers(ticket)
                    ]
                    for begin in range(0, len(answers), _BATCH):
                        await _post(client, intake_url, answers[begin : begin + _BATCH])
                except httpx2.HTTPError:
                    continue  # a service is being started again; the next look finds the same
                self._answered |= {(one.escalation, one.role) for one in answers}
                self.acknowledgements += len(answers)

    def _answers(self, ticket: Mapping[str, Any]) -> Iterator[Answer]:
        asked = self._asked.get(ticket["key"], {})
        for one in ticket["escalations"]:
            if one["acknowledged_by"] is not None:
                continue
            able = (role for role in asked if may_answer(role, one))
            role = next((r for r in able if (one["escalation_id"], r) not in self._answered), None)
            if role is not None:
                yield Answer(ticket["key"], one["escalation_id"], role, asked[role])


@dataclass(frozen=True, slots=True)
class Answer:
    """The acknowledgement of an *escalation* on a *ticket*, by somebody in a *role*."""

    ticket: str
    escalation: str
    role: str
    by: str

    def event(self) -> dict[str, Any]:
        """Return it as intake takes it; the time is that of its arrival."""
        source, subject = split_key(self.ticket)
        return {
            "specversion": "1.0",
            "id": f"ack:{self.escalation}:{self.role}",
            "source": source,
            "type": "escalation.acknowledged",
            "subject": subject,
            "data": {"by": self.by, "role": self.role, "escalation_id": self.escalation},
        }


def may_answer(role: str, escalation: Mapping[str, Any]) -> bool:
    """Whether *role* is of those whom *escalation* (as the tracker shows it) waits for.

    People know that: a specialist does not acknowledge what executives were asked to decide. The
    engine has the last word and refuses the others.
    """
    target = str(escalation["target"])
    match escalation["track"]:
        case "external":
            return role.startswith(f"{target}_")
        case "hierarchical" if target == "exec":
            return role in _EXECUTIVES
        case "hierarchical":
            return role in {target, _MANAGER}
        case _:
            return role == _MANAGER or role.startswith(f"{target}_")


def tickets_to_answer(mail: EmailMessage, source: str) -> list[str]:
    """Return the keys of the tickets of *source* that *mail* wants its reader to look at.

    A mail about one ticket says whether it asks for an acknowledgement. A digest, which has a line
    for each of many notices, leaves it to the reader to look at every ticket that it names.
    """
    part = mail.get_body(preferencelist=("plain",))
    lines = [] if part is None else part.get_content().splitlines()
    about_one = bool(lines) and lines[0].startswith(_ABOUT_ONE)
    if about_one and not any(_ASKS in line for line in lines):
        return []
    ticket = re.compile(rf"\b{re.escape(source)}:[A-Za-z0-9_./#-]+")
    named = [found[0] for line in lines if (found := ticket.search(line))]
    return list(dict.fromkeys(named[:1] if about_one else named))


def _roles(roster: Roster) -> Mapping[str, str]:
    """Return in which role each address acknowledges: its first one that is no queue."""
    found: dict[str, str] = {}
    for role, seat in roster.roles.items():
        contact = roster.contacts.get(seat.contact or "")
        if contact is not None and contact.email is not None and not role.endswith("_queue"):
            found.setdefault(contact.email, role)
    return found


async def _open_tickets(
    client: httpx2.AsyncClient, tracker_url: str
) -> AsyncIterator[dict[str, Any]]:
    query: dict[str, str | int] = {"open": "true", "limit": 200}
    while True:
        answer = await client.get(f"{tracker_url}/v1/tickets", params=query)
        page = answer.raise_for_status().json()
        for ticket in page["items"]:
            yield ticket
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]


async def _post(client: httpx2.AsyncClient, intake_url: str, answers: Sequence[Answer]) -> None:
    answer = await client.post(
        f"{intake_url}/v1/events",
        content=to_json([one.event() for one in answers]),
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    answer.raise_for_status()

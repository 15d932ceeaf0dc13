"""The people of the demo: whoever is told by mail of an open escalation acknowledges it.

The recorded history does not say who acknowledged what, since its desk had no such thing. So that
ladders do not climb to the executives over every ticket, each mail is answered at once, through
intake like any act, in the role that the roster gives to its recipient.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, Final

import httpx2

from services.notifier.core.roster import Roster
from shared.contract.ids import split_key

_ABOUT_ONE: Final = "Ticket "
_ASKS: Final = "acknowledge it"
_ANSWERING: Final = 8
_LOOKS: Final = 10
_LOOK_AGAIN_S: Final = 0.2
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
        self._mail: asyncio.Queue[EmailMessage] = asyncio.Queue()
        self._answered: set[tuple[str, str]] = set()

    def receive(self, mail: EmailMessage) -> None:
        """Take *mail* into its recipient's mailbox."""
        self._mail.put_nowait(mail)

    async def run(self, tracker_url: str, intake_url: str) -> None:
        """Answer mail until cancelled."""
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=15) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(_ANSWERING):
                group.create_task(self._answer_mail(client, tracker_url, intake_url))

    async def _answer_mail(
        self, client: httpx2.AsyncClient, tracker_url: str, intake_url: str
    ) -> None:
        while True:
            mail = await self._mail.get()
            name, address = parseaddr(str(mail["To"]))
            role = self._roles.get(address)
            if role is None:
                continue
            for ticket in tickets_to_answer(mail, self._source):
                url = f"{tracker_url}/v1/tickets/{ticket}"
                for escalation in await _unanswered(client, url, _spoken_of(mail)):
                    answer = (escalation["escalation_id"], role)
                    if answer in self._answered or not may_answer(role, escalation):
                        continue
                    self._answered.add(answer)
                    data = {"by": name, "role": role, "escalation_id": answer[0]}
                    await _acknowledge(client, intake_url, ticket, data)
                    self.acknowledgements += 1


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


def _spoken_of(mail: EmailMessage) -> str | None:
    """Return the escalation whose thread *mail* belongs to; None for a digest."""
    thread = mail["In-Reply-To"]
    return None if thread is None else str(thread).strip("<>").partition("@")[0]


async def _unanswered(
    client: httpx2.AsyncClient, url: str, spoken_of: str | None
) -> list[dict[str, Any]]:
    """Return the open escalations of the ticket at *url* that nobody has acknowledged.

    A mail can be quicker than the board; then look again until the escalation that it speaks of
    is there.
    """
    found: list[dict[str, Any]] = []
    for _ in range(_LOOKS):
        try:
            answer = await client.get(url)
            ticket = answer.raise_for_status().json()
        except httpx2.HTTPError:
            await asyncio.sleep(_LOOK_AGAIN_S)
            continue
        found = [one for one in ticket["escalations"] if one["acknowledged_by"] is None]
        known = {
            one["escalation_id"] for one in (*ticket["escalations"], *ticket["ended_escalations"])
        }
        if spoken_of is None or spoken_of in known:
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
    return found


async def _acknowledge(
    client: httpx2.AsyncClient, intake_url: str, ticket: str, data: Mapping[str, Any]
) -> None:
    source, subject = split_key(ticket)
    event = {
        "specversion": "1.0",
        "id": f"ack:{data['escalation_id']}:{data['role']}",
        "source": source,
        "type": "escalation.acknowledged",
        "subject": subject,
        "data": data,
    }
    headers = {"content-type": "application/cloudevents+json"}
    try:
        await client.post(f"{intake_url}/v1/events", json=event, headers=headers)
    except httpx2.TransportError:
        return  # the ladder goes on, and its next mail is answered

"""What every channel is: send once, and say what the far side said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.notifier.core.known import Decided
from services.notifier.core.message import Message, Remarks
from services.notifier.core.plan import Purpose
from services.notifier.core.retry import Outcome
from services.notifier.core.roster import Contact, TicketFacts


@dataclass(frozen=True, slots=True)
class Notice:
    """One delivery as a channel sends it.

    *id* stays the same on every attempt and is the key by which a receiver drops repeats.
    *message* and *decision* are the same on every attempt, *remarks* belong to this one.
    *contact* is None only for what goes to no person. *code* is for alerts alone. A *veiled* one may
    show no more than the ticket's number. *parts* are the
    notices that a digest holds; everything else but id, message and remarks is its first one's.
    """

    id: UUID
    attempt: int
    purpose: Purpose
    role: str
    mode: str
    fyi: bool
    contact: Contact | None
    decision: Decided
    facts: TicketFacts
    message: Message
    remarks: Remarks
    planned_at: datetime
    code: str | None = None
    veiled: bool = False
    parts: tuple["Notice", ...] = ()


class Channel(Protocol):
    """A way out. Deadlines, retries, rates and the ledger are the sender's business."""

    @property
    def shows_lines(self) -> bool:
        """Whether it shows a letter's lines, and with them what is asked.

        Of a channel that does not, a letter says what is asked once more, apart (`Message.asked`).
        """
        ...

    async def send(self, notice: Notice) -> Outcome:
        """Hand *notice* over once and return what became of it.

        Only what nobody foresaw is raised; the sender takes it for a failure of the way.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...

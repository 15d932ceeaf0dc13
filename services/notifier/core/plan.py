"""One decision into its deliveries: a row per role called, a row per role stood down.

A notice is (decision, role). A role whose seat is empty gets its row too, suppressed, and an
alert back to the engine, which knows no rota and must move its ladder on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from services.notifier.core.answering import ANSWER
from services.notifier.core.known import ENDED, NOTICE_DUE, RAISED, REFUSED, Decided
from services.notifier.core.roster import MODES, Contact, Roster, TicketFacts
from shared.contract.decisions import AlertCode
from shared.contract.deliveries import Suppression
from shared.contract.ids import NAMESPACE, delivery_id

INTAKE = "intake"
RECEIPT = "receipt"
CASE_ROOM = "case_room"
ROOM = "room"
MAIL = "email"
DIGEST = "digest"
ANSWERER = "answerer"


class Purpose(StrEnum):
    """What a delivery is for."""

    NOTICE = "notice"
    STAND_DOWN = "stand_down"
    ALERT = "alert"
    COPY = "copy"
    RECEIPT = "receipt"


CALLS = (Purpose.NOTICE, Purpose.COPY)
"""The purposes of what may ask its reader for an answer."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """How a role was called before, so that it is stood down by the same way."""

    person: str
    mode: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery to be written to the ledger before anything is sent.

    *suppressed* is the reason why it will never be sent, None when it will. *ways* are the
    channels in the order in which they are tried. *ladder* tells the calls that only ask for an
    acknowledgement from those with news of their own.
    """

    id: UUID
    decision_id: UUID
    ticket: str
    version: int
    role: str
    purpose: Purpose
    mode: str
    fyi: bool
    ladder: bool
    escalation: str | None = None
    person: str | None = None
    ways: tuple[str, ...] = ()
    hold_until: datetime | None = None
    suppressed: Suppression | None = None
    code: str | None = None

    @property
    def channel(self) -> str | None:
        """The way tried first, None when there is nobody to reach."""
        return self.ways[0] if self.ways else None

    @property
    def asks(self) -> bool:
        """Whether the engine waits for an answer, and must go on if there can be none."""
        return self.purpose is Purpose.NOTICE and not self.fyi and self.escalation is not None


Calls = Mapping[tuple[str, str], Earlier]
"""Who was called before, by escalation and role."""


def plan(
    decision: Decided,
    roster: Roster,
    *,
    facts: TicketFacts,
    earlier: Calls,
    alerts: bool,
    now: datetime,
    room: bool = False,
) -> tuple[Planned, ...]:
    """Return every delivery that *decision* asks for.

    Args:
        decision: A decision whose version was the ticket's next.
        roster: Who holds which role.
        facts: What is known of the ticket, for the roles that a fact fills.
        earlier: The calls already in the ledger for this ticket's escalations.
        alerts: Whether the engine can be told of a role that nobody holds.
        now: The instant of planning; whoever is on call then is called, and for a notice that is
            held, whoever is on call when it is let go.
        room: Whether the case has a room of its own, which hears of a change that calls nobody.
    """
    tier = int(decision.data.get("tier") or 1)
    calls = _once_per_role(decision.data.get("notify") or ())
    gathered = [one for one in calls if _is_gathered(decision, one)]
    notices = [
        _notice(decision, roster, facts, tier, called, now)
        for called in calls
        if called not in gathered
    ]
    taken = {called.role for called in calls}
    closing = [
        _stand_down(decision, roster, str(role), earlier)
        for role in dict.fromkeys(decision.data.get("stand_down") or ())
        if role not in taken
    ]
    unreached = (
        [
            alert_for(row, AlertCode.NOBODY_ON_SCHEDULE)
            for row in notices
            if row.suppressed == Suppression.NOBODY_ON_SCHEDULE and row.asks
        ]
        if alerts
        else []
    )
    digests = [row for one in gathered for row in _digests(decision, roster, facts, one, now)]
    more = [
        *digests,
        *_answered(decision, roster),
        *_declined(decision, roster, facts, tier, taken, now),
    ]
    if room and not notices and decision.type == "case.reclassified":
        more.append(_to_room(decision))
    return (*_once_per_person(notices), *_once_per_person(closing), *more, *unreached)


def alert_for(row: Planned, code: AlertCode) -> Planned:
    """Return the alert to the engine that *row*'s role could not be reached, for reason *code*.

    Its id follows from escalation, role and reason: however many of its calls meet the empty seat,
    the engine hears of it once.
    """
    return Planned(
        id=uuid5(NAMESPACE, f"unreached|{row.escalation}|{row.role}|{code}"),
        decision_id=row.decision_id,
        ticket=row.ticket,
        version=row.version,
        role=row.role,
        purpose=Purpose.ALERT,
        mode=row.mode,
        fyi=False,
        ladder=False,
        escalation=row.escalation,
        ways=(INTAKE,),
        code=code,
    )


def copied_by_mail(row: Planned) -> Planned:
    """Return the same notice by mail, which goes besides when another way to a person has failed.

    Its id follows from the notice's: however many ways fail, one mail goes (H33).
    """
    return replace(
        row,
        id=uuid5(NAMESPACE, f"copy|{row.id}"),
        purpose=Purpose.COPY,
        ways=(MAIL,),
        hold_until=None,
    )


def without_mail(ways: Sequence[str], failed: int, follows: int) -> tuple[str, ...] | None:
    """Return *ways* without the mail that is to go besides; None where there is none to send.

    Mail goes besides when the way *failed* was not mail, the way that *follows* is not, and mail
    is still to come after that.
    """
    if MAIL not in ways or not failed < follows < ways.index(MAIL):
        return None
    return tuple(one for one in ways if one != MAIL)


def digest_id(ids: Iterable[UUID]) -> UUID:
    """Return the id of the message that holds the deliveries *ids*: the same ones, the same id."""
    return uuid5(NAMESPACE, "digest|" + "|".join(sorted(str(one) for one in ids)))


@dataclass(frozen=True, slots=True)
class _Call:
    role: str
    mode: str
    fyi: bool


def _once_per_role(notify: Iterable[Mapping[str, object]]) -> list[_Call]:
    """Join entries of one role: whoever is both asked and informed is asked, by the more urgent."""
    calls: dict[str, _Call] = {}
    for entry in notify:
        role = str(entry["role"])
        call = _Call(role, str(entry.get("mode") or "email"), bool(entry.get("fyi")))
        seen = calls.get(role)
        if seen is not None:
            mode = min(seen.mode, call.mode, key=_urgency)
            call = _Call(role, mode, seen.fyi and call.fyi)
        calls[role] = call
    return list(calls.values())


def _once_per_person(rows: Sequence[Planned]) -> list[Planned]:
    """Suppress all but one row of each person: the one that asks most, most urgently."""
    kept: dict[str, Planned] = {}
    for row in rows:
        if row.person is not None and row.suppressed is None:
            kept[row.person] = min(kept.get(row.person, row), row, key=_demand)
    return [
        replace(row, suppressed=Suppression.SAME_PERSON)
        if row.suppressed is None and row.person is not None and kept[row.person] is not row
        else row
        for row in rows
    ]


def _demand(row: Planned) -> tuple[bool, int]:
    return row.fyi, _urgency(row.mode)


def _urgency(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else len(MODES)


def _notice(
    decision: Decided,
    roster: Roster,
    facts: TicketFacts,
    tier: int,
    call: _Call,
    now: datetime,
) -> Planned:
    hold_until = _instant(decision.data.get("hold_until"))
    at = now if hold_until is None else max(now, hold_until)
    contact = roster.seated(call.role, tier=tier, facts=facts, at=at)
    ways = () if contact is None else roster.ways(contact, call.mode)
    step = decision.data.get("step")
    return Planned(
        id=delivery_id(decision.id, call.role),
        decision_id=decision.id,
        ticket=decision.ticket,
        version=decision.version,
        role=call.role,
        purpose=Purpose.NOTICE,
        mode=call.mode,
        fyi=call.fyi,
        ladder=decision.type == RAISED or (decision.type == NOTICE_DUE and step is not None),
        escalation=decision.escalation,
        person=None if contact is None else contact.key,
        ways=ways,
        hold_until=hold_until,
        suppressed=None if ways else Suppression.NOBODY_ON_SCHEDULE,
    )


def _is_gathered(decision: Decided, call: _Call) -> bool:
    """Say whether *call* is for whoever reads of a group in digests, and by nothing more urgent."""
    digest = decision.data.get("digest") or {}
    return call.role == digest.get("role") and call.mode == DIGEST


def _digests(
    decision: Decided, roster: Roster, facts: TicketFacts, call: _Call, now: datetime
) -> list[Planned]:
    """Return a row for each account manager of the customers whose tickets the group has (H28).

    It speaks of the group's course and belongs to no escalation: one that is over is still news to
    them. When it goes is for whoever knows what went before (`core.gathering`).
    """
    tier = int(decision.data.get("tier") or 1)
    whose = decision.data["digest"].get("customers") or (facts.customer,)
    seats = [
        roster.seated(call.role, tier=tier, facts=replace(facts, customer=one), at=now)
        for one in whose
    ]
    people = {None if seat is None else seat.key: seat for seat in seats}
    rows = []
    for key, contact in people.items():
        ways = () if contact is None else roster.ways(contact, call.mode)
        row = for_information(decision, call.role, contact, ways, call.mode)
        name = uuid5(NAMESPACE, f"digest of|{decision.id}|{call.role}|{key}")
        held = _instant(decision.data.get("hold_until"))
        rows.append(
            replace(
                row,
                id=name,
                hold_until=held,
                suppressed=None if ways else Suppression.NOBODY_ON_SCHEDULE,
            )
        )
    return rows


def _stand_down(decision: Decided, roster: Roster, role: str, earlier: Calls) -> Planned:
    called = earlier.get((decision.escalation or "", role))
    contact = None if called is None else roster.contacts.get(called.person)
    mode = "email" if called is None else called.mode
    ways = () if contact is None else roster.ways(contact, mode)
    return Planned(
        id=delivery_id(decision.id, role),
        decision_id=decision.id,
        ticket=decision.ticket,
        version=decision.version,
        role=role,
        purpose=Purpose.STAND_DOWN,
        mode=mode,
        fyi=True,
        ladder=False,
        escalation=decision.escalation,
        person=None if contact is None else contact.key,
        ways=ways,
        suppressed=None if ways else Suppression.NOTHING_WAS_SENT,
    )


def _answered(decision: Decided, roster: Roster) -> list[Planned]:
    """Tell whoever answered by button or link why their act was refused, and nobody else."""
    if decision.type != REFUSED or not str(decision.data.get("act_id") or "").startswith(ANSWER):
        return []
    contact = roster.contacts.get(str(decision.data.get("by")))
    ways = () if contact is None else roster.ways(contact, "chat")
    return [for_information(decision, ANSWERER, contact, ways, "chat")] if ways else []


def _declined(
    decision: Decided,
    roster: Roster,
    facts: TicketFacts,
    tier: int,
    taken: set[str],
    now: datetime,
) -> list[Planned]:
    """Tell the owner, who asked, that a department declined, why, and who is asked now (H26)."""
    if decision.type != ENDED or decision.data.get("reason") != "declined" or "owner" in taken:
        return []
    contact = roster.seated("owner", tier=tier, facts=facts, at=now)
    ways = () if contact is None else roster.ways(contact, "chat")
    return [for_information(decision, "owner", contact, ways, "chat")] if ways else []


def _to_room(decision: Decided) -> Planned:
    """Write one line into the case's own room; its place is known when it is sent."""
    row = for_information(decision, CASE_ROOM, None, (ROOM,), "chat")
    return replace(row, person=f"room:{decision.ticket}")


def for_information(
    decision: Decided, role: str, contact: Contact | None, ways: tuple[str, ...], mode: str
) -> Planned:
    """Return a delivery of *decision* that asks for nothing and is on no ladder."""
    return Planned(
        id=delivery_id(decision.id, role),
        decision_id=decision.id,
        ticket=decision.ticket,
        version=decision.version,
        role=role,
        purpose=Purpose.NOTICE,
        mode=mode,
        fyi=True,
        ladder=False,
        person=None if contact is None else contact.key,
        ways=ways,
    )


def _instant(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value))

"""The ledger in Postgres: deliveries planned, suppressed, and what is said of them.

Every function works inside the caller's transaction; none commits.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.allot import recipient
from services.notifier.core.desk import FanOut
from services.notifier.core.feeds import falls_when_restricted
from services.notifier.core.known import Known
from services.notifier.core.plan import CALLS, Planned, Purpose
from services.notifier.core.report import Reported, Step, report
from services.notifier.core.roster import Contact, Roster
from services.notifier.core.stale import Waiting, stale
from services.notifier.store import Now, among, as_rows, decision_row
from services.notifier.tables import decision, delivery

WAITING: Final = ("planned", "retry", "uncertain")
"""The states in which a delivery still wants sending."""

ONE_FAR_SIDE: Final = ("email", "sms", "voice", "console", "intake", "receipt")
"""The channels on which everything goes through one provider; on others each address is its own."""

UNCOUNTED: Final = (Purpose.ALERT, Purpose.COPY)
"""The purposes of what may follow a decision much later; everything else is planned with it."""

UNFINISHED: Final = (*WAITING, "claimed")

_DECIDED: Final = text(
    """
    INSERT INTO decision SELECT * FROM json_populate_recordset(
        CAST(NULL AS decision), CAST(CAST(:rows AS text) AS json)
    ) ON CONFLICT DO NOTHING
    """
)
_PLANNED: Final = text(
    """
    INSERT INTO delivery SELECT * FROM json_populate_recordset(
        CAST(NULL AS delivery), CAST(CAST(:rows AS text) AS json)
    ) ON CONFLICT DO NOTHING RETURNING id
    """
)
_OPEN: Final = text(
    """
    INSERT INTO gate (gate, tokens, refilled_at, failures, gone)
    SELECT given.name, 'infinity', :real, 0, false FROM unnest(CAST(:names AS text[])) AS given (name)
    ON CONFLICT DO NOTHING
    """
)
_SAY: Final = text(
    """
    INSERT INTO outbox (ticket, id, payload, created_at)
    SELECT given.ticket, given.id, given.payload, :real FROM unnest(
        CAST(:tickets AS text[]), CAST(:ids AS uuid[]), CAST(:payloads AS bytea[])
    ) WITH ORDINALITY AS given (ticket, id, payload, n) ORDER BY given.n
    ON CONFLICT DO NOTHING
    """
)


async def save_fan_outs(
    conn: AsyncConnection,
    fan_outs: Sequence[tuple[FanOut, Mapping[UUID, str | None]]],
    roster: Roster,
    moment: Now,
) -> None:
    """Write decisions and their deliveries to the ledger, and say so in the outbox.

    Args:
        conn: The transaction of the batch.
        fan_outs: Each with the reasons, by delivery, for which it is suppressed at once.
        roster: For the masked addresses.
        moment: When the batch is heard.
    """
    if not fan_outs:
        return
    kept = [
        {
            **decision_row(one.decision),
            "facts": one.facts,
            "rows": sum(row.purpose not in UNCOUNTED for row in one.rows),
            "planned_at": moment.virtual,
        }
        for one, _ in fan_outs
    ]
    await conn.execute(_DECIDED, {"rows": as_rows(kept)})
    rows = [
        planned_row(
            row, one.decision.data.get("priority"), roster, moment, suppressed=stale_now.get(row.id)
        )
        for one, stale_now in fan_outs
        for row in one.rows
    ]
    await save_rows(conn, rows, moment)


async def save_rows(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]], moment: Now) -> None:
    """Insert delivery *rows* that are not there yet, and open the gates they go through."""
    if not rows:
        return
    await open_gates(conn, rows, moment)
    written = await conn.execute(_PLANNED, {"rows": as_rows(rows)})
    new = set(written.scalars())
    told: list[tuple[Step, Reported]] = []
    for row in rows:
        if row["id"] in new and row["purpose"] != Purpose.ALERT:
            told.append((Step.PLANNED, reported({**row, "reason": None})))
            if row["state"] == "suppressed":
                told.append((Step.SUPPRESSED, reported(row)))
    await say(conn, told, moment)


async def open_gates(conn: AsyncConnection, rows: Iterable[Mapping[str, Any]], moment: Now) -> None:
    """Make sure that every gate that *rows* pass has its own row; a new one is full and open.

    Tokens start at "infinity": filling cuts them down to the burst of the gate's kind.
    """
    names = set()
    for row in rows:
        if row["gate"] is not None:
            names |= {row["gate"], recipient(row["target"]), recipient(row["target"], urgent=True)}
    if names:
        given = {"names": sorted(name for name in names if name is not None), "real": moment.real}
        await conn.execute(_OPEN, given)


def planned_row(
    row: Planned,
    priority: str | None,
    roster: Roster,
    moment: Now,
    *,
    suppressed: str | None = None,
) -> dict[str, Any]:
    """Return *row*, of a case of this *priority*, as the ledger first holds it."""
    reason = suppressed or row.suppressed
    return {
        "id": row.id,
        "decision_id": row.decision_id,
        "ticket": row.ticket,
        "version": row.version,
        "escalation": row.escalation,
        "role": row.role,
        "person": row.person,
        "purpose": str(row.purpose),
        "mode": row.mode,
        "fyi": row.fyi,
        "ladder": row.ladder,
        "code": row.code,
        "priority": priority,
        "ways": list(row.ways),
        "way": 0,
        "rounds": 0,
        **way(row.channel, row.person, roster),
        "state": "planned" if reason is None else "suppressed",
        "reason": reason,
        "attempt": 0,
        "planned_at": moment.virtual,
        "hold_until": row.hold_until,
        "finished_at": None if reason is None else moment.virtual,
        "next_at": moment.real,
    }


def planned_from(row: Mapping[Any, Any]) -> Planned:
    """Return a row of ``delivery`` as it was planned, with the ways that are left."""
    return Planned(
        id=row["id"],
        decision_id=row["decision_id"],
        ticket=row["ticket"],
        version=row["version"],
        role=row["role"],
        purpose=Purpose(row["purpose"]),
        mode=row["mode"],
        fyi=row["fyi"],
        ladder=row["ladder"],
        escalation=row["escalation"],
        person=row["person"],
        ways=tuple(row["ways"]),
    )


def goes_by_mail_besides(row: Mapping[Any, Any]) -> bool:
    """Say whether a row of ``delivery`` goes by mail besides when another way fails (H33)."""
    return bool(row["purpose"] == Purpose.NOTICE and row["priority"] == "P1")


def way(channel: str | None, person: str | None, roster: Roster) -> dict[str, str | None]:
    """Return the columns that follow from going to *person* by *channel*.

    The target orders messages; the gate is whose trouble stops them: all mail goes through one
    relay, every webhook is a far side of its own, named by its address so that a changed one
    starts afresh.
    """
    if channel is None:
        return {"channel": None, "address": None, "target": None, "gate": None}
    contact = roster.contacts.get(person or "")
    through = _far_side(channel, person, contact)
    return {
        "channel": channel,
        "address": channel if contact is None else contact.shown(channel),
        "target": f"{channel}:{person or channel}",
        "gate": through,
    }


def _far_side(channel: str, person: str | None, contact: Contact | None) -> str:
    """Return the gate of *channel* to *person*: mail, text and voice have one provider for all."""
    if channel == "webhook" and contact is not None and contact.webhook is not None:
        return f"webhook:{person}:{contact.webhook.fingerprint}"
    if channel in ONE_FAR_SIDE:
        return channel
    address = person if contact is None else contact.addresses.get(channel, person)
    return f"{channel}:{hashlib.sha256(str(address).encode()).hexdigest()[:12]}"


def reported(row: Mapping[Any, Any]) -> Reported:
    """Return a row of ``delivery`` as others may see it."""
    return Reported(
        id=row["id"],
        ticket=row["ticket"],
        decision_id=row["decision_id"],
        version=row["version"],
        role=row["role"],
        purpose=row["purpose"],
        mode=row["mode"],
        attempt=row["attempt"],
        escalation=row["escalation"],
        person=row["person"],
        channel=row["channel"],
        address=row["address"],
        reason=row["reason"],
    )


async def say(conn: AsyncConnection, told: Sequence[tuple[Step, Reported]], moment: Now) -> None:
    """Put what is *told* of deliveries into the outbox, in that order."""
    if not told:
        return
    events = [report(step, one, at=moment.virtual) for step, one in told]
    given = {
        "tickets": [one.ticket for _, one in told],
        "ids": [identity for identity, _ in events],
        "payloads": [payload for _, payload in events],
        "real": moment.real,
    }
    await conn.execute(_SAY, given)


async def suppress_settled(
    conn: AsyncConnection,
    settled: Mapping[str, Known],
    newest: Mapping[tuple[str | None, str], int],
    moment: Now,
) -> None:
    """Suppress waiting notices that the newest decisions of their tickets have made pointless.

    Rows that a sender is taking just now are left to it: it looks again itself.

    Args:
        conn: The transaction of the batch.
        settled: The tickets in question, as they are known now.
        newest: The versions of the newest calls, by escalation and role.
        moment: When the batch is heard.
    """
    if not settled:
        return
    found = await conn.execute(
        select(delivery, decision.c.type)
        .join(decision, decision.c.id == delivery.c.decision_id)
        .where(
            delivery.c.ticket == among(list(settled)),
            delivery.c.state.in_(WAITING),
            delivery.c.purpose.in_((*CALLS, Purpose.RECEIPT)),
        )
        .with_for_update(of=delivery, skip_locked=True)
    )
    pointless = []
    for row in found.mappings():
        overtaken = row["version"] < newest.get((row["escalation"], row["role"]), 0)
        waiting = waiting_from({**row, "overtaken": overtaken})
        if (why := stale(waiting, settled[row["ticket"]])) is not None:
            pointless.append((row, why))
    await suppress(conn, pointless, moment)


def waiting_from(row: Mapping[Any, Any]) -> Waiting:
    """Return a delivery joined with its decision's type as staleness looks at it.

    ``told`` and ``overtaken`` are looked up only where a row is about to be sent.
    """
    return Waiting(
        purpose=Purpose(row["purpose"]),
        version=row["version"],
        fyi=row["fyi"],
        ladder=row["ladder"],
        escalation=row["escalation"],
        type=row["type"],
        unasked=falls_when_restricted(row["role"]),
        told=bool(row.get("told")),
        overtaken=bool(row.get("overtaken")),
    )


async def suppress(
    conn: AsyncConnection, rows: Sequence[tuple[Mapping[Any, Any], str]], moment: Now
) -> None:
    """Mark *rows* suppressed, each for its reason, and say so."""
    by_reason: dict[str, list[UUID]] = {}
    for row, why in rows:
        by_reason.setdefault(why, []).append(row["id"])
    for why, ids in by_reason.items():
        await conn.execute(
            update(delivery)
            .where(delivery.c.id.in_(ids))
            .values(state="suppressed", reason=why, finished_at=moment.virtual, lease_until=None)
        )
    told = [(Step.SUPPRESSED, reported({**row, "reason": why})) for row, why in rows]
    await say(conn, told, moment)

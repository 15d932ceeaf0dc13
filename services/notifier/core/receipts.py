"""A receipt for whoever asked: their request has come, and by when somebody answers.

One for each ticket, when it is opened, and a row in the ledger also where nobody gets one. It asks
nothing of anybody, is served after everything else, and is no answer: no clock stops for it.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import uuid5

from services.notifier.core.known import Decided, Known
from services.notifier.core.plan import MAIL, RECEIPT, Planned, Purpose, for_information
from services.notifier.core.retry import GIVE_UP_DEFAULT
from services.notifier.core.roster import Receipts
from shared.contract.deliveries import Suppression
from shared.contract.ids import NAMESPACE

CASE_OPENED: Final = "case.opened"

REQUESTER: Final = "requester"
"""The role of whoever asked; no role of the policy."""


_LONGEST_ADDRESS: Final = 254
_WORD: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS: Final = re.compile(rf"{_WORD}(\.{_WORD})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def receipt(
    known: Known, decision: Decided, receipts: Receipts | None, *, now: datetime
) -> tuple[Planned, ...]:
    """Return the receipt that *decision* asks for, if it is the first opening of its ticket.

    Its id follows from the ticket alone: whatever comes twice, one goes.

    Args:
        known: The ticket before *decision*.
        decision: What was decided.
        receipts: How receipts go; None where there are none.
        now: The instant of planning.
    """
    if receipts is None or decision.type != CASE_OPENED or known.status_version > 0:
        return ()
    row = for_information(decision, REQUESTER, None, (RECEIPT,), MAIL)
    return (
        replace(
            row,
            id=uuid5(NAMESPACE, f"receipt|{decision.ticket}"),
            purpose=Purpose.RECEIPT,
            suppressed=why_none(decision, receipts, now=now),
        ),
    )


def why_none(decision: Decided, receipts: Receipts | None, *, now: datetime) -> Suppression | None:
    """Return why nobody gets a receipt for *decision* at the instant *now*; None when they do.

    Asked when it is planned, and once more when it is sent: the roster may have switched receipts
    off meanwhile, whoever asked may have been erased, and what has waited for so long that any
    other notice would be given up confirms nothing any more.
    """
    if receipts is None:
        return Suppression.RECEIPTS_OFF
    requester = str(decision.data.get(REQUESTER) or "")
    if not requester or (receipts.channel == MAIL and not is_address(requester)):
        return Suppression.NO_CONTACT
    return Suppression.TOO_OLD if now - reported_at(decision) > GIVE_UP_DEFAULT else None


def reported_at(decision: Decided) -> datetime:
    """Return when the ticket was opened at its helpdesk, however late it came from there."""
    given = decision.data.get("reported_at")
    return decision.at if given is None else datetime.fromisoformat(str(given))


def promised(decision: Decided) -> str | None:
    """Return by when the first answer is promised, in RFC 3339; None when it is not known."""
    timers: list[Mapping[str, Any]] = list(decision.data.get("timers") or ())
    due = next((one.get("due") for one in timers if one.get("name") == "first_response"), None)
    return None if due is None else str(due)


def is_address(text: str) -> bool:
    """Say whether *text* is an e-mail address as mail relays take them without quoting."""
    return len(text) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None

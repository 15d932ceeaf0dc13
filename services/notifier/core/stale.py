"""Whether a notice that was planned still wants sending, given what was heard since."""

from dataclasses import dataclass

from services.notifier.core.known import ALERT, OPEN, Known
from services.notifier.core.plan import Purpose
from shared.contract.deliveries import Suppression


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the ledger that has not gone out, as far as staleness looks at it.

    *told* says whether an earlier notice of the same escalation went to the same person, or may
    have; only a stand-down asks for it. *overtaken* says that a later call of the same role is
    ready to go, or gone. *unasked* says that nobody is called by it: it only tells open places.
    """

    purpose: Purpose
    version: int
    fyi: bool
    ladder: bool
    escalation: str | None
    type: str
    told: bool = False
    overtaken: bool = False
    unasked: bool = False


def stale(row: Waiting, known: Known) -> Suppression | None:
    """Return why *row* must not be sent any more, or None.

    An escalation that ended takes all its notices with it; an acknowledgement takes the calls
    for one that were decided before it, and leaves what only informs. Of several calls that wait
    for the same role only the newest goes: a channel that comes back sends nothing old. A notice
    of the case itself falls when the case is over. What somebody subscribed to, or what is posted in
    an open channel, falls when the case is restricted. Stand-downs go to whoever was told, and only to
    them; alerts about the configuration outlive the case that showed them.
    """
    if row.purpose is Purpose.ALERT or row.type == ALERT:
        return None
    if row.purpose is Purpose.STAND_DOWN:
        return None if row.told else Suppression.NOTHING_WAS_SENT
    if row.unasked and known.facts.restricted:
        return Suppression.RESTRICTED
    if row.escalation is None:
        over = known.status != OPEN and known.status_version > row.version
        return Suppression(known.status) if over else None
    call = known.calls.get(row.escalation)
    if call is not None and call.ended is not None:
        return Suppression(str(call.reason))
    if not row.ladder or row.fyi:
        return None
    if call is not None and call.acknowledged is not None and call.acknowledged > row.version:
        return Suppression.ACKNOWLEDGED
    return Suppression.OVERTAKEN if row.overtaken else None

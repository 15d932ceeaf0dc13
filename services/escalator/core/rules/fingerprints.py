"""Tickets that look alike: counted by fingerprint until they are a group (Groups).

The record of a fingerprint knows its latest tickets while no group is open, and otherwise only
passes on what it hears; it decides nothing that people see.
"""

from __future__ import annotations

from services.escalator.core import keys
from services.escalator.core.case import Case, Watch
from services.escalator.core.inputs import Heard, Signal
from services.escalator.core.turn import Turn


def hear(turn: Turn, signal: Signal) -> None:
    """Take that a ticket has this fingerprint, or has it no more, or that the group is over."""
    case = turn.case
    watch = case.watch or Watch()
    match signal.kind:
        case "closed":
            case.watch = watch._replace(open_since=None)
        case "has" if watch.open_since is not None:
            turn.send("joined", _group(case, watch.groups), {"ticket": signal.sender} | signal.data)
        case "has":
            case.watch = _counted(turn, watch, signal)
        case _ if watch.open_since is not None:
            turn.send("left", _group(case, watch.groups), {"ticket": signal.sender})
        case _:
            recent = tuple(one for one in watch.recent if one[0] != signal.sender)
            case.watch = watch._replace(recent=recent)


def commutes(case: Case, heard: Heard) -> bool:
    """Whether what comes late makes no difference to what has happened since."""
    watch, signal = case.watch, heard.signal
    if watch is None or signal is None or watch.open_since is None:
        return False
    return signal.kind in ("has", "gone") and heard.effective >= watch.open_since


def _counted(turn: Turn, watch: Watch, signal: Signal) -> Watch:
    grouping = turn.policy.file.grouping
    since = turn.at - grouping.window
    recent = tuple(one for one in watch.recent if one[1] >= since and one[0] != signal.sender)
    recent = (*recent, (signal.sender, turn.at, signal.data))
    requesters = len({data["requester"] for _, _, data in recent})
    n = watch.groups + 1
    if requesters >= grouping.create_at.distinct_requesters:
        members = [[ticket, data] for ticket, _, data in recent]
        turn.send("create", _group(turn.case, n), {"members": members, "requesters": requesters})
        return Watch(groups=n, open_since=turn.at)
    proposed = watch.proposed_at
    if requesters >= grouping.propose_at.distinct_requesters and (
        proposed is None or proposed < since
    ):
        turn.send("propose", _group(turn.case, n), {"members": len(recent)})
        proposed = turn.at
    return watch._replace(recent=recent, proposed_at=proposed)


def _group(case: Case, n: int) -> str:
    return keys.group(keys.fingerprint_of(case.ticket), n)

"""A history with one change made to it: what else was said, what was not, what was less grave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json, to_json

from services.escalator.core.inputs import Heard, dump_heard, hear_of, restore_heard
from shared.contract.events import Severity, TicketFacts, TicketOpened, decode_event
from shared.contract.explanations import Change, Proposed
from shared.contract.ids import split_key
from shared.contract.times import instant, rfc3339
from shared.policy.document import Policy

COUNTS: Final = ("affected_users", "affected_orgs", "affected_share")
_LAST: Final = 2**61
"""The place of receipt of what is added: after everything that was really heard."""


def changed(key: str, history: Iterable[Heard], change: Change, policy: Policy) -> list[Heard]:
    """Return *history*, of the ticket *key*, with *change* made, in time by *policy*."""
    left = [one for one in history if one.event is None or one.event.id not in change.leave_out]
    if change.limits:
        left = [_limited(one, change.limits) for one in left]
    more = [_heard_of(key, one, _LAST + n, policy) for n, one in enumerate(change.add)]
    return [*left, *more]


def _heard_of(key: str, proposed: Proposed, seq: int, policy: Policy) -> Heard:
    source, subject = split_key(key)
    plain = {
        "specversion": "1.0",
        "id": f"proposed/{seq - _LAST}",
        "source": source,
        "subject": subject,
        "type": proposed.type,
        "time": rfc3339(instant(proposed.at)),
        "data": proposed.data,
    }
    return hear_of(decode_event(to_json(plain)), seq, policy)


def limited(facts: TicketFacts, limits: Mapping[str, Any]) -> TicketFacts:
    """Return *facts* with nothing graver than *limits* says.

    Of a ticket that was opened without any count, or without a severity, the limit is what was
    known; an update is only changed where it says more.
    """
    given = facts.model_fields_set
    opened = isinstance(facts, TicketOpened)
    update: dict[str, Any] = {}
    severity = limits.get("severity")
    if severity is not None and ("severity" in given or opened):
        update["severity"] = Severity(max(str(facts.severity or "S3"), severity))
    if any(name in limits for name in COUNTS):
        update |= _counts(facts, limits, given)
        if opened and not any(getattr(facts, name) is not None for name in COUNTS):
            update["affected_users"] = limits["affected_users"]
        if facts.org_wide:
            update["org_wide"] = False
    unset = limits.get("flags", ())
    if facts.flags and any(name in unset for name in facts.flags):
        update["flags"] = tuple(name for name in facts.flags if name not in unset)
    return facts.model_copy(update=update) if update else facts


def _counts(
    facts: TicketFacts, limits: Mapping[str, Any], given: Sequence[str] | set[str]
) -> dict[str, Any]:
    return {
        name: min(value, limits[name])
        for name in COUNTS
        if name in given and (value := getattr(facts, name)) is not None
    }


def _limited(heard: Heard, limits: Mapping[str, Any]) -> Heard:
    event = heard.event
    if event is None or not isinstance(event.data, TicketFacts):
        return heard
    facts = limited(event.data, limits)
    if facts is event.data:
        return heard
    # By way of what is stored, which is all of it: when it counts and was received stays.
    plain = from_json(dump_heard(heard))
    plain["event"]["data"] = facts.model_dump(mode="json", exclude_unset=True)
    return restore_heard(to_json(plain))

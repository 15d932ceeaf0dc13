"""What would have prevented something, in sentences that a support lead can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.escalator.core.candidates import SHARE_STEP
from services.escalator.core.turn import Effect
from services.escalator.core.views import Decided
from shared.contract.explanations import Change, Instead
from shared.contract.sentences import moment, target, words
from shared.contract.times import Instant, rfc3339


def described(
    one: Effect | Decided,
    change: Change,
    latest: Instant | None,
    instead: tuple[Instead, ...],
    *,
    said: str | None = None,
) -> str:
    """Return what *change* would have prevented: the escalation, or the call, *one*.

    Args:
        one: The decision that would not have been.
        change: What is changed.
        latest: The last second at which it still prevents it, where it has a time.
        instead: The escalations that would have been raised instead, or later.
        said: The event that is left out, in words.
    """
    by = "" if latest is None else f" by {_second(latest)}"
    to = target(one.data["target"])
    if one.type == "escalation.notice_due":
        called = ", ".join(words(entry["role"]) for entry in one.data["notify"])
        avoided = f"the call of {called} about the escalation to {to} at {_second(one.at)}"
    else:
        avoided = f"the escalation to {to} of {_second(one.at)}"
    text = f"{_what(change, said)}{by} would have prevented {avoided}."
    if not instead:
        return text
    others = " and ".join(f"to {target(two.target)} at {moment(two.at)}" for two in instead)
    return f"{text} Instead it would have been escalated {others}."


_DONE: Final[Mapping[str, str]] = {
    "reply": "A public reply to the customer",
    "progress": "A progress note",
    "pause": "A question to the customer, and the ticket set to wait for them,",
    "resolve": "A resolution",
}


def _what(change: Change, said: str | None) -> str:
    limits = change.limits
    match change.kind:
        case "acknowledge":
            return f"An acknowledgement (of {words(change.add[0].data['role'])}, say)"
        case "severity":
            return f"A severity of no more than {limits['severity']}"
        case "flag":
            return f"Going without the flag {words(limits['flags'][0])}"
        case "impact":
            users, orgs = limits["affected_users"], limits["affected_orgs"]
            share = 100 * (limits["affected_share"] + SHARE_STEP)
            return (
                f"Fewer affected (no more than {users} people, {orgs} organisations, less than"
                f" {share:g} % of the users)"
            )
        case "unsaid":
            return f"Leaving out what was said in that second ({str(said).rstrip('.')})"
        case "in_time":
            return f"Hearing of {', '.join(change.in_time)} in time,"
        case _:
            return _DONE[change.kind]


def _second(at: Instant) -> str:
    return rfc3339(at).replace("T", " ").replace("Z", " UTC")

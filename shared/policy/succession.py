"""Whether a version may follow those that were activated before it (Policy versions).

Intake asks this of what is on the topic of policies, the command line of what the escalators decide
by, so that nobody learns only afterwards that a version was none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shared.contract.errors import PermanentError, Reason
from shared.contract.times import Instant, rfc3339
from shared.policy.document import Policy


class Activated(NamedTuple):
    """A version that was activated: from when it holds, and what was asked for."""

    version: int
    digest: str
    begins: Instant
    asked_for: Instant


class RefusedActivationError(PermanentError):
    """A version cannot be activated; *code* is a word for programs, *do* says what to do instead."""

    reason = Reason.POLICY_INVALID

    def __init__(self, code: str, message: str, do: str) -> None:
        super().__init__(f"{message}. {do}")
        self.code = code
        self.message = message
        self.do = do


def is_activated(
    policy: Policy, wanted: Instant | None, now: Instant, known: Iterable[Activated]
) -> bool:
    """Return whether *policy* is the newest of *known* already; otherwise it may be activated.

    Args:
        policy: The version.
        wanted: From when it shall hold; None for at once.
        now: The time.
        known: Every version that was activated so far, in any order.

    Raises:
        RefusedActivationError: Its number is taken by other rules or lower than the newest, or its
            time is past, or before that of another version.
    """
    listed = list(known)
    _see_that_none_is_newer(policy, listed)
    same = next((one for one in listed if one.version == policy.version), None)
    if same is not None:
        _see_the_same(policy, wanted, same)
        return True
    begins = now if wanted is None else wanted
    if begins < now:
        message = f"{rfc3339(begins)} is past; it is {rfc3339(now)}"
        do = "Leave the time out to activate it at once, or name a later one."
        raise RefusedActivationError("activation_in_the_past", message, do)
    last = max((one.begins for one in listed), default=begins)
    if begins < last:
        message = f"another version begins only at {rfc3339(last)}, and would then take its place"
        do = f"Name a time from {rfc3339(last)} on."
        raise RefusedActivationError("activation_too_early", message, do)
    return False


def _see_the_same(policy: Policy, wanted: Instant | None, same: Activated) -> None:
    if same.digest != policy.digest:
        message = (
            f"version {policy.version} is another policy already ({same.digest[:12]}, and this is"
            f" {policy.digest[:12]})"
        )
        do = "A version is never changed: raise policy.version in the file."
        raise RefusedActivationError("version_taken", message, do)
    if wanted is not None and wanted != same.asked_for:
        message = f"version {policy.version} was activated for {rfc3339(same.asked_for)} already"
        do = "Leave the time out, or give the same rules the next policy.version and this time."
        raise RefusedActivationError("already_activated", message, do)


def _see_that_none_is_newer(policy: Policy, known: list[Activated]) -> None:
    newest = max((one.version for one in known), default=policy.version)
    if policy.version < newest:
        message = f"version {newest} was activated already, and {policy.version} is older"
        do = f"Give it a number above {newest}; to go back, activate the old rules under it."
        raise RefusedActivationError("old_version", message, do)

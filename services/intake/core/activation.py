"""A policy version into the event that activates it (Policy versions)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.contract.envelope import cloud_event
from shared.contract.policies import PolicyActivated, PolicyEvent
from shared.contract.times import as_datetime, instant
from shared.policy.document import Policy
from shared.policy.succession import Activated, is_activated

SOURCE: Final = "tierline/intake"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for beside the text: from when, by whom, and why.

    *active_from* is None for at once.
    """

    active_from: datetime | None
    by: str | None
    note: str | None


def activation(
    policy: Policy, wish: Wish, now: datetime, known: Sequence[PolicyActivated]
) -> PolicyEvent | None:
    """Return the event that activates *policy*, or None where the very same version is known.

    Args:
        policy: What is to hold.
        wish: What is asked for beside.
        now: When it was asked.
        known: Every activation so far.

    Raises:
        RefusedActivationError: It cannot follow *known*, or its time is past.
    """
    wanted = None if wish.active_from is None else instant(wish.active_from)
    before = [
        Activated(one.version, one.digest, instant(one.active_from), instant(one.active_from))
        for one in known
    ]
    if is_activated(policy, wanted, instant(now), before):
        return None
    said = PolicyActivated(
        name=policy.name,
        version=policy.version,
        digest=policy.digest,
        text=policy.text,
        active_from=wish.active_from or as_datetime(instant(now)),
        by=wish.by,
        note=wish.note,
    )
    return cloud_event(
        said,
        type="policy.activated",
        id=f"policy-{policy.version}-{policy.digest}",
        source=SOURCE,
        subject=policy.name,
        time=now,
    )

"""The words that stand for several roles, and who has which right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

LEADS: Final = ("t1_lead", "t2_lead", "t3_lead")
QUEUE_MEMBERS: Final[Mapping[int, str]] = {1: "t1_agent", 2: "t2_specialist", 3: "t3_responder"}
"""Who works the queue of a tier."""

ANYONE: Final = "anyone_on_ticket"
RECEIVING: Final = frozenset({"receiving_tier", "receiving_tier_owner"})

CASE_WORDS: Final = frozenset(
    {
        "target_oncall",
        "target_backup",
        "target_queue",
        "tier_lead",
        "owner",
        "dept_duty",
        "dept_backup",
        "dept_head",
        "cell_notify",
    }
)
"""Words that rows and ladders may use for people who depend on the case."""

ACK_WORDS: Final = frozenset(
    {"target_oncall", "target_backup", "target_queue_member", "tier_lead_of_target"}
)
"""Words of `ladders.ack_by` for people of the tier that was called."""

PERMISSION_WORDS: Final = RECEIVING | {"tier_lead", "department_duty", ANYONE}
"""Words that permissions may use beside roles."""

CHANNEL_WORDS: Final = frozenset(
    {"everyone_named_on_case", "named_responders", "tierline", "tier_lead"}
)
"""Words that `channels` may use beside roles."""

_ON_DUTY: Final = {
    f"t{tier}_{seat}": member
    for tier, member in QUEUE_MEMBERS.items()
    for seat in ("oncall", "backup")
}


def of_tier(tier: int) -> tuple[str, ...]:
    """Return the roles that work in *tier*."""
    return (QUEUE_MEMBERS[tier], f"t{tier}_oncall", f"t{tier}_backup", f"t{tier}_lead")


def expanded(words: Iterable[str], duties: Iterable[str]) -> tuple[str, ...]:
    """Return the roles that *words* stand for, in order; `receiving_tier` and the like stay."""
    found: list[str] = []
    for word in words:
        match word:
            case "tier_lead":
                found += LEADS
            case "department_duty":
                found += duties
            case _:
                found.append(word)
    return tuple(dict.fromkeys(found))


class Right:
    """Who may do one thing.

    Args:
        words: Roles and the words of `permissions`.
        duties: The departments' duty roles.
    """

    __slots__ = ("_anyone", "_receiving", "_roles", "listed")

    def __init__(self, words: Iterable[str], duties: Iterable[str]) -> None:
        self.listed = expanded(words, duties)
        self._anyone = ANYONE in self.listed
        self._receiving = not RECEIVING.isdisjoint(self.listed)
        self._roles = frozenset(self.listed)

    def held_by(self, role: str | None, tier: int | None) -> bool:
        """Return whether *role* has the right; *tier* is the receiving tier where that matters.

        Whoever is on call or stands in has the rights of the tier's queue member.
        """
        if self._anyone:
            return True
        if role is None:
            return False
        if role in self._roles or _ON_DUTY.get(role) in self._roles:
            return True
        return self._receiving and tier is not None and role in of_tier(tier)

"""An event without anything that says whose it was.

Only what the engine decides by is kept, key by key: numbers, words of the contract, words of the
policy. Every name becomes its role or a number, every text is taken out, and what is not listed here
is left out, whatever it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.contract.events import TicketEvent
from shared.policy.document import Policy

_KEPT: Final = frozenset(
    {
        "severity", "affected_users", "affected_orgs", "affected_share", "org_wide", "role", "author",
        "public", "asks_customer", "auto_submitted", "note_kind", "wants_manager", "status",
        "resume_at", "to_tier", "track", "department", "to", "reason_code", "flag", "until",
        "implies", "avoidable",
    }
)  # fmt: skip
"""Keys that hold a number or a word; all others may hold what people wrote."""

_OF_CUSTOMER: Final = frozenset({"plan", "vip", "region"})
_PLANS: Final = frozenset({"standard", "premium", "enterprise"})


class Anonymous:
    """The events of one case, made anonymous: the same name is the same number in all of them.

    Args:
        policy: Whose words may stay; any other word might name somebody.
        title: What the ticket is called instead of its own title.
    """

    def __init__(self, policy: Policy, title: str) -> None:
        self._title = title
        self._known: dict[tuple[str, str], str] = {}
        self._flags = frozenset(policy.overrides)
        self._fields = frozenset(name for form in policy.forms.values() for name in form)
        self._words: Mapping[str, frozenset[str]] = {
            "role": frozenset(policy.file.roles),
            "department": frozenset(policy.departments),
            "to": frozenset(policy.departments),
            "flag": self._flags,
            "reason_code": frozenset(policy.file.required_info.return_reason_codes),
            "plan": _PLANS,
            "region": frozenset(policy.file.calendars),
        }

    def data_of(self, event: TicketEvent) -> dict[str, Any]:
        """Return the data of *event* as it may be shown to anybody."""
        given = event.data.model_dump(mode="json", exclude_unset=True)
        data = self._only(given, _KEPT)
        data |= {key: self._number(given[key], "person") for key in _PEOPLE if given.get(key)}
        if given.get("by"):
            data["by"] = data.get("role") or self._number(given["by"], "person")
        if event.type == "ticket.opened":
            data["title"] = self._title
        if event.type == "escalation.declined":
            data.setdefault("reason_code", "wrong_team")
        return data | self._sections(given)

    def _sections(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "flags" in given:
            found["flags"] = [one for one in given["flags"] or () if one in self._flags]
        if isinstance(given.get("customer"), dict):
            customer = self._only(given["customer"], _OF_CUSTOMER)
            if given["customer"].get("id"):
                customer["id"] = self._number(given["customer"]["id"], "customer")
            found["customer"] = customer
        if isinstance(given.get("info"), dict):
            found["info"] = {key: "as it was" for key in given["info"] if key in self._fields}
        if given.get("text") is not None:
            found["text"] = "(what was written is left out)"
        return found

    def _only(self, given: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
        """Return what *given* holds at *keys*, words that are not the policy's left out."""
        return {
            key: value
            for key, value in given.items()
            if key in keys
            and value is not None
            and (key not in self._words or value in self._words[key])
        }

    def _number(self, name: object, kind: str) -> str:
        """Return what *name* is called, by the order in which it came."""
        return self._known.setdefault((kind, str(name)), f"{kind}-{len(self._known) + 1}")


_PEOPLE: Final = ("requester", "owner")

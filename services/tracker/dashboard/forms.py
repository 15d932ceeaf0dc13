"""The acts that a person may do from a case's page: which fields each asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_LONGEST: Final = 4000


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    Attributes:
        name: Its key in the act; `info.` before it puts it among the form's fields.
        label: What people read.
        kind: `text`, `area`, `tier`, `time` or `choice`.
        required: Whether the act makes no sense without it.
        choices: Of a choice.
    """

    name: str
    label: str
    kind: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One act.

    Attributes:
        type: The type of its event.
        label: What its button says.
        fields: What it asks for, beside who acts and in which role.
        on: `escalation`: on each open one; `case`: on the case.
    """

    type: str
    label: str
    on: str
    fields: tuple[Field, ...] = ()


_REASON: Final = Field("reason", "Why", "area")
_CODE: Final = Field("reason_code", "Reason, as the policy names them", required=True)

ACTS: Final = (
    Act("escalation.acknowledged", "Take it", "escalation", (
        Field("restated", "The problem in your own words", "area"),
    )),
    Act("escalation.returned", "Return it", "escalation", (_CODE, _REASON)),
    Act("escalation.declined", "Decline it", "escalation", (_CODE, _REASON)),
    Act("escalation.handed_over", "Hand it over", "escalation", (
        Field("to", "To whom", required=True), _REASON,
    )),
    Act("escalation.deescalated", "De-escalate", "escalation", (_REASON,)),
    Act("escalation.requested", "Escalate", "case", (
        Field("to_tier", "To tier", "tier"),
        Field("department", "Or to a department"),
        Field("reason", "Why", "area", required=True),
        Field("info.impact", "Impact on the customer", "area"),
        Field("info.tried", "What was tried", "area"),
        Field("info.wanted", "What you need", "area"),
    )),
    Act("case.snoozed", "Put off", "case", (Field("until", "Until (UTC)", "time", required=True),)),
    Act("case.flagged", "Set a flag", "case", (Field("flag", "Flag", required=True),)),
    Act("case.unflagged", "Take a flag away", "case", (Field("flag", "Flag", required=True),)),
)  # fmt: skip
"""Every act with a button."""

_BY_TYPE: Final[Mapping[str, Act]] = {one.type: one for one in ACTS}


def act_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the act that *form* was filled in with, as intake takes it.

    Raises:
        ValueError: There is no such act, or what somebody wrote is none of its fields' kind.
    """
    act = _BY_TYPE.get(form.get("type", ""))
    if act is None:
        raise ValueError("the form names no act that there is")
    body: dict[str, Any] = {"type": act.type}
    for name in ("id", "by", "role", "escalation_id"):
        if form.get(name):
            body[name] = form[name]
    for field in act.fields:
        text = form.get(field.name, "").strip()
        if not text:
            continue
        if len(text) > _LONGEST:
            msg = f"{field.label}: more than {_LONGEST} characters"
            raise ValueError(msg)
        value: Any = text
        if field.kind == "tier":
            value = int(text)
        elif field.kind == "time":
            value = f"{text}:00Z" if len(text) == len("2026-03-02T10:00") else text
        within, _, last = field.name.rpartition(".")
        (body.setdefault(within, {}) if within else body)[last] = value
    return body

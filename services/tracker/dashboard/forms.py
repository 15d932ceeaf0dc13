"""The acts that a person may do from a case's page: which fields each asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.tracker.core.drafts import Draft
from services.tracker.replies import TicketNow
from shared.contract.sentences import words

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
_FLAG: Final = Field("flag", "Flag", required=True)
_INFO: Final = "info."
_INFO_NAME: Final = re.compile(r"info\.[A-Za-z0-9_-]{1,100}")
_SUPPLIED: Final = "escalation.info_supplied"

ACTS: Final = (
    Act("escalation.acknowledged", "Take it", "escalation", (
        Field("restated", "The problem in your own words", "area"),
    )),
    Act(_SUPPLIED, "Supply what is owed", "escalation"),
    Act("escalation.returned", "Return it", "escalation", (_CODE, _REASON)),
    Act("escalation.declined", "Decline it", "escalation", (
        _CODE, Field("to", "Which department instead"), _REASON,
    )),
    Act("escalation.handed_over", "Hand it over", "escalation", (
        Field("to", "To whom", required=True), _REASON,
    )),
    Act("escalation.assigned", "Assign it to a department", "escalation", (
        Field("to", "Department", required=True), _REASON,
    )),
    Act("escalation.deescalated", "De-escalate", "escalation", (_REASON,)),
    Act("escalation.requested", "Escalate", "case", (
        Field("to_tier", "To tier", "tier"),
        Field("department", "Or to a department"),
        Field("reason", "Why", "area", required=True),
    )),
    Act("case.snoozed", "Put off", "case", (
        Field("until", "Until (UTC)", "time", required=True), _REASON,
    )),
    Act("case.flagged", "Set a flag", "case", (_FLAG, _REASON)),
    Act("case.unflagged", "Take a flag away", "case", (_FLAG, _REASON)),
)  # fmt: skip
"""Every act with a button."""

_BY_TYPE: Final[Mapping[str, Act]] = {one.type: one for one in ACTS}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that was sent before, or kept as a draft, and lacked something.

    Attributes:
        values: What was filled in, by field.
        wanted: What it lacked: a field of the act, or of the policy's form for it.
    """

    values: Mapping[str, str]
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A form as it is offered on a page.

    Attributes:
        act: Its act.
        fields: What it asks for, beside who acts and in which role.
        escalation_id: Which escalation it is about; empty: the case.
        target: Whom that was raised to.
        values: What is filled in.
        is_open: Whether somebody is at it.
    """

    act: Act
    fields: tuple[Field, ...]
    escalation_id: str
    target: str
    values: Mapping[str, str]
    is_open: bool


NOTHING: Final = Filled({})


def filled_from(draft: Draft) -> Filled:
    """Return the form that *draft* keeps, as it was filled in."""
    values = {"type": draft.act}
    for name, value in draft.form.items():
        if isinstance(value, Mapping):
            values |= {f"{name}.{inner}": str(one) for inner, one in value.items()}
        elif value is not None:
            values[name] = str(value)
    return Filled(values, draft.missing)


def offers(
    ticket: TicketNow, owed: Mapping[str, Sequence[str]], filled: Filled
) -> tuple[list[Offer], list[Offer]]:
    """Return the forms of *ticket*: those on its open escalations, and those on the case.

    The forms that the policy asks to be filled in are long and differ by tier and department; so
    an act is sent with what its sender has, and asked again for what it then lacks.

    Args:
        ticket: The case.
        owed: By escalation, which fields of the policy's form are still owed.
        filled: The form that was refused for what it lacked.
    """
    on_escalations = [
        _offer(act, filled, one.escalation_id, one.target, owed.get(one.escalation_id, ()))
        for one in ticket.escalations
        for act in ACTS
        if act.on == "escalation" and (act.type != _SUPPLIED or one.escalation_id in owed)
    ]
    return on_escalations, [_offer(act, filled) for act in ACTS if act.on == "case"]


def _offer(
    act: Act,
    filled: Filled,
    escalation_id: str = "",
    target: str = "",
    owed: Iterable[str] = (),
) -> Offer:
    at_it = filled.values.get("type") == act.type and (
        filled.values.get("escalation_id", "") in ("", escalation_id)
    )
    values = filled.values if at_it else {}
    names = {field.name for field in act.fields} | {"by", "role"}
    asked = list(owed) if act.type == _SUPPLIED else []
    if at_it:
        asked += [name for name in filled.wanted if name not in names]
        asked += [name.removeprefix(_INFO) for name in values if name.startswith(_INFO)]
    of_policy = [Field(f"{_INFO}{name}", words(name), "area") for name in dict.fromkeys(asked)]
    return Offer(act, (*act.fields, *of_policy), escalation_id, target, values, at_it)


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
    of_policy = [Field(name, name, "area") for name in form if _INFO_NAME.fullmatch(name)]
    for field in (*act.fields, *of_policy):
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

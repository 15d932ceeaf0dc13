"""What a person does to a case, as plain JSON, into the event that is published.

Only what the act alone shows to be wrong is refused here: an act that there is not, a key that it
does not have, a field that each such act needs, a person or a role that the caller is not. What
depends on the case and the policy is the escalator's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from services.intake.core.callers import Caller
from shared.contract import acts
from shared.contract.errors import Flaw, InvalidEventError, PermanentError, Reason
from shared.contract.events import EVENT_TYPES
from shared.contract.facts import Reported
from shared.contract.ids import derived_event_id, split_key
from shared.contract.judgements import Missing, Refused
from shared.policy.shape.base import suggestion

ACTS: Final[Mapping[str, type[Reported]]] = MappingProxyType(
    {
        EVENT_TYPES[model]: model
        for model in (
            acts.EscalationRequested,
            acts.EscalationAcknowledged,
            acts.EscalationReturned,
            acts.EscalationDeclined,
            acts.EscalationHandedOver,
            acts.EscalationDeescalated,
            acts.InfoSupplied,
            acts.EscalationAssigned,
            acts.EscalationUnreached,
            acts.CaseSnoozed,
            acts.CaseFlagged,
            acts.CaseUnflagged,
            acts.FeedbackGiven,
        )
    }
)
"""The acts that may be posted, and the model of each."""

NOBODYS: Final = frozenset({EVENT_TYPES[acts.EscalationUnreached]})
"""Acts that no person makes; `role` in them is somebody who was called."""

DRAFT: Final = EVENT_TYPES[acts.ActDrafted]

_CANONICAL: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False)
_PASSED_ON: Final = ("id", "time", "causationid", "correlationid", "traceparent")
_ENVELOPE: Final = ("type", *_PASSED_ON)
_SHOWN: Final = 5


class UnknownActError(PermanentError):
    """There is no such act; *remedy* says what was probably meant."""

    reason = Reason.UNKNOWN_TYPE

    def __init__(self, named: object) -> None:
        said = "no act is named" if named is None else f"no act is called {str(named)[:60]!r}"
        super().__init__(said)
        self.remedy = (
            suggestion(named, list(ACTS)) if isinstance(named, str) else "Send the act as `type`."
        )


class NoTicketError(PermanentError):
    """The address names no ticket."""

    reason = Reason.UNKNOWN_TICKET


class RefusedActError(PermanentError):
    """The act alone shows that it would be refused, and *refused* says why."""

    reason = Reason.INVALID_FIELD

    def __init__(self, detail: str, refused: Refused) -> None:
        super().__init__(detail)
        self.refused = refused


def act_event(body: object, key: str, caller: Caller, act_id: str) -> dict[str, Any]:
    """Return the act *body* on the ticket *key* as the event that says so.

    ``time`` stays away where it was not said; ``by`` and ``role`` are filled in where the caller
    can only be one person, or has one role.

    Args:
        body: The act as parsed JSON: `type`, the keys of its data beside it, and of the event's
            attributes `id`, `time` and those that tell what belongs together.
        key: The ticket's or group's key.
        caller: Who says it.
        act_id: The id that it gets where it has none.

    Raises:
        NoTicketError: *key* is none.
        UnknownActError: There is no such act.
        InvalidEventError: A key that such an act does not have, or a body that is no object.
        RefusedActError: Something is missing, or the caller may not act so.
    """
    try:
        source, subject = split_key(key)
    except ValueError as error:
        raise NoTicketError(str(error)) from None
    if not isinstance(body, dict):
        flaw = Flaw("", "not an object", 'Send one act: {"type": "escalation.requested", …}.')
        raise InvalidEventError((flaw,))
    kind = body.get("type")
    model = ACTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise UnknownActError(kind)
    data = {name: value for name, value in body.items() if name not in _ENVELOPE}
    _see_that_keys_are_known(data, model)
    if kind not in NOBODYS:
        _settle_person(data, caller)
        _settle_role(data, caller)
    lacking = _lacking(data, model, needs_person=kind not in NOBODYS)
    if lacking:
        named = ", ".join(one.field for one in lacking)
        refused = Refused(code="missing_information", missing=tuple(lacking))
        msg = f"{kind} lacks {named}"
        raise RefusedActError(msg, refused)
    given = {name: body[name] for name in _PASSED_ON if body.get(name) is not None}
    return {
        "specversion": "1.0",
        "id": act_id,
        "source": source,
        "type": kind,
        "subject": subject,
        "datacontenttype": "application/json",
        "data": data,
        **given,
    }


def draft_event(event: Mapping[str, Any], refused: Refused) -> dict[str, Any]:
    """Return the event that keeps *event*, an act that was *refused*, as a draft.

    The same form for the same ticket is the same draft, however often it is sent.
    """
    said = event["data"]
    data = {
        "by": said.get("by"),
        "role": said.get("role"),
        "act": event["type"],
        "form": said,
        "code": refused.code,
        "missing": [one.field for one in refused.missing],
        "allowed": list(refused.allowed),
    }
    identity = _CANONICAL.encode([event["subject"], event["type"], said, data["missing"]])
    digest = derived_event_id(event["source"], identity.encode())
    return {
        "specversion": "1.0",
        "id": f"draft-{digest[:32]}",
        "source": event["source"],
        "type": DRAFT,
        "subject": event["subject"],
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }


def _see_that_keys_are_known(data: Mapping[str, Any], model: type[Reported]) -> None:
    known = sorted(model.model_fields)
    flaws = [
        Flaw(name[:60], "no key of this act", suggestion(name, known))
        for name in data
        if name not in model.model_fields
    ]
    if flaws:
        raise InvalidEventError(tuple(flaws[:_SHOWN]))


def _settle_person(data: dict[str, Any], caller: Caller) -> None:
    if caller.person is None:
        return
    named = data.setdefault("by", caller.person)
    if named is None:
        data["by"] = caller.person
    elif named != caller.person:
        msg = f"you are {caller.person}, and act for nobody else"
        raise RefusedActError(msg, Refused(code="not_permitted", allowed=(caller.person,)))


def _settle_role(data: dict[str, Any], caller: Caller) -> None:
    if caller.roles is None:
        return
    roles = sorted(caller.roles)
    named = data.get("role")
    if named is None and len(roles) == 1:
        data["role"] = roles[0]
    elif named is None and roles:
        missing = Missing(field="role", why="you have several roles; say in which one you act")
        refused = Refused(code="missing_information", missing=(missing,), allowed=tuple(roles))
        raise RefusedActError("the act does not say in which role", refused)
    elif not isinstance(named, str) or named not in caller.roles:
        detail = (
            f"{caller.name} does not act as {str(named)[:60]}"
            if roles
            else f"{caller.name} has no role"
        )
        raise RefusedActError(detail, Refused(code="not_permitted", allowed=tuple(roles)))


def _lacking(
    data: Mapping[str, Any], model: type[Reported], *, needs_person: bool
) -> Sequence[Missing]:
    found = []
    if needs_person and not data.get("by"):
        found.append(Missing(field="by", why="an act is somebody's: name the person"))
    for name, field in model.model_fields.items():
        if field.is_required() and data.get(name) is None:
            found.append(Missing(field=name, why=f"every such act needs it: {field.description}"))
    return found

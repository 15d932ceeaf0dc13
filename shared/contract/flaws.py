"""What validation found, said so that the sender can mend it: path, problem, remedy."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from shared.contract.errors import Flaw, InvalidEventError, Reason
from shared.contract.vocabulary import TIME_START

SHOWN: Final = 5
"""How many flaws one error spells out; more would drown the first."""

QUOTED: Final = 60
"""How many characters of a refused value an error repeats."""

_REMEDIES: Final = {
    "missing": "Send this key.",
    "int_type": "Send a whole number without quotes, or leave the key out.",
    "int_from_float": "Send a whole number without quotes, or leave the key out.",
    "float_type": "Send a number without quotes, or leave the key out.",
    "bool_type": "Send true or false without quotes.",
    "string_type": "Send text in quotes, or leave the key out.",
    "string_too_short": "Send at least one character.",
    "string_too_long": "Send a shorter text.",
    "string_pattern_mismatch": "Send printable characters in the documented form.",
    "enum": "Send one of the values listed.",
    "literal_error": "Send one of the values listed.",
    "greater_than_equal": "Send a value inside the bounds.",
    "less_than_equal": "Send a value inside the bounds.",
    "greater_than": "Send a value inside the bounds.",
    "less_than": "Send a value inside the bounds.",
    "model_type": "Send an object: {…}.",
    "dict_type": "Send an object: {…}.",
    "tuple_type": "Send a list: […].",
    "timezone_aware": "Add Z or an offset: 2026-03-02T10:00:00Z.",
}
_TIME: Final = "Send an RFC 3339 time with Z or an offset: 2026-03-02T10:00:00Z."
_ELSE: Final = "See schemas/ for what this key may hold."


def invalid_event(error: ValidationError) -> InvalidEventError:
    """Return what pydantic found in an event, in the contract's words."""
    found = error.errors(include_url=False, include_context=False)
    first = found[0]
    kind = first["type"]
    if kind == "json_invalid":
        return not_json(first["msg"].removeprefix("Invalid JSON: "))
    if kind == "dict_type" and not first["loc"]:
        flaw = Flaw("", "not an object", 'Send one CloudEvent: {"specversion": "1.0", …}.')
        return InvalidEventError((flaw,), reason=Reason.NOT_A_CLOUDEVENT)
    if kind == "union_tag_not_found":
        flaw = Flaw("type", "missing", "Send a CloudEvent with the type of what happened.")
        return InvalidEventError((flaw,), reason=Reason.NOT_A_CLOUDEVENT)
    if kind == "union_tag_invalid":
        said = error.errors(include_url=False)[0]["ctx"]
        problem = f"{said['tag']!r} is none of {said['expected_tags']}"
        flaw = Flaw("type", problem, "Send one of the types listed.")
        return InvalidEventError((flaw,), reason=Reason.UNKNOWN_TYPE)
    flaws = [_flaw(detail) for detail in found[:SHOWN]]
    if len(found) > SHOWN:
        flaws.append(Flaw("", f"{len(found) - SHOWN} more", "Mend these first."))
    return InvalidEventError(tuple(flaws))


def refuse_unstorable(value: bytes) -> None:
    """Refuse what no database column can hold: a NUL character, a number that is none.

    Raises:
        InvalidEventError: *value* is no JSON, or holds such a thing; the flaw says where.
    """
    try:
        content = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise not_json(str(error)) from None
    path = _path_of_nul(content)
    if path is not None:
        flaw = Flaw(path, "holds a NUL character", "Leave \\u0000 out.")
        raise InvalidEventError((flaw,), reason=Reason.UNSTORABLE_TEXT)


def not_json(problem: str) -> InvalidEventError:
    """Return the error for bytes that are not one JSON document; *problem* says where."""
    flaw = Flaw("", f"not JSON ({problem})", "Send one JSON object in UTF-8.")
    return InvalidEventError((flaw,), reason=Reason.NOT_JSON)


def _path_of_nul(content: object, path: str = "") -> str | None:
    if isinstance(content, str):
        return path if "\0" in content else None
    if isinstance(content, dict):
        inside = [(f"{path}.{name}" if path else name, part) for name, part in content.items()]
        named = next((path for name in content if "\0" in name), None)
        if named is not None:
            return named
    elif isinstance(content, list):
        inside = [(f"{path}.{number}", part) for number, part in enumerate(content)]
    else:
        return None
    return next((at for name, part in inside if (at := _path_of_nul(part, name)) is not None), None)


def _flaw(detail: ErrorDetails) -> Flaw:
    # The first step is the event's type, by which the model was chosen.
    path = [str(part) for part in detail["loc"][1:]]
    kind = detail["type"]
    remedy = _REMEDIES.get(kind, _ELSE)
    problem = detail["msg"].rstrip(".")
    if kind.startswith("datetime") or TIME_START in problem:
        problem, remedy = "no time that can be read", _TIME
    if kind != "missing":
        problem = f"{problem}, got {_shown(detail['input'])}"
    return Flaw(".".join(path), problem, remedy)


def _shown(value: object) -> str:
    if isinstance(value, (dict, list, tuple)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"

"""What CloudEvents says of attributes and data, beyond what the contract says of their content.

Whoever reads the log with any library of CloudEvents must be able to; so what no library takes is
refused here, and what the specification lets a sender write in several ways is written in one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from re import compile as pattern
from typing import Any, Final

from services.intake.core.limits import parse
from shared.contract.envelope import CloudEvent
from shared.contract.errors import Flaw, InvalidEventError

_NAME: Final = pattern(r"[a-z0-9]+")
_TYPED: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "receivedat", "partitionkey", "data"}
)
"""What the contract gives a form, so that it need not be looked at here."""

_KNOWN: Final = frozenset(CloudEvent.model_fields)
"""What the contract names, and refuses where it is neither of its form nor null."""

_NEVER_EMPTY: Final = frozenset({"datacontenttype", "dataschema"})
_PLAIN: Final = (bool, str)
_SMALLEST: Final = -(2**31)
_LARGEST: Final = 2**31 - 1
_ENCODED: Final = "data_base64"
"""Where JSON comes in base64, as the specification allows."""


def well_formed(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *report* with its data under ``data``, and without attributes that are null.

    Where it stands so already, it is returned itself.

    Data in base64 (``data_base64``) is read as JSON; an event without data has empty data.

    Raises:
        InvalidEventError: An attribute's name or value is none of CloudEvents, or the data in
            base64 is no JSON.
    """
    if _says_plainly(report):
        return report
    event = report
    if None in event.values():
        event = {name: value for name, value in event.items() if value is not None}
    if _ENCODED in event:
        data = _decoded(event)
        event = {name: value for name, value in event.items() if name != _ENCODED} | {"data": data}
    elif "data" not in event:
        event = {**event, "data": {}}
    for name, value in event.items():
        if name not in _TYPED:
            _check(name, value)
    return event


def _says_plainly(report: Mapping[str, Any]) -> bool:
    """Return whether the contract gives every attribute its form, and each says something."""
    # One look at each, since this is what nearly all events pass.
    for name, value in report.items():
        if not value or name not in _KNOWN:
            return False
    return "data" in report


def _check(name: str, value: object) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidEventError(
            (
                Flaw(
                    name[:40],
                    "no name of a CloudEvents attribute",
                    "Use the letters a to z and digits, or send it inside data.",
                ),
            )
        )
    if isinstance(value, _PLAIN) or (type(value) is int and _SMALLEST <= value <= _LARGEST):
        if value == "" and name in _NEVER_EMPTY:
            raise InvalidEventError((Flaw(name, "empty", "Leave it out, or say something."),))
        return
    raise InvalidEventError(
        (
            Flaw(
                name,
                "no value of a CloudEvents attribute",
                "Send text, true or false, or a whole number of 32 bits; all else inside data.",
            ),
        )
    )


def _decoded(event: Mapping[str, Any]) -> object:
    encoded = event[_ENCODED]
    if "data" in event:
        raise InvalidEventError((Flaw(_ENCODED, "beside data", "Send one of the two."),))
    try:
        if not isinstance(encoded, str):
            raise binascii.Error
        body = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise InvalidEventError((Flaw(_ENCODED, "no base64", "Send JSON in base64."),)) from None
    try:
        return parse(body)
    except InvalidEventError as error:
        flaws = tuple(
            Flaw(f"{_ENCODED}.{flaw.path}".rstrip("."), flaw.problem, flaw.remedy)
            for flaw in error.flaws
        )
        raise InvalidEventError(flaws, reason=error.reason) from None

"""What the `keys.used` topic carries: when an API key was last used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pydantic import Field

from shared.contract.envelope import OWN_SOURCE, CloudEvent, Codec, Headers, cloud_event
from shared.contract.vocabulary import Fact, Label, Moment, Name


class KeyUsed(Fact):
    """An API key was shown; said now and then, not of every request."""

    key: Label = Field(description="The key's id: the first 12 digits of its SHA-256.")
    name: Name = Field(description="Who holds it.")
    at: Moment = Field(description="When it was last used, on the world's clock.")


UseEvent = CloudEvent[KeyUsed]
"""A key's last use."""

USE_MODELS: Final[Mapping[str, type[KeyUsed]]] = MappingProxyType({"key.used": KeyUsed})
"""The model of each type's data."""

_CODEC: Final[Codec[KeyUsed]] = Codec(USE_MODELS)


def key_used(key: str, name: str, at: datetime) -> UseEvent:
    """Return that the key *key* of *name* was last used at *at*."""
    return cloud_event(
        KeyUsed(key=key, name=name, at=at),
        type="key.used",
        id=f"{key}-{int(at.timestamp())}",
        source=f"{OWN_SOURCE}intake",
        subject=key,
        time=at,
    )


def decode_use(value: bytes | None, headers: Headers = ()) -> UseEvent:
    """Return the use in a record of `keys.used`.

    Raises:
        InvalidEventError: It is none; the message names path, problem and remedy.
    """
    return _CODEC.decode(value, headers)

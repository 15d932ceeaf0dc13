"""What the `policies` topic carries: each activated policy version, whole."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import Field

from shared.contract.envelope import CloudEvent, Codec, Headers
from shared.contract.vocabulary import Fact, Label, Moment, Name, Text

MAX_POLICY_BYTES: Final = 200_000
"""The largest policy that can be activated, UTF-8: what `Text` holds, whatever it is written in."""

HIGHEST_VERSION: Final = 999_999_999
"""The highest number that a version may have: what every store of it holds."""


class PolicyActivated(Fact):
    """A policy version is in force from `active_from` on; it is never changed afterwards."""

    name: Label = Field(description="The policy's name.")
    version: int = Field(ge=1, le=HIGHEST_VERSION, description="Its version, from 1.")
    digest: Name = Field(description="sha256 of its canonical text.")
    text: Text = Field(description="The whole file.")
    active_from: Moment = Field(description="When it begins to hold.")
    by: Name | None = Field(default=None, description="Who activated it.")
    note: Name | None = Field(default=None, description="Why, in a sentence.")


PolicyEvent = CloudEvent[PolicyActivated]
"""An activated policy version."""

POLICY_MODELS: Final[Mapping[str, type[PolicyActivated]]] = MappingProxyType(
    {"policy.activated": PolicyActivated}
)
"""The model of each policy type's data."""

_CODEC: Final[Codec[PolicyActivated]] = Codec(POLICY_MODELS)


def decode_policy(value: bytes | None, headers: Headers = ()) -> PolicyEvent:
    """Return the activation in a record of `policies`.

    Raises:
        InvalidEventError: It is none; the message names path, problem and remedy.
    """
    return _CODEC.decode(value, headers)

"""What the `hooks.refused` topic carries: bodies of webhooks that no mapping could read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from shared.contract.envelope import OWN_SOURCE, CloudEvent, Codec, Headers, cloud_event
from shared.contract.errors import Flaw
from shared.contract.ids import derived_event_id
from shared.contract.vocabulary import Fact, Form, Label, Name, Text

BODY_MAX: Final = 750_000
"""Characters of base64 that are kept: a body of 512 KiB, and some."""


class RefusedFlaw(Fact):
    """One thing for which a body was refused."""

    path: Text = Field(description="Where in the body, in dots; empty for the body as a whole.")
    problem: Text = Field(description="What is wrong there.")
    do: Text = Field(description="What would be accepted.")


class HookRefused(Fact):
    """A webhook's body was proven to be the helpdesk's, and could not be told as events."""

    source: Label = Field(description="Which helpdesk, as its address names it.")
    mapping: Name = Field(description="The mapping that could not read it.")
    mapping_version: int = Field(description="And its version.")
    flaws: tuple[RefusedFlaw, ...] = Field(description="Why not.")
    headers: Form = Field(description="The request's headers, secrets left out.")
    body: Annotated[str, Field(max_length=BODY_MAX)] = Field(
        description="The body's bytes in base64."
    )


RefusedHook = CloudEvent[HookRefused]
"""A body that was refused, and is kept."""

REFUSAL_MODELS: Final[Mapping[str, type[HookRefused]]] = MappingProxyType(
    {"hook.refused": HookRefused}
)
"""The model of each type's data."""

_CODEC: Final[Codec[HookRefused]] = Codec(REFUSAL_MODELS)


def refused_hook(data: HookRefused, at: datetime) -> RefusedHook:
    """Return *data* as the event of what came at *at*; the same body is the same event."""
    return cloud_event(
        data,
        type="hook.refused",
        id=derived_event_id(data.source, data.body.encode()),
        source=f"{OWN_SOURCE}intake",
        subject=data.source,
        time=at,
    )


def refused_flaws(flaws: tuple[Flaw, ...]) -> tuple[RefusedFlaw, ...]:
    """Return *flaws* as they are kept."""
    return tuple(RefusedFlaw(path=one.path, problem=one.problem, do=one.remedy) for one in flaws)


def decode_refusal(value: bytes | None, headers: Headers = ()) -> RefusedHook:
    """Return the refusal in a record of `hooks.refused`.

    Raises:
        InvalidEventError: It is none; the message names path, problem and remedy.
    """
    return _CODEC.decode(value, headers)

"""The settled words of the contract, and the value types that its models are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Severity(StrEnum):
    """What one affected person suffers: S1 critical to S4 low."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"


class Priority(StrEnum):
    """How urgent the policy finds a case: P1 first, P4 last."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class Status(StrEnum):
    """Where a ticket stands; the policy says which timers run in which status."""

    NEW = "new"
    OPEN = "open"
    WAITING_CUSTOMER = "waiting_customer"
    WAITING_INTERNAL = "waiting_internal"
    WAITING_VENDOR = "waiting_vendor"
    SCHEDULED_HOLD = "scheduled_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"
    CANCELLED = "cancelled"


class Track(StrEnum):
    """Which way an escalation goes: up the tiers, up the managers, out to a department."""

    FUNCTIONAL = "functional"
    HIERARCHICAL = "hierarchical"
    EXTERNAL = "external"


class Mode(StrEnum):
    """How insistently a role is told."""

    PAGE = "page"
    CHAT = "chat"
    EMAIL = "email"
    DIGEST = "digest"


class Author(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"


class NoteKind(StrEnum):
    """What a message is for: news of the work, or anything else."""

    PROGRESS = "progress"
    COMMENT = "comment"


class Implied(StrEnum):
    """What a status shows an agent to have written to the customer, where messages are not told."""

    QUESTION = "question"
    REPLY = "reply"
    FIRST_REPLY = "first_reply"


class UnreachedCode(StrEnum):
    """Why nobody could be told for a role."""

    NOBODY_ON_SCHEDULE = "nobody_on_schedule"
    ALL_CHANNELS_FAILED = "all_channels_failed"


TIME_START: Final = r"^\d{4}-\d\d-\d\d[Tt]"
"""How every time on the wire begins."""

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)

# No control characters, no blank at either end: these appear in keys, headers and addresses.
_LABEL = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"

Label = Annotated[str, Field(min_length=1, max_length=256, pattern=_LABEL)]
"""An id: 1 to 256 printable characters, no blank at either end."""

LongLabel = Annotated[str, Field(min_length=1, max_length=1100, pattern=_LABEL)]
"""A `Label` with room for a whole ticket key."""

Key = Annotated[
    str, Field(min_length=3, max_length=1100, pattern=r"^[^:\x00-\x1f\x7f]+:[^\x00-\x1f\x7f]+$")
]
"""A ticket or group key: `source:ticket`."""

Name = Annotated[str, Field(max_length=256)]
"""A short text: a person, a role, a product, a word of the policy."""

Text = Annotated[str, Field(max_length=200_000)]
"""A text that people wrote."""

Count = Annotated[int, Field(ge=0, le=2_000_000_000)]
"""A number of people or organisations."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A part of a whole, 0 to 1."""

Tier = Annotated[int, Field(ge=1, le=3)]
"""A support tier, 1 to 3."""


@dataclass(frozen=True, slots=True)
class Rfc3339:
    """An annotation: an aware datetime, on the wire as RFC 3339 text and nothing else."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return a schema that keeps numbers dressed as text from passing for times."""
        del source, handler
        moment = core_schema.datetime_schema(
            ge=_FIRST, lt=_LAST, tz_constraint="aware", strict=True
        )
        text = core_schema.str_schema(pattern=TIME_START, max_length=64)
        # The text arrives as a Python string here, which strict mode would not read.
        parsed = core_schema.datetime_schema(
            ge=_FIRST, lt=_LAST, tz_constraint="aware", strict=False
        )
        return core_schema.json_or_python_schema(core_schema.chain_schema([text, parsed]), moment)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return how JSON Schema says it."""
        del schema, handler
        return {"type": "string", "format": "date-time"}


Moment = Annotated[datetime, Rfc3339()]
"""An RFC 3339 date and time with `Z` or an offset, from 1970 on."""

LocalOrInstant = Annotated[
    str,
    Field(
        max_length=100,
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?"
        r"((Z|[+-]\d\d:\d\d)(\[[A-Za-z0-9_+/-]+\])?|\[[A-Za-z0-9_+/-]+\])$",
    ),
]
"""An instant (`2026-06-01T09:00:00+02:00`) or a local time (`2026-06-01T09:00:00[Europe/Vienna]`)."""

Form = dict[str, Any]
"""The fields of one of the policy's forms, by name."""


class Fact(BaseModel):
    """The base of every message model: frozen, strict about known keys, keeps unknown ones."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="allow", validate_by_name=True, validate_by_alias=True
    )

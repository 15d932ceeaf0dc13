"""CloudEvents 1.0 around typed data: encode, headers, decode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreSchema, core_schema, from_json, to_json

from shared.contract.errors import Flaw, InvalidEventError, Reason
from shared.contract.flaws import invalid_event, not_json, refuse_unstorable
from shared.contract.ids import ticket_key
from shared.contract.vocabulary import Label, LongLabel, Moment, Text

D_co = TypeVar("D_co", bound=BaseModel, covariant=True)
D = TypeVar("D", bound=BaseModel)
Headers = Iterable[tuple[str, bytes]]

CONTENT_TYPE: Final = "application/cloudevents+json"
OWN_SOURCE: Final = "tierline/"
"""What Tierline publishes has a source that begins so; no helpdesk may use it."""


_NOT_A_HEADER: Final = frozenset({"data", "datacontenttype"})


class CloudEvent(BaseModel, Generic[D_co]):
    """One event: CloudEvents attributes around *data*. Unknown attributes are kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    specversion: Literal["1.0"] = Field(description="The version of CloudEvents.")
    id: Label = Field(description="With `source` it identifies the event: a repeat has no effect.")
    source: Label = Field(description="Who says so: the helpdesk's short name.")
    type: Label = Field(description="What happened.")
    subject: LongLabel = Field(
        description="The ticket as the helpdesk knows it; in what Tierline publishes, its key."
    )
    time: Moment = Field(description="When it happened there.")
    datacontenttype: Text | None = Field(default=None, description="`application/json`.")
    dataschema: Text | None = Field(default=None, description="Where the schema of `data` is.")
    partitionkey: Text | None = Field(default=None, description="The ticket key, Kafka's key too.")
    receivedat: Moment | None = Field(default=None, description="When it reached Tierline.")
    causationid: Text | None = Field(default=None, description="The event that caused this one.")
    correlationid: Text | None = Field(default=None, description="What belongs together.")
    traceparent: Text | None = Field(default=None, description="W3C trace context.")
    data: D_co

    @property
    def ticket(self) -> str:
        """The key of the ticket spoken of: `source:subject`."""
        if self.source.startswith(OWN_SOURCE):
            return self.subject
        return ticket_key(self.source, self.subject)


def cloud_event(
    data: D,
    *,
    type: str,  # noqa: A002  the attribute's name in CloudEvents
    id: str,  # noqa: A002  the attribute's name in CloudEvents
    source: str,
    subject: str,
    time: datetime,
    **attributes: str | datetime | None,
) -> CloudEvent[D]:
    """Return *data* in an envelope; *attributes* that are None are left out.

    Raises:
        pydantic.ValidationError: An attribute breaks its bounds.
    """
    given: dict[str, Any] = {name: text for name, text in attributes.items() if text is not None}
    given |= {"id": id, "source": source, "type": type, "subject": subject, "time": time}
    envelope = CloudEvent[data.__class__]  # type: ignore[name-defined]  # known only at run time
    return cast("CloudEvent[D]", envelope(specversion="1.0", data=data, **given))


def encode(event: CloudEvent[Any]) -> bytes:
    """Return *event* as structured JSON; keys that were never set stay away."""
    return event.model_dump_json(exclude_unset=True, by_alias=True).encode()


def headers(event: CloudEvent[Any]) -> list[tuple[str, bytes]]:
    """Return Kafka headers for a structured *event*: its content type, and `ce_*` to filter by."""
    return headers_of(dict(event))


def headers_of(attributes: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return what `headers` does, of an event's *attributes* as they stand in its JSON."""
    found = [_OUR_CONTENT_TYPE]
    for name, value in attributes.items():
        header = _HEADERS.get(name)
        if header is not None and type(value) is str:
            found.append((header, value.encode()))
        elif value is not None and name not in _NOT_A_HEADER:
            header = header or _header(name)
            if header is not None:
                found.append((header, _header_text(value).encode()))
    return found


@dataclass(frozen=True, slots=True)
class ByType:
    """An annotation: a `CloudEvent` whose `type` names the model of its data."""

    models: Mapping[str, type[BaseModel]]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return a union that looks at `type` first and then parses once."""
        del source
        return core_schema.tagged_union_schema(
            {
                name: handler.generate_schema(CloudEvent[model])  # type: ignore[valid-type]
                for name, model in self.models.items()
            },
            discriminator="type",
        )


class Codec(Generic[D]):
    """Reads the events of one topic, in either content mode."""

    def __init__(self, models: Mapping[str, type[D]]) -> None:
        adapter: TypeAdapter[CloudEvent[D]] = TypeAdapter(Annotated[Any, ByType(models)])
        self._parse: Callable[[bytes], CloudEvent[D]] = adapter.validator.validate_json

    def decode(self, value: bytes | None, given: Headers = ()) -> CloudEvent[D]:
        """Return the event in *value*.

        Args:
            value: The record's value: a whole event (structured mode), or its data alone.
            given: The record's headers; without a CloudEvents content type, `ce_*` headers mean
                that the attributes are there (binary mode).

        Raises:
            InvalidEventError: It is no event of this topic; each flaw names place and remedy.
        """
        if value is None:
            flaw = Flaw("", "an empty record", "Send the event as its value.")
            raise InvalidEventError((flaw,), reason=Reason.NOT_A_CLOUDEVENT)
        if given:
            value = _structured(value, list(given))
        if b"\\u0000" in value or b"NaN" in value or b"Infinity" in value:
            refuse_unstorable(value)
        return self.validate(value)

    def validate(self, text: bytes) -> CloudEvent[D]:
        """Return the event in the JSON *text*, which holds nothing that could not be stored.

        Raises:
            InvalidEventError: It is no event of this topic; each flaw names place and remedy.
        """
        try:
            return self._parse(text)
        except ValidationError as error:
            raise invalid_event(error) from None


def _structured(value: bytes, given: list[tuple[str, bytes]]) -> bytes:
    """Return *value* as structured JSON, whichever mode the headers announce."""
    attributes: dict[str, Any] = {}
    for header, text in given:
        name = header.lower()
        if name == "content-type":
            if text.lower().startswith(b"application/cloudevents"):
                return value
            attributes["datacontenttype"] = text.decode(errors="replace")
        elif name.startswith("ce_"):
            attributes[name[3:]] = text.decode(errors="replace")
    if attributes.keys() <= {"datacontenttype"}:
        return value
    try:
        attributes["data"] = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise not_json(str(error)) from None
    return to_json(attributes)


_OUR_CONTENT_TYPE: Final = ("content-type", CONTENT_TYPE.encode())
_HEADERS: Final = {
    name: f"ce_{name}" for name in CloudEvent.model_fields if name not in _NOT_A_HEADER
}


def _header(name: str) -> str | None:
    return f"ce_{name}" if name.isascii() and name.isalnum() else None


def _header_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return to_json(value).decode().strip('"')

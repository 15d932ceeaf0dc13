"""A quick yes is never wrong, and what the contract allows gets one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import to_json

from shared.contract.catalog import json_schemas, schema_file
from shared.contract.conformance import conforms, for_parsed_json
from shared.contract.errors import InvalidEventError
from shared.contract.events import EVENT_MODELS, validate_event
from shared.contract.topics import TICKET_EVENTS
from tests.support.messages import an_event, instances

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 2**31, 2**63 - 1, 0.0, 0.5, 1.0, 40.0, "", " ", "x", "S1", "S9",
    "1.0", "x" * 257, "x" * 1101, "a\nb", "40", "true", "desk:1", "2026-03-02T10:00:00Z",
    "2026-03-02T10:00:00", "2026-02-30T10:00:00Z", "1772445600", "9999-12-31T23:59:59Z",
    "tierline/x", [], {}, [1], ["x"], {"x": 1}, {"plan": 1}, [[]],
)  # fmt: skip


@cache
def of_type(name: str) -> st.SearchStrategy[dict[str, Any]]:
    data = instances(json_schemas()[schema_file(TICKET_EVENTS, name)])
    return data.map(lambda said: an_event(type=name, data=said))


def places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place inside *part*: what holds it, and under which key or number."""
    steps = range(len(part)) if isinstance(part, list) else part if isinstance(part, dict) else ()
    for step in steps:
        yield part, step
        yield from places(part[step])


def is_valid(event: dict[str, Any]) -> bool:
    try:
        validate_event(to_json(event))
    except InvalidEventError:
        return False
    return True


@pytest.mark.parametrize("name", EVENT_MODELS)
@settings(max_examples=25)  # times some twenty types
@given(draw=st.data())
def test_what_the_schema_allows_conforms(name: str, draw: st.DataObject) -> None:
    event = draw.draw(of_type(name))
    assert is_valid(event)
    assert conforms(event)


@pytest.mark.parametrize("name", EVENT_MODELS)
@settings(max_examples=50)  # times some twenty types
@given(draw=st.data())
def test_whatever_stands_in_one_place_conforms_only_where_the_models_take_it(
    name: str, draw: st.DataObject
) -> None:
    event = draw.draw(of_type(name))
    holder, step = draw.draw(st.sampled_from(list(places(event))))
    holder[step] = draw.draw(st.sampled_from(ODD))
    assert is_valid(event) or not conforms(event)


@pytest.mark.parametrize("gone", an_event())
def test_what_lacks_an_attribute_does_not_conform(gone: str) -> None:
    assert not conforms({name: value for name, value in an_event().items() if name != gone})


class Open(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class Closed(Open):
    model_config = ConfigDict(extra="forbid")


class Lenient(Open):
    model_config = ConfigDict(strict=False)


class Renamed(Open):
    name: str = Field(alias="title")


class Judged(Open):
    name: Annotated[str, AfterValidator(str.strip)]


class Pair(Open):
    both: tuple[str, int]


class Few(Open):
    few: Annotated[tuple[str, ...], Field(max_length=2)]


@pytest.mark.parametrize("model", [Closed, Lenient, Renamed, Judged, Pair, Few])
def test_nothing_that_a_model_asks_for_is_passed_over(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError, match="say in shared"):
        for_parsed_json(TypeAdapter(model).core_schema)

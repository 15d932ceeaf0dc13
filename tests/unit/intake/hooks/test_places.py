"""Places: what stands where in a body."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.core.hooks.places import Posted, Value, is_told, paths_of, says, text_at, value

BODY: dict[str, Any] = {
    "a": {"b": " text ", "n": 7, "yes": True, "none": None, "empty": "", "deep": {}},
    "list": [{"name": "x"}, {"name": "y"}, {"other": 1}, "z"],
    "7": "a number as a name",
}
POSTED = Posted(BODY, {"x-event": "issues"})


@pytest.mark.parametrize(
    ("place", "found"),
    [
        pytest.param("a.b", "text", id="trimmed"),
        pytest.param("a.n", "7", id="number"),
        pytest.param("a.yes", "true", id="truth"),
        pytest.param("a.none", None, id="null"),
        pytest.param("a.empty", None, id="empty"),
        pytest.param("a.deep", None, id="an object says nothing"),
        pytest.param("a.b.c", None, id="a text has no keys"),
        pytest.param("list.0.name", "x", id="first"),
        pytest.param("list.-3.name", "y", id="from behind"),
        pytest.param("list.9.name", None, id="beyond"),
        pytest.param("list[].name", ("x", "y"), id="of each"),
        pytest.param("7", "a number as a name", id="key that is a number"),
        pytest.param("header:X-Event", "issues", id="header"),
        pytest.param("{a.n}#{a.b}", "7#text", id="put together"),
        pytest.param("{a.n}#{a.none}", None, id="put together of nothing"),
        pytest.param("{header:X-Event}/{a.n}", "issues/7", id="put together with a header"),
        pytest.param("no | a.empty | a.n", "7", id="the first that says something"),
    ],
)
def test_what_stands_at_a_place(place: str, found: Value) -> None:
    assert value(place, POSTED) == found


def test_items_of_a_list_are_joined() -> None:
    assert text_at("list[].name", POSTED) == "x, y"


@pytest.mark.parametrize(
    ("place", "told"),
    [("a.none", True), ("a.empty", True), ("a.gone", False), ("no | a.none", True)],
)
def test_null_is_told_and_a_missing_key_is_not(place: str, *, told: bool) -> None:
    assert is_told(place, POSTED) is told


@pytest.mark.parametrize(("place", "anything"), [("a", True), ("a.deep", False), ("a.none", False)])
def test_an_object_is_something_that_may_be_asked_for(place: str, *, anything: bool) -> None:
    assert says(place, POSTED) is anything


@pytest.mark.parametrize("place", ["", "a..b", "a.", "{a", "{}", "a}b", "header:", "a[0]", "a | "])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match=r"place|header"):
        list(paths_of(place))

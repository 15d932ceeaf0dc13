"""Messages for tests: builders with keyword overrides, and a strategy over any JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

JSON = Mapping[str, Any]

_PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_PLAIN, inner, max_size=3),
    max_leaves=5,
)


def an_event(**changes: Any) -> dict[str, Any]:
    """Return a valid `ticket.opened` as it stands in JSON, *changes* laid over its attributes."""
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": "desk",
        "type": "ticket.opened",
        "subject": "A",
        "time": "2026-03-02T10:00:00Z",
        "data": {"title": "Totals differ", "severity": "S3", "customer": {"plan": "premium"}},
    } | changes


def on_the_wire(event: JSON) -> bytes:
    """Return *event* as bytes."""
    return json.dumps(event).encode()


def instances(schema: JSON, root: JSON | None = None) -> st.SearchStrategy[Any]:
    """Return what *schema* allows; `$ref` is looked up in *root*. Knows what our schemas use."""
    root = schema if root is None else root
    if "$ref" in schema:
        return instances(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return st.one_of([instances(choice, root) for choice in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return _objects(schema, root)
    if kind == "array":
        return st.lists(instances(schema.get("items", {}), root), max_size=3)
    return _scalars(schema, kind)


def _scalars(schema: JSON, kind: str | None) -> st.SearchStrategy[Any]:
    match kind:
        case "string":
            return _strings(schema)
        case "integer":
            return st.integers(schema.get("minimum", -(2**53)), schema.get("maximum", 2**53))
        case "number":
            return st.floats(
                schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False
            )
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case _:
            return _ANY


def _objects(schema: JSON, root: JSON) -> st.SearchStrategy[dict[str, Any]]:
    required = set(schema.get("required", ()))
    known = {key: instances(part, root) for key, part in schema.get("properties", {}).items()}
    keys = st.fixed_dictionaries(
        {key: part for key, part in known.items() if key in required},
        optional={key: part for key, part in known.items() if key not in required},
    )
    unknown = st.dictionaries(_PLAIN.filter(lambda key: key not in known), _ANY, max_size=2)
    return st.builds(lambda ours, theirs: theirs | ours, keys, unknown)


def _strings(schema: JSON) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return st.datetimes(
            min_value=datetime(1970, 1, 2),  # noqa: DTZ001  strategies take naive bounds
            max_value=datetime(2999, 1, 1),  # noqa: DTZ001
            timezones=st.just(UTC),
        ).map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
    if schema.get("format") == "uuid":
        return st.uuids().map(str)
    low, high = schema.get("minLength", 0), schema.get("maxLength", 10**6)
    if "pattern" in schema:
        return st.from_regex(str(schema["pattern"]), fullmatch=True).filter(
            lambda text: low <= len(text) <= high
        )
    return _PLAIN.filter(lambda text: low <= len(text) <= high)

"""The three ways in which CloudEvents come over HTTP."""

import pytest

from services.intake.core.modes import Mode, from_binary, mode_of

NONE: dict[bytes, bytes] = {}
ATTRIBUTES = {b"ce-specversion": b"1.0"}


@pytest.mark.parametrize(
    ("content_type", "headers", "mode"),
    [
        ("application/cloudevents+json", NONE, Mode.STRUCTURED),
        ("Application/CloudEvents+JSON; charset=UTF-8", NONE, Mode.STRUCTURED),
        ("application/cloudevents+json; x=y", ATTRIBUTES, Mode.STRUCTURED),
        ("application/cloudevents-batch+json", NONE, Mode.BATCH),
        ("application/json", ATTRIBUTES, Mode.BINARY),
        ('application/json; charset="utf-8"', ATTRIBUTES, Mode.BINARY),
        ("application/json", NONE, None),
        ("application/cloudevents+json; charset=latin-1", NONE, None),
        ("application/cloudevents+xml", NONE, None),
        ("text/plain", ATTRIBUTES, None),
        ("", NONE, None),
    ],
)
def test_the_content_type_says_how_the_events_come(
    content_type: str, headers: dict[bytes, bytes], mode: Mode | None
) -> None:
    assert mode_of(content_type, headers) is mode


def test_a_binary_events_attributes_are_its_headers() -> None:
    headers = {
        b"ce-specversion": b"1.0",
        b"ce-id": b"1",
        b"ce-subject": b"Gr%C3%B6%C3%9Fe",
        b"ce-data": b"not ours",
        b"content-type": b"application/json",
    }
    assert from_binary(headers, {"a": 1}) == {
        "specversion": "1.0",
        "id": "1",
        "subject": "Größe",
        "datacontenttype": "application/json",
        "data": {"a": 1},
    }

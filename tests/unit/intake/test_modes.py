"""The three ways in which CloudEvents come over HTTP."""

import pytest

from services.intake.core.modes import Mode, from_binary, mode_of
from shared.contract.errors import InvalidEventError

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
        ("application/vnd.desk.ticket+json", ATTRIBUTES, Mode.BINARY),
        ("text/json", ATTRIBUTES, Mode.BINARY),
        ("application/cloudevents+avro", ATTRIBUTES, None),
        ("application/x+json", NONE, None),
        ("", ATTRIBUTES, Mode.BINARY),
        ("", NONE, None),
    ],
)
def test_the_content_type_says_how_the_events_come(
    content_type: str, headers: dict[bytes, bytes], mode: Mode | None
) -> None:
    assert mode_of(content_type, headers) is mode


def test_a_binary_events_attributes_are_its_headers() -> None:
    headers = [
        (b"ce-specversion", b"1.0"),
        (b"ce-id", b"1"),
        (b"ce-subject", b"Gr%C3%B6%C3%9Fe"),
        (b"ce-data", b"not ours"),
        (b"content-type", b"application/json"),
    ]
    assert from_binary(headers, b'{"a": 1}') == {
        "specversion": "1.0",
        "id": "1",
        "subject": "Größe",
        "datacontenttype": "application/json",
        "data": {"a": 1},
    }


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"plain text", "plain text"),
        (b"100%25 of it", "100% of it"),
        (b"%2525", "%25"),
        (b"a%20b%22c", 'a b"c'),
        (b'"in quotes, \\"inner\\" ones too"', 'in quotes, "inner" ones too'),
        (b'"quoted %C3%A9"', "quoted é"),
        ("raw é".encode(), "raw é"),
        (b"%zz", "%zz"),
        (b'"half', '"half'),
    ],
)
def test_a_header_is_unquoted_then_decoded_once(header: bytes, text: str) -> None:
    assert from_binary([(b"ce-subject", header)], b"")["subject"] == text


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ([(b"ce-subject", b"%ff")], "not UTF-8"),
        ([(b"ce-subject", b"\xff")], "not UTF-8"),
        ([(b"ce-subject", b"1"), (b"ce-subject", b"2")], "comes twice"),
    ],
)
def test_a_header_that_can_be_read_in_two_ways_is_refused(
    headers: list[tuple[bytes, bytes]], problem: str
) -> None:
    with pytest.raises(InvalidEventError, match=problem) as caught:
        from_binary(headers, b"{}")
    assert caught.value.flaws[0].path == "ce-subject"


def test_an_empty_body_is_no_data() -> None:
    assert "data" not in from_binary([(b"ce-id", b"1")], b"")

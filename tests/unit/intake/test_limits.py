"""What a body may hold, as a table."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.core.limits import MAX_EVENT_BYTES, check, parse, read
from shared.contract.errors import InvalidEventError, Reason

SPELLED = [r'"a"', r'"\u0061"', r'"\""', r'"\u0022"', r'"\\u0022"', '"é"', '"Infinity"', '""']
LEAVES = st.sampled_from([*SPELLED, "1", "-0.5", "1e999", "null", "true"])
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(st.tuples(st.sampled_from(SPELLED), inner), max_size=4).map(
            lambda pairs: f"{{{','.join(f'{name} :{part}' for name, part in pairs)}}}"
        )
    ),
    max_leaves=12,
)
"""JSON in which keys often come twice, and quotation marks are spelled in every way."""


def nested(depth: int) -> object:
    value: object = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("body", "path", "problem", "reason"),
    [
        pytest.param(b"", "", "not JSON", Reason.NOT_JSON, id="empty"),
        pytest.param(b"{", "", "not JSON", Reason.NOT_JSON, id="cut short"),
        pytest.param(b"{} {}", "", "Extra data", Reason.NOT_JSON, id="two documents"),
        pytest.param(b'{"a":"\xff"}', "", "byte 6 is not UTF-8", Reason.NOT_JSON, id="not UTF-8"),
        pytest.param('{"a":1}'.encode("utf-16"), "", "not UTF-8", Reason.NOT_JSON, id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf{}", "", "char 0", Reason.NOT_JSON, id="byte order mark"),
        pytest.param(b'{"a":1,"a":1}', "a", "comes twice", Reason.NOT_JSON, id="repeated key"),
        pytest.param(
            b'{"l":[{"b":1},{"b":{"c":1,"c":2}}]}',
            "l.1.b.c",
            "comes twice",
            Reason.NOT_JSON,
            id="repeated key deep inside",
        ),
        pytest.param(
            b'{"a":1,"\\u0061":1}', "a", "comes twice", Reason.NOT_JSON, id="repeated, one spelled"
        ),
        pytest.param(
            b'{"a":"\\u0022","a":"\\u0022\\u0022\\u0022"}',
            "a",
            "comes twice",
            Reason.NOT_JSON,
            id="repeated beside spelled quotation marks",
        ),
        pytest.param(
            b'{"a":1,"a":1e999}', "a", "comes twice", Reason.NOT_JSON, id="repeated, and 1e999"
        ),
        pytest.param(b'{"a":[1,NaN]}', "a.1", "NaN is not JSON", Reason.NOT_JSON, id="NaN"),
        pytest.param(b'{"a":-Infinity}', "a", "-Infinity", Reason.NOT_JSON, id="Infinity"),
        pytest.param(b'{"a":1e999}', "a", "1e999 is too large", Reason.NOT_JSON, id="1e999"),
        pytest.param(
            b'{"a":1,"a":1,', "", "not JSON", Reason.NOT_JSON, id="repeated, then cut short"
        ),
        pytest.param(b"1" * 5000, "", "is too large", Reason.NOT_JSON, id="endless number"),
        pytest.param(
            b'{"a":-9223372036854775809}', "a", "too large", Reason.NOT_JSON, id="-2^63-1"
        ),
        pytest.param(
            b'{"a":[9223372036854775808]}', "a.0", "too large", Reason.NOT_JSON, id="2^63"
        ),
        pytest.param(b"[" * 60_000, "", "nested more than 8", Reason.TOO_LARGE, id="60,000 deep"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_path(
    body: bytes, path: str, problem: str, reason: Reason
) -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse(body)
    assert caught.value.reason is reason
    assert caught.value.flaws[0].path == path
    assert problem in caught.value.flaws[0].problem
    assert caught.value.flaws[0].remedy


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**19, 10**40])
def test_a_number_of_too_many_digits_is_found_wherever_it_stands(before: int, number: int) -> None:
    with pytest.raises(InvalidEventError, match="too large"):
        parse(b" " * before + str(number).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [1, 2.5, null, true, "\\u00e9", {"b": -1e-7}], "c": "\xc3\xa9"}',
        b'{"a": "\\"\\u0022\\\\u0022", "\\"": "Infinity, NaN"}',
        b'"\\ud83d\\ude00 and \\ud83d"',
        b"[" * 300 + b"]" * 300,
    ],
)
def test_strict_json_is_returned_as_it_is(body: bytes) -> None:
    assert parse(body) == json.loads(body)


@given(JSON)
def test_a_key_that_comes_twice_is_found_however_it_is_spelled(text: str) -> None:
    seen: list[bool] = []

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        seen.append(len(dict(found)) < len(found))
        return dict(found)

    content = json.loads(text, object_pairs_hook=pairs)
    if any(seen) or "1e999" in text:
        with pytest.raises(InvalidEventError):
            parse(text.encode())
        return
    document = read(text.encode())
    assert document.content == content
    if document.texts is not None:
        items = content if isinstance(content, list) else [content]
        assert [json.loads(one) for one in document.texts] == items


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"12345678901234567890123456789"}',
        b"[9223372036854775807,-9223372036854775808]",
        b"0.12345678901234567890123456789",
    ],
)
def test_many_digits_are_no_flaw_by_themselves(body: bytes) -> None:
    assert parse(body) == json.loads(body)


@pytest.mark.parametrize(
    ("event", "path", "problem"),
    [
        pytest.param(nested(9), "a.0.a.0.a.0.a.0", "more than 8 deep", id="nine deep"),
        pytest.param({f"k{n}": n for n in range(201)}, "", "201 keys", id="201 keys"),
        pytest.param(
            {"l": [{f"k{n}": n for n in range(101)}] * 2}, "", "203 keys", id="203 keys in all"
        ),
        pytest.param({"a": {"t": "x" * 8193}}, "a.t", "8192 bytes", id="8,193 letters"),
        pytest.param({"a": "é" * 4097}, "a", "8192 bytes", id="8,194 bytes"),
        pytest.param({"k" * 8193: 1}, f".{'k' * 40}…", "8192 bytes", id="long key"),
    ],
)
def test_what_is_beyond_a_bound_is_refused_with_its_path(
    event: object, path: str, problem: str
) -> None:
    text = json.dumps(event, ensure_ascii=False).encode()
    with pytest.raises(InvalidEventError) as caught:
        check(event, len(text), text=text)
    assert caught.value.reason is Reason.TOO_LARGE
    assert caught.value.flaws[0].path == path
    assert problem in caught.value.flaws[0].problem


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(nested(8), id="eight deep"),
        pytest.param({f"k{n}": n for n in range(200)}, id="200 keys"),
        pytest.param({"t": "x" * 8192}, id="8,192 letters"),
        pytest.param({"t": "é" * 4096}, id="8,192 bytes"),
        pytest.param({"t": "{[:" * 2000}, id="brackets that are text"),
        pytest.param({"k" * 8192: 1}, id="long key"),
    ],
)
def test_what_is_at_a_bound_passes_with_and_without_the_text_at_hand(event: object) -> None:
    text = json.dumps(event, ensure_ascii=False).encode()
    check(event, len(text), text=text)
    check(event, len(text))


def test_an_event_of_too_many_bytes_is_refused() -> None:
    check({}, MAX_EVENT_BYTES)
    with pytest.raises(InvalidEventError, match="65537 bytes"):
        check({}, MAX_EVENT_BYTES + 1)

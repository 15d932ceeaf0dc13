"""What a body may hold: one JSON document, strict, flat enough and small enough for everyone behind.

Read once and quickly where all is well; only what looks odd is looked at again, for the path.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from shared.contract.errors import Flaw, InvalidEventError, Reason

MAX_EVENT_BYTES: Final = 64 * 1024
"""The largest body of one event, and the largest item of a batch."""

MAX_BATCH_BYTES: Final = 512 * 1024
"""The largest body of a batch."""

MAX_ITEMS: Final = 100
"""The most events of a batch."""

MAX_DEPTH: Final = 8
"""How deep objects and lists may nest; the event itself is the first level."""

MAX_KEYS: Final = 200
"""The most keys of one event, at all levels together."""

MAX_TEXT_BYTES: Final = 8 * 1024
"""The longest text, and the longest key, in UTF-8."""

_SHOWN: Final = 5
_WHOLE_NUMBERS: Final = range(-(2**63), 2**63)
_LONGEST_WHOLE: Final = 20
_FEW_KEYS_BYTES: Final = MAX_KEYS * len('"":0,')
_MANY_DIGITS: Final = b"0" * 19
_EACH_FOURTH: Final = b"0" * (len(_MANY_DIGITS) // 4)
_DIGITS_ALIKE: Final = bytes(ord("0") if chr(byte).isdecimal() else byte for byte in range(256))


class Document(NamedTuple):
    """A JSON document.

    Attributes:
        content: What it says.
        texts: Each of its items as JSON, without blanks, where it is a list, else itself alone;
            None where it had to be read with care.
    """

    content: Any
    texts: list[bytes] | None


@dataclass(frozen=True, slots=True)
class _Odd:
    """Stands in a document for what must not be there."""

    problem: str
    remedy: str


class _Repeating(dict[str, Any]):
    """An object in which a key came twice."""

    repeated: str = ""


def parse(body: bytes) -> Any:
    """Return what the JSON document in *body* says.

    Raises:
        InvalidEventError: As of `read`.
    """
    return read(body).content


def read(body: bytes) -> Document:
    """Return the JSON document in *body*.

    Raises:
        InvalidEventError: It is none, or not in UTF-8, or holds a key twice, a number that is none
            or a whole one of more than 64 bits; the flaw names the path.
    """
    try:
        content = from_json(body, allow_inf_nan=False, cache_strings="keys")
        texts = [to_json(part) for part in (content if isinstance(content, list) else (content,))]
    except ValueError:
        return Document(_read_with_care(body), None)
    if _is_odd(body, b"".join(texts)):
        return Document(_read_with_care(body), None)
    return Document(content, texts)


def check(event: object, size: int, *, text: bytes | None = None) -> None:
    """Refuse *event* where it is larger, deeper or longer than allowed.

    Args:
        event: From `parse`; one item, where it was a batch.
        size: Its length as JSON, bytes.
        text: That JSON, where it is at hand: it lets a small event pass without a walk.

    Raises:
        InvalidEventError: Each flaw names path and bound.
    """
    if size > MAX_EVENT_BYTES:
        flaw = Flaw("", f"{size} bytes", f"Send at most {MAX_EVENT_BYTES}; link to what is larger.")
        raise InvalidEventError((flaw,), reason=Reason.TOO_LARGE)
    if text is not None and _surely_within(text):
        return
    flaws: list[Flaw] = []
    keys = 0
    for path, depth, value in _walk(event):
        if isinstance(value, dict):
            keys += len(value)
            flaws += [_too_long(f"{path}.{name[:40]}…") for name in value if _long(name)]
        if isinstance(value, (dict, list)) and depth > MAX_DEPTH:
            flaws.append(_too_deep(path))
        elif isinstance(value, str) and _long(value):
            flaws.append(_too_long(path))
    if keys > MAX_KEYS:
        flaws.append(Flaw("", f"{keys} keys", f"Send at most {MAX_KEYS} in one event."))
    if flaws:
        raise InvalidEventError(tuple(flaws[:_SHOWN]), reason=Reason.TOO_LARGE)


def _surely_within(text: bytes) -> bool:
    # Each is an upper bound, since text values may hold these characters too.
    return (
        len(text) <= MAX_TEXT_BYTES
        and text.count(b"{") + text.count(b"[") <= MAX_DEPTH
        and (len(text) <= _FEW_KEYS_BYTES or text.count(b":") <= MAX_KEYS)
    )


def _long(text: str) -> bool:
    return len(text) * 4 > MAX_TEXT_BYTES and len(text.encode(errors="replace")) > MAX_TEXT_BYTES


def _walk(value: object, path: str = "", depth: int = 1) -> Iterator[tuple[str, int, object]]:
    """Yield every part of *value* with its path and level, parents first."""
    waiting: list[tuple[str, int, object]] = [(path, depth, value)]
    while waiting:
        at, level, part = waiting.pop()
        yield at, level, part
        inner: list[tuple[object, object]] = []
        if isinstance(part, dict):
            inner = list(part.items())
        elif isinstance(part, list):
            inner = list(enumerate(part))
        waiting += [
            (f"{at}.{name}" if at else str(name), level + 1, one) for name, one in reversed(inner)
        ]


def _too_deep(path: str) -> Flaw:
    return Flaw(path, f"nested more than {MAX_DEPTH} deep", "Send a flatter event.")


def _too_long(path: str) -> Flaw:
    return Flaw(
        path, f"text of more than {MAX_TEXT_BYTES} bytes", "Shorten it, and link to the whole."
    )


def _not_json(problem: str) -> InvalidEventError:
    flaw = Flaw("", f"not JSON ({problem})", "Send one JSON document in UTF-8.")
    return InvalidEventError((flaw,), reason=Reason.NOT_JSON)


def _is_odd(body: bytes, text: bytes) -> bool:
    """Return whether *body* may hold what is refused, which *text*, made of its content, shows.

    A key that comes twice is read once, so that its quotation marks are missed; each other one has
    its own in both, but where *body* spells it by its number. Digits are nearly always an id in
    quotes; to look twice is cheaper than to count all, and so many in a row show in every fourth.
    """
    return (
        body.count(b'"') != text.count(b'"')
        or (b"\\" in body and b"\\u0022" in body)
        or b"Infinity" in text
        or (
            _EACH_FOURTH in body[::4].translate(_DIGITS_ALIKE)
            and _MANY_DIGITS in body.translate(_DIGITS_ALIKE)
        )
    )


def _read_with_care(body: bytes) -> Any:
    try:
        content = _CAREFUL.decode(body.decode())
    except UnicodeDecodeError as error:
        msg = f"byte {error.start} is not UTF-8"
        raise _not_json(msg) from None
    except RecursionError:
        raise InvalidEventError((_too_deep(""),), reason=Reason.TOO_LARGE) from None
    except ValueError as error:
        raise _not_json(str(error)) from None
    flaws = _odd(content)
    if flaws:
        raise InvalidEventError(flaws, reason=Reason.NOT_JSON)
    return content


def _odd(content: object) -> tuple[Flaw, ...]:
    """Return where *content* repeats a key or holds a number that is none."""
    flaws = []
    for path, _, part in _walk(content):
        if isinstance(part, _Odd):
            flaws.append(Flaw(path, part.problem, part.remedy))
        elif isinstance(part, _Repeating):
            inside = f"{path}.{part.repeated}" if path else part.repeated
            flaws.append(Flaw(inside, "the key comes twice", "Send each key once."))
    return tuple(flaws[:_SHOWN])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    times = Counter(name for name, _ in pairs)
    repeating = _Repeating(found)
    repeating.repeated = next(name for name in times if times[name] > 1)
    return repeating


def _finite(text: str) -> float | _Odd:
    number = float(text)
    return (
        _Odd(f"{text[:40]} is too large", "Send a smaller number.")
        if math.isinf(number)
        else number
    )


def _whole(text: str) -> int | _Odd:
    # Python refuses to read thousands of digits, since that takes long.
    if len(text) <= _LONGEST_WHOLE and (number := int(text)) in _WHOLE_NUMBERS:
        return number
    return _Odd(f"{text[:40]} is too large", "Send a whole number of 64 bits, or text.")


def _no_number(text: str) -> _Odd:
    return _Odd(f"{text} is not JSON", "Send a number, or null.")


_CAREFUL: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_finite,
    parse_int=_whole,
    parse_constant=_no_number,
)

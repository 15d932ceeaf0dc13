"""How helpdesks write times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from shared.mapping.sections import TimeNotation

AT = datetime(2026, 11, 2, 9, 30, 51, tzinfo=UTC)


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        pytest.param("iso", "2026-11-02T09:30:51Z", id="RFC 3339"),
        pytest.param("iso", "2026-11-02T10:30:51+0100", id="an offset without a colon"),
        pytest.param("iso", "2026-11-02T10:30:51", id="local, in the mapping's zone"),
        pytest.param("seconds", "1793611851", id="seconds"),
        pytest.param("seconds", "1793611851.0", id="seconds with a fraction"),
        pytest.param("milliseconds", "1793611851000", id="milliseconds"),
        pytest.param("%d.%m.%Y %H:%M:%S", "02.11.2026 10:30:51", id="strptime"),
    ],
)
def test_a_time_is_read_by_its_notation(format_: str, text: str) -> None:
    assert TimeNotation(format=format_, zone="Europe/Vienna").read(text) == AT


def test_more_digits_than_a_clock_has_are_cut() -> None:
    read = TimeNotation(format="iso", zone="UTC").read("2026-11-02T09:30:51.204318841Z")
    assert read.replace(microsecond=0) == AT


@pytest.mark.parametrize("format_", ["iso", "seconds", "milliseconds", "%d.%m.%Y %H:%M"])
@pytest.mark.parametrize(
    "text", ["", "soon", "nan", "inf", "1e400", "9" * 30, "0001-01-01T00:00+14:00"]
)
def test_what_is_no_time_is_refused(format_: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TimeNotation(format=format_, zone="UTC").read(text)


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="iso, seconds, milliseconds"):
        TimeNotation(format="unix", zone="UTC")

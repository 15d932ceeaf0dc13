"""A time that was given with an option."""

from __future__ import annotations

from cli.output import WRONG_USE, fail
from shared.contract.times import Instant, as_datetime, parse_instant


def time_given(command: str, option: str, text: str) -> Instant:
    """Return the second that *text* names, or end *command* with what is wrong about *option*."""
    try:
        at = parse_instant(text)
        as_datetime(at)  # by an offset it may lie before the first year
    except ValueError as error:
        problem = f"{option} {text}: {error}; write it as 2026-03-02T10:00:00Z"
        fail(command, problem, code=WRONG_USE)
    return at

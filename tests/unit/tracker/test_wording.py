"""What only a page says: how late a decision was, and text that cannot disturb its layout."""

from __future__ import annotations

import pytest

from services.tracker.core.wording import late, plain


@pytest.mark.parametrize(
    ("late_by_s", "said"), [(0, None), (3600, None), (5400, "decided 1 h 30 min late")]
)
def test_a_decision_is_late_beyond_what_is_allowed(late_by_s: int, said: str | None) -> None:
    assert late({"late_by_s": late_by_s}, 3600) == said


def test_controls_and_turned_writing_are_made_visible() -> None:
    assert plain("a\x00b\x1b[31mc\u202ed\u2066e\tf\ng") == "a\ufffdb\ufffd[31mc\ufffdd\ufffde\tf\ng"

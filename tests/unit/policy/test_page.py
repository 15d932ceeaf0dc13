"""The page that explains the policy keeps up with it."""

from __future__ import annotations

import re
from pathlib import Path

from shared.policy.document import Policy

HOUSE = Path(__file__).parents[3]
PAGE = (HOUSE / "docs" / "policy.md").read_text()
HEADINGS = set(re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE))


def test_every_trigger_has_a_sentence(policy: Policy) -> None:
    rows = re.findall(r"^\| (T\d\d) \|", PAGE, re.MULTILINE)
    assert rows == [name[:3] for name in policy.file.triggers.rows()]


def test_what_docstrings_of_the_policy_cite_is_a_heading() -> None:
    cited = {
        name
        for module in (HOUSE / "shared" / "policy").rglob("*.py")
        for name in re.findall(r"\(([A-Z][a-z]+(?: [a-z]+|, [a-z]+)*)\)\.", module.read_text())
    }
    assert cited
    assert cited <= HEADINGS

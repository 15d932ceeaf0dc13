"""The words of triggers and endings: each that the engine can say has some."""

from __future__ import annotations

from shared.contract.decisions import EndReason
from shared.contract.reasons import ENDINGS, TRIGGERS
from shared.policy.load import DEFAULT_POLICY, load_policy_file


def test_every_trigger_of_the_policy_has_words() -> None:
    rows = load_policy_file(DEFAULT_POLICY).file.triggers.model_dump(by_alias=True)
    named = {name.partition("_")[0] for name in rows if name[0] == "T" and name[1:3].isdigit()}
    assert len(named) == 22
    assert named <= TRIGGERS.keys()


def test_every_reason_of_an_ending_has_words() -> None:
    assert {one.value for one in EndReason} <= ENDINGS.keys()

"""What people read: sentences for every message that the contract allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contract.decisions import DECISION_MODELS
from shared.contract.deliveries import DELIVERY_MODELS
from shared.contract.events import EVENT_MODELS
from shared.contract.sentences import LONGEST, counted, moment, sentence, why
from tests.support.messages import instances

SCHEMAS = Path(__file__).parents[3] / "schemas"
FILES = sorted(path for path in SCHEMAS.glob("*/*/v1.json") if path.parts[-3] != "policies")


@st.composite
def any_message(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A type and data that its schema allows."""
    path = draw(st.sampled_from(FILES))
    schema = json.loads(path.read_text())
    return path.parts[-2], draw(instances(schema))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=any_message())
def test_every_message_of_the_contract_has_a_sentence_and_a_reason(
    message: tuple[str, dict[str, Any]],
) -> None:
    kind, data = message
    text = sentence(kind, data)
    assert 0 < len(text) <= LONGEST + 2
    assert all(why(data)) or not why(data)


@pytest.mark.parametrize("kind", sorted({*EVENT_MODELS, *DECISION_MODELS, *DELIVERY_MODELS}))
def test_no_type_of_the_contract_is_left_to_its_name(kind: str) -> None:
    assert sentence(kind, {"tier": 1}) != f"{kind.replace('_', ' ')}."


def test_a_raise_says_who_is_called_and_until_when() -> None:
    raised = {
        "target": "t2",
        "ack_due": "2026-03-02T14:00:00Z",
        "notify": [
            {"role": "t2_queue", "mode": "chat", "fyi": False},
            {"role": "account_manager", "mode": "email", "fyi": True},
        ],
    }
    assert sentence("escalation.raised", raised) == (
        "Escalated to tier 2; called: t2 queue by chat, account manager for information;"
        " an answer is due 2026-03-02 14:00 UTC."
    )


def test_why_says_the_trigger_the_rule_the_sum_and_what_was_looked_at() -> None:
    because = {
        "triggers": ["T06", "T99"],
        "rule": "a house rule",
        "arithmetic": ["tier 1: 14400 s of 14400 s used on calendar emea"],
        "facts": {"affected_users": 4, "vip": True, "orgs": None, "flags": []},
    }
    assert why({"because": because}) == [
        "Because tier 1 has had it for as long as tier 1 may (T06) and T99.",
        "The rule: a house rule.",
        "tier 1: 4 h (14400 s) of 4 h (14400 s) used on calendar emea.",
        "Looked at: affected users 4, vip yes.",
    ]


def test_a_rule_that_only_repeats_the_trigger_is_not_said_twice() -> None:
    because = {"triggers": ["start"], "rule": "start"}
    assert why({"because": because}) == [
        "Because it begins above tier 1 by its severity and impact (start)."
    ]


def test_a_time_that_python_cannot_read_is_shown_as_it_is() -> None:
    assert moment("2026-03-02t10:00:00z") in {"2026-03-02t10:00:00z", "2026-03-02 10:00 UTC"}


@pytest.mark.parametrize(("number", "said"), [(0, "0 days"), (1, "1 day"), (7, "7 days")])
def test_what_is_counted_has_its_plural(number: int, said: str) -> None:
    assert counted(number, "day") == said

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.ids import (
    decision_id,
    delivery_id,
    derived_event_id,
    split_key,
    ticket_key,
)

NAMES = st.text(min_size=1, max_size=8)
DECISION = UUID("4b5f5a32-9a7c-52f7-8c87-9ad8f7c3a111")


def test_ids_are_the_same_for_ever() -> None:
    # Literal on purpose: a change here would let every installed system act twice.
    assert str(decision_id("desk:A", 1)) == "c5d7cc75-9b36-5d0e-9794-799017db80ec"
    assert str(delivery_id(DECISION, "t3_oncall")) == "d046f0c9-820f-5c54-844c-6da7c44d7d83"


@given(NAMES, st.integers(1, 99), NAMES, st.integers(1, 99))
def test_two_decisions_share_an_id_only_if_they_are_one(a: str, n: int, b: str, m: int) -> None:
    assert (decision_id(a, n) == decision_id(b, m)) == ((a, n) == (b, m))


@given(NAMES, NAMES)
def test_each_recipient_has_a_delivery_of_their_own(one: str, other: str) -> None:
    assert (delivery_id(DECISION, one) == delivery_id(DECISION, other)) == (one == other)


def test_an_event_without_id_is_known_by_source_and_bytes() -> None:
    assert derived_event_id("desk", b"{}") == derived_event_id("desk", b"{}")
    assert derived_event_id("desk", b"{}") != derived_event_id("desk", b"{ }")
    assert derived_event_id("desk", b"a{}") != derived_event_id("deska", b"{}")


@given(NAMES, NAMES)
def test_a_ticket_key_splits_into_what_it_was_made_of(source: str, subject: str) -> None:
    assert split_key(ticket_key(source, subject)) == (source, subject)


def test_a_plain_ticket_key_reads_as_written() -> None:
    assert ticket_key("desk", "A") == "desk:A"
    assert split_key("group:shop/checkout/E42/emea/1") == ("group", "shop/checkout/E42/emea/1")


@pytest.mark.parametrize("key", ["", "desk", "desk:", ":A"])
def test_what_is_no_ticket_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="source:ticket"):
        split_key(key)

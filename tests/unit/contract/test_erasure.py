"""What becomes of a message that speaks of somebody who is erased."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.erasure import (
    ERASED,
    Erasures,
    OfTicket,
    digest_of,
    person_of,
    pseudonym_of,
)

THEN = datetime(2026, 3, 2, 12, tzinfo=UTC)
MAIL, FULL, ID = "anna.huber@example.org", "Anna Huber", "anna"
GONE = Erasures({digest_of(one): person_of(one, THEN) for one in (MAIL, FULL, ID)})


def opened(**data: Any) -> dict[str, Any]:
    return {"type": "ticket.opened", "source": "desk", "id": "e1", "subject": "anna", "data": data}


def after(document: dict[str, Any], erasures: Erasures = GONE, at: datetime = THEN) -> Any:
    return erasures.applied(document, ticket="desk:anna", received_at=at)


def test_a_name_becomes_one_pseudonym_wherever_it_stands_alone() -> None:
    kept = after(opened(requester=ID, owner="paul", customer={"id": "org6", "name": FULL}))["data"]
    assert kept["requester"] == pseudonym_of(digest_of("ANNA"))
    assert kept["customer"]["name"] == pseudonym_of(digest_of(FULL))
    assert (kept["owner"], kept["customer"]["id"]) == ("paul", "org6")


def test_what_identifies_a_message_stays() -> None:
    kept = after(opened(requester=ID))
    assert [kept[name] for name in ("type", "source", "id", "subject")] == [
        "ticket.opened", "desk", "e1", "anna",
    ]  # fmt: skip


def test_what_the_person_wrote_goes_with_everything_that_no_model_knows() -> None:
    kept = after(
        opened(requester=ID, title="My router", tags=["vip"], phone="0662 1", severity="S2")
    )
    assert kept["data"] == {
        "requester": pseudonym_of(digest_of(ID)), "title": ERASED, "tags": [], "severity": "S2",
    }  # fmt: skip


@pytest.mark.parametrize("name", [MAIL, FULL, "anna HUBER", f"<{MAIL}>", f"{MAIL}."])
def test_a_full_name_or_an_address_is_found_in_what_others_wrote(name: str) -> None:
    kept = after(opened(requester="bert", title=f"Please call {name}, urgently"))["data"]["title"]
    assert "huber" not in kept.lower()
    assert kept.startswith("Please call ")
    assert kept.endswith(", urgently")


def test_a_name_of_one_word_is_left_in_what_others_wrote() -> None:
    assert after(opened(title="anna is a village"))["data"]["title"] == "anna is a village"


def test_words_of_the_contract_are_nobodys_name() -> None:
    odd = Erasures({digest_of("open"): person_of("open", THEN)})
    said = {"type": "ticket.status_changed", "data": {"status": "open", "by": "open"}}
    assert after(said, odd)["data"] == {"status": "open", "by": pseudonym_of(digest_of("open"))}


def test_of_a_whole_ticket_everybodys_name_goes_and_the_reason_of_a_decision_stays() -> None:
    whole = Erasures({}, {"desk:anna": OfTicket(THEN, names=True)})
    said = {"by": "tom", "reason": "resolved", "because": {"facts": {"owner": "olga"}}}
    assert after(said, whole) == {
        "by": pseudonym_of(digest_of("tom")), "reason": "resolved",
        "because": {"facts": {"owner": pseudonym_of(digest_of("olga"))}},
    }  # fmt: skip


def test_what_comes_later_stays() -> None:
    said = opened(requester=ID, title="Back again")
    assert after(said, at=THEN + timedelta(seconds=1)) == said


def test_a_form_keeps_which_fields_were_filled_and_times() -> None:
    said = {"type": "escalation.requested", "data": {
        "by": ID, "info": {"tried": "rebooted", "empty": "", "since": "2026-03-02T10:00:00Z"},
    }}  # fmt: skip
    assert after(said)["data"]["info"] == {
        "tried": ERASED, "empty": "", "since": "2026-03-02T10:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "…", "x" * 300])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        person_of(name, THEN)


TEXTS = st.text() | st.sampled_from([MAIL, FULL, f"{FULL} wrote", f"re: {MAIL}\n"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["by", "title", "info", "customer", "name", "id", "data", "type", "x"]), inner
    ),
)  # fmt: skip


@given(DOCUMENTS)
def test_twice_is_once_and_what_names_nobody_is_not_touched(document: Any) -> None:
    once = GONE.applied(document, ticket="desk:B", received_at=THEN)
    assert GONE.applied(once, ticket="desk:B", received_at=THEN) == once
    assert Erasures().applied(document, ticket="desk:B", received_at=THEN) == document

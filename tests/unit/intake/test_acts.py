"""An act as plain JSON becomes an event, or is refused for what it shows by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.intake.core.acts import (
    ACTS,
    NOBODYS,
    NoTicketError,
    RefusedActError,
    UnknownActError,
    act_event,
    draft_event,
)
from services.intake.core.callers import Caller, holder_of
from services.intake.core.report import accept
from shared.access.keys import ApiKey, Scope
from shared.contract.errors import InvalidEventError
from shared.contract.events import EVENT_MODELS, decode_event
from shared.contract.judgements import Missing, Refused

HELPDESK = Caller("helpdesk", None, frozenset({Scope.INGEST}))
LEAD = Caller("person lea", None, frozenset({Scope.ACT}), frozenset({"t2_lead"}), "lea")
BOT = Caller("bot", None, frozenset({Scope.ACT}), frozenset({"t1_agent", "t1_lead"}))
ASKED = {"type": "escalation.requested", "by": "olga", "role": "t1_agent", "to_tier": 2}


def an_act(body: object, *, key: str = "desk:A", caller: Caller = HELPDESK) -> dict[str, Any]:
    return act_event(body, key, caller, "act-1")


def test_an_act_becomes_the_event_that_says_so() -> None:
    event = an_act({**ASKED, "info": {"specific_ask": "look"}, "time": "2026-03-02T10:00:00Z"})
    accepted = accept(event, received_at="2026-03-02T10:00:05.000000Z")
    read = decode_event(accepted.value)
    assert (read.id, read.type, read.ticket) == ("act-1", "escalation.requested", "desk:A")
    assert event["data"] == {
        "by": "olga",
        "role": "t1_agent",
        "to_tier": 2,
        "info": {"specific_ask": "look"},
    }
    assert read.time.isoformat() == "2026-03-02T10:00:00+00:00"


def test_the_act_has_the_id_that_it_was_given() -> None:
    assert an_act({**ASKED, "id": "mine"})["id"] == "mine"


@pytest.mark.parametrize("kind", ACTS)
def test_every_act_is_an_event_of_the_contract_and_what_it_must_hold_is_named(kind: str) -> None:
    assert ACTS[kind] is EVENT_MODELS[kind]
    needed = [name for name, field in ACTS[kind].model_fields.items() if field.is_required()]
    if kind not in NOBODYS:
        needed = ["by", *needed]
    with pytest.raises(RefusedActError) as refused:
        an_act({"type": kind})
    assert refused.value.refused.code == "missing_information"
    assert [one.field for one in refused.value.refused.missing] == needed
    assert all(one.why for one in refused.value.refused.missing)


def test_facts_of_a_helpdesk_are_no_acts() -> None:
    for kind in ("ticket.opened", "act.drafted", "ticket.status_changed", "", None, 7):
        with pytest.raises(UnknownActError):
            an_act({"type": kind, "by": "olga"})


def test_an_act_that_names_no_type_is_called_so() -> None:
    with pytest.raises(UnknownActError, match="no act is named") as unnamed:
        an_act({"by": "olga"})
    assert "`type`" in unnamed.value.remedy


def test_a_misspelt_act_or_key_is_told_what_was_probably_meant() -> None:
    with pytest.raises(UnknownActError) as unknown:
        an_act({**ASKED, "type": "escalation.request"})
    assert "escalation.requested" in unknown.value.remedy
    with pytest.raises(InvalidEventError) as odd:
        an_act({**ASKED, "to_teir": 3})
    assert odd.value.flaws[0].path == "to_teir"
    assert "to_tier" in odd.value.flaws[0].remedy


@pytest.mark.parametrize("body", [None, [], "escalation.requested", 3])
def test_what_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(InvalidEventError):
        an_act(body)


@pytest.mark.parametrize("key", ["desk", "", ":A", "desk:"])
def test_an_address_without_a_ticket_is_refused(key: str) -> None:
    with pytest.raises(NoTicketError):
        an_act(ASKED, key=key)


def test_a_group_can_be_acted_on() -> None:
    taken = {"type": "escalation.acknowledged", "by": "tess", "role": "t3_oncall"}
    event = an_act(taken, key="group:a/b/c/d/1")
    assert (event["source"], event["subject"]) == ("group", "a/b/c/d/1")


def test_a_person_acts_as_nobody_else() -> None:
    assert an_act({"type": "escalation.acknowledged"}, caller=LEAD)["data"] == {
        "by": "lea",
        "role": "t2_lead",
    }
    with pytest.raises(RefusedActError) as refused:
        an_act(ASKED, caller=LEAD)
    assert (refused.value.refused.code, refused.value.refused.allowed) == (
        "not_permitted",
        ("lea",),
    )


def test_a_caller_acts_in_its_own_roles_alone() -> None:
    key = ApiKey(
        "bot", "0" * 64, "desk", frozenset({Scope.ACT}), frozenset({"t1_agent", "t1_lead"})
    )
    bot = holder_of(key)
    assert an_act(ASKED, caller=bot)["data"]["role"] == "t1_agent"
    with pytest.raises(RefusedActError) as refused:
        an_act({**ASKED, "role": "exec_oncall"}, caller=bot)
    assert refused.value.refused.code == "not_permitted"
    assert refused.value.refused.allowed == ("t1_agent", "t1_lead")
    with pytest.raises(RefusedActError) as unsaid:
        an_act({"type": "escalation.requested", "by": "olga"}, caller=bot)
    assert [one.field for one in unsaid.value.refused.missing] == ["role"]
    nobody = Caller("person x", None, frozenset({Scope.ACT}), frozenset(), "x")
    with pytest.raises(RefusedActError):
        an_act({"type": "escalation.acknowledged"}, caller=nobody)


def test_the_same_refused_form_is_the_same_draft_and_another_is_another() -> None:
    refused = Refused(code="missing_information", missing=(Missing(field="a", why="b"),))
    one = draft_event(an_act({**ASKED, "info": {"x": 1, "y": 2}}), refused)
    again = draft_event(an_act({**ASKED, "id": "other", "info": {"y": 2, "x": 1}}), refused)
    other = draft_event(an_act({**ASKED, "info": {"x": 2, "y": 2}}), refused)
    assert one["id"] == again["id"] != other["id"]
    read = decode_event(accept(one, received_at="2026-03-02T10:00:05.000000Z").value)
    assert read.data.model_dump()["form"] == {
        "by": "olga",
        "role": "t1_agent",
        "to_tier": 2,
        "info": {"x": 1, "y": 2},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
KEYS = ("by", "role", "id", "time", "info", "to_tier", "until", "flag", "answers", "approved_by")
BODIES = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(ACTS)) | JSON},
    optional=dict.fromkeys(KEYS, JSON),
)


@given(BODIES | JSON, st.sampled_from([HELPDESK, LEAD, BOT]))
@example({**ASKED, "role": []}, BOT)
@example({**ASKED, "by": {}}, LEAD)
@example({"type": []}, HELPDESK)
def test_whatever_is_sent_is_an_event_of_the_contract_or_refused_by_name(
    body: object, caller: Caller
) -> None:
    try:
        event = an_act(body, caller=caller)
        accepted = accept(event, received_at="2026-03-02T10:00:05.000000Z")
    except (UnknownActError, RefusedActError, InvalidEventError):
        return
    assert decode_event(accepted.value).ticket == "desk:A"

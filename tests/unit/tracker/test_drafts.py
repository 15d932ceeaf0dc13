"""A refused form is offered again until the person has sent it whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.tracker.core.drafts import Line, drafts

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
FORM = {"by": "olga", "role": "t1_agent", "info": {"since": "nine"}}


def lines(*said: tuple[str, str, dict[str, Any]]) -> list[Line]:
    return [
        Line(kind, event_id, BEGIN + timedelta(minutes=number), data)
        for number, (kind, event_id, data) in enumerate(said)
    ]


def drafted(event_id: str, act: str = "escalation.requested", **form: Any) -> Any:
    data = {"act": act, "form": FORM | form, "code": "missing_information", "missing": ["ask"]}
    return ("act.drafted", event_id, data)


def test_what_was_refused_at_once_is_a_draft() -> None:
    (draft,) = drafts(lines(drafted("d1")))
    assert (draft.id, draft.act, draft.by, draft.missing) == (
        "d1",
        "escalation.requested",
        "olga",
        ("ask",),
    )
    assert draft.form == FORM


def test_of_one_person_and_act_the_newest_counts_and_others_keep_theirs() -> None:
    found = drafts(
        lines(drafted("d1"), drafted("d2", info={}), drafted("d3", by="tom"), drafted("d4", "x"))
    )
    assert [one.id for one in found] == ["d4", "d3", "d2"]


def test_sending_it_whole_ends_the_draft() -> None:
    sent = ("escalation.requested", "a1", FORM)
    assert drafts(lines(drafted("d1"), sent)) == []
    assert [one.id for one in drafts(lines(sent, drafted("d1")))] == ["d1"]


def test_what_only_the_engine_refused_for_what_it_lacked_is_a_draft_too() -> None:
    refusal = {"act_id": "a1", "code": "missing_information", "missing": ["ask"], "allowed": []}
    act = ("escalation.requested", "a1", FORM)
    (draft,) = drafts(lines(act, ("act.refused", "x1", refusal)))
    assert (draft.id, draft.form, draft.missing) == ("a1", FORM, ("ask",))
    late = refusal | {"code": "ticket_not_open"}
    assert drafts(lines(act, ("act.refused", "x1", late))) == []

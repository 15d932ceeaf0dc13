"""What a posted body becomes: every product's bodies, and what must hold for all of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pytest

from services.intake.core.hooks.places import Posted
from services.intake.core.hooks.shape import HookMapping
from services.intake.core.report import accept
from tests.unit.intake.hooks.conftest import PRODUCTS, RECEIVED, SAMPLES, Sample, sample, told

Mappings = Mapping[str, HookMapping]
NOT_LISTED = ("raw", "lowering")


def listed(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return *event* as the files of bodies list it."""
    data = {name: part for name, part in event["data"].items() if name not in NOT_LISTED}
    return {**{name: event[name] for name in ("type", "id", "subject", "time")}, "data": data}


def ids(mapping: HookMapping, posted: Posted, **more: Any) -> list[str]:
    return [str(one["id"]) for one in told(mapping, posted, **more).events]


def changed(one: Sample, *path: str | int, to: Any) -> Posted:
    """Return the body of *one* with another value at *path*."""
    posted = one.posted
    part: Any = posted.body
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = to
    return posted


def test_every_shipped_mapping_has_bodies(mappings: Mappings) -> None:
    assert sorted(mappings) == PRODUCTS


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: f"{one.product}-{one.content['name']}")
def test_a_body_becomes_the_events_that_it_is(mappings: Mappings, one: Sample) -> None:
    story = told(mappings[one.product], one.posted)
    assert [listed(event) for event in story.events] == one.content["events"]
    assert story.ignored == one.content["ignored"]
    assert [[u.field, u.column, u.word] for u in story.unknown] == one.content["unknown"]
    assert [flaw.path for flaw in story.flaws] == one.content["flaws"]


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: f"{one.product}-{one.content['name']}")
def test_every_event_is_one_of_the_contract(mappings: Mappings, one: Sample) -> None:
    for event in told(mappings[one.product], one.posted).events:
        accepted = accept(event, received_at="2026-11-02T09:31:00Z", bound_source=one.product)
        assert accepted.ticket.startswith(f"{one.product}:")


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: f"{one.product}-{one.content['name']}")
def test_a_body_that_comes_again_is_the_same_events(mappings: Mappings, one: Sample) -> None:
    later = RECEIVED + timedelta(hours=3)
    first = ids(mappings[one.product], one.posted)
    again = ids(mappings[one.product], one.posted, received=later)
    if one.product == "freshdesk" or one.content["name"] == "only_a_ticket_and_a_wait":
        # A body without time and number of its own may be a change back; the engine compares.
        assert first != again or not first
    else:
        assert first == again


def test_a_change_under_another_delivery_id_is_the_same_event(mappings: Mappings) -> None:
    one = sample("zammad", "ticket_updated")
    twice = [Posted(one.posted.body, {"x-zammad-delivery": name}) for name in ("a", "b")]
    first, second = (ids(mappings["zammad"], posted) for posted in twice)
    assert first == second


def test_two_changes_of_one_second_are_two_events(mappings: Mappings) -> None:
    one = sample("zammad", "ticket_updated")
    other = changed(one, "ticket", "priority", "name", to="1 low")
    assert ids(mappings["zammad"], one.posted)[-1] != ids(mappings["zammad"], other)[-1]


def test_a_message_that_comes_with_later_snapshots_stays_one_event(mappings: Mappings) -> None:
    one = sample("zammad", "ticket_updated")
    later = changed(one, "ticket", "updated_at", to="2026-11-02T11:00:00.000Z")
    first, second = (ids(mappings["zammad"], posted) for posted in (one.posted, later))
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_a_webhook_and_a_snapshot_tell_one_message_once(mappings: Mappings) -> None:
    event = told(mappings["chatwoot"], sample("chatwoot", "message_created").posted).events[0]
    later = sample("chatwoot", "conversation_updated").posted
    later.body["messages"] = sample("chatwoot", "message_created").posted.body["conversation"][
        "messages"
    ]
    assert told(mappings["chatwoot"], later).events[0]["id"] == event["id"]


def test_what_is_not_told_stays_away_and_what_is_null_is_told(mappings: Mappings) -> None:
    one = sample("jira", "automation_issue_data_jira_format")
    (event,) = told(mappings["jira"], one.posted).events
    assert "owner" not in event["data"]
    assert "requester" not in event["data"]
    (event,) = told(mappings["jira"], sample("jira", "issue_updated_status").posted).events
    assert event["data"]["owner"] is None


def test_an_unknown_severity_is_not_said_rather_than_forgotten(mappings: Mappings) -> None:
    posted = changed(sample("zendesk", "status_changed"), "detail", "priority", to="CATASTROPHIC")
    story = told(mappings["zendesk"], posted)
    assert "severity" not in story.events[-1]["data"]
    assert [(one.field, one.word) for one in story.unknown] == [("severity", "CATASTROPHIC")]


def test_what_is_not_read_is_carried_along_and_secrets_are_not(mappings: Mappings) -> None:
    body = {"ticket": "7", "shoe_size": 43, "deep": [{"er": "x"}], "api_token": "hush", "nul": "\0"}
    (event,) = told(mappings["generic"], Posted(body, {})).events
    assert event["data"]["raw"] == {"shoe_size": 43, "deep.0.er": "x"}


def test_what_is_carried_along_has_a_bound(mappings: Mappings) -> None:
    body = {"ticket": "7", **{f"field_{number}": "x" * 5000 for number in range(500)}}
    (event,) = told(mappings["generic"], Posted(body, {})).events
    assert len(json.dumps(event["data"]["raw"])) < 10_000
    accept(event, received_at="2026-11-02T09:31:00Z")


def test_texts_that_are_too_long_for_the_contract_are_cut(mappings: Mappings) -> None:
    body = {
        "ticket": "7",
        "title": "t" * 9000,
        "category": "c" * 900,
        "customer": {"id": "i" * 900},
        "tags": ["g" * 900],
        "message": {"id": "1", "author": "agent", "public": True, "text": "m" * 90_000},
    }
    for event in told(mappings["generic"], Posted(body, {})).events:
        accept(event, received_at="2026-11-02T09:31:00Z")


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("body", [None, 7, "text", [], [[]], [7], {}, {"ticket": None}])
def test_a_body_that_is_no_ticket_is_refused_or_ignored_with_a_reason(
    mappings: Mappings, product: str, body: Any
) -> None:
    story = told(mappings[product], Posted(body, {}))
    assert story.events == []
    assert story.flaws or story.ignored or (mappings[product].batch and body == [])
    assert all(flaw.problem and flaw.remedy for flaw in story.flaws)


def _leaves(part: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(part, dict):
        return [leaf for key, one in part.items() for leaf in _leaves(one, (*path, key))]
    if isinstance(part, list):
        return [leaf for key, one in enumerate(part) for leaf in _leaves(one, (*path, key))]
    return [path]


ODD: Final[list[Any]] = [
    None,
    True,
    -1,
    1e300,
    "",
    "x" * 3000,
    "9" * 400,
    [],
    {},
    [[None]],
    {"a": {"b": []}},
]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
def test_anything_anywhere_in_a_body_is_taken_or_refused_and_never_crashes(
    mappings: Mappings, product: str, odd: Any
) -> None:
    one = next(one for one in SAMPLES if one.product == product)
    for path in _leaves(one.posted.body):
        story = told(mappings[product], changed(one, *path, to=copy.deepcopy(odd)))
        assert story.events or story.flaws or story.ignored
        for event in story.events:
            json.dumps(event, allow_nan=False)


def test_a_time_that_is_none_refuses_the_body_with_its_place(mappings: Mappings) -> None:
    posted = changed(sample("zammad", "ticket_updated"), "ticket", "updated_at", to="yesterday")
    (flaw,) = told(mappings["zammad"], posted).flaws
    assert flaw.path == "ticket.updated_at"
    assert "`yesterday` is no time in the format iso" in flaw.problem


def test_one_bad_item_of_a_batch_does_not_take_the_others_with_it(mappings: Mappings) -> None:
    posted = sample("hubspot", "ticket_property_change_batch").posted
    posted.body[0]["occurredAt"] = "soon"
    story = told(mappings["hubspot"], posted)
    assert len(story.events) == 1
    assert [flaw.path for flaw in story.flaws] == ["0.occurredAt"]


@pytest.mark.parametrize("product", [one for one in PRODUCTS if one not in ("hubspot", "generic")])
def test_every_snapshot_says_by_which_right_it_may_lower(mappings: Mappings, product: str) -> None:
    one = next(one for one in SAMPLES if one.product == product)
    assert told(mappings[product], one.posted).events[-1]["data"]["lowering"]["role"]

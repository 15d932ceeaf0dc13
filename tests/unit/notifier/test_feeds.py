"""What is posted in the dedicated channels by itself, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifier.core.desk import Desk
from services.notifier.core.feeds import posted
from services.notifier.core.known import Decided
from services.notifier.roster_file import RosterError, load_roster
from shared.contract.deliveries import Suppression
from tests.unit.notifier.builders import NOON, a_decision, called

ROSTER = """\
roster: {name: test, version: 1}
modes: {page: [email], chat: [slack, email]}
groups:
  tier-2: {name: Tier 2, slack: C0TIER2}
  tier-3: {name: Tier 3, slack: C0TIER3}
  engineering: {name: Engineering, slack: C0ENG}
  news: {name: News, slack: C0NEWS}
  executives: {name: Executives, slack: C0EXEC}
  security: {name: Security, slack: C0SEC, restricted: true}
roles: {t2_queue: tier-2, t2_oncall: tier-2}
channels:
  tier2: {post: [t2_queue], to: tier-2}
  tier3: {post: [t2_queue], to: tier-3}
  engineering: {post: [t2_queue], to: engineering}
  announce: {post: [t2_queue], to: news}
  executive: {post: [t2_queue], to: executives}
  restricted: {post: [t2_queue], to: security}
  leads: {post: [t2_queue]}
"""

MOVED = {"from_tier": 1, "to_tier": 2}


def told(decision: Decided, roster: str = ROSTER) -> list[tuple[str, str | None]]:
    return [(row.role, row.person) for row in posted(decision, (), load_roster(roster))]


@pytest.mark.parametrize(
    ("decision", "channels"),
    [
        (a_decision("tier.changed", **MOVED), ["channel_tier2"]),
        (
            a_decision("tier.changed", tier=3, priority="P1", **MOVED),
            ["channel_tier3", "channel_announce"],
        ),
        (a_decision("case.opened", tier=3), ["channel_tier3"]),
        (a_decision("case.closed", tier=3), ["channel_tier3"]),
        (a_decision("escalation.raised", track="functional"), []),
        (
            a_decision("escalation.raised", track="external", target="engineering"),
            ["channel_tier2", "channel_engineering"],
        ),
        (
            a_decision("escalation.raised", track="hierarchical", target="exec", tier=1),
            ["channel_executive"],
        ),
        (a_decision("case.opened", tier=1, priority="P1"), []),
        (a_decision("escalation.notice_due", step=0), []),
        (a_decision("timer.warned"), []),
    ],
)
def test_moves_are_posted_where_their_topic_is_heard(
    decision: Decided, channels: list[str]
) -> None:
    assert [role for role, _ in told(decision)] == channels


def test_a_restricted_case_is_posted_where_restricted_cases_are_and_nowhere_else() -> None:
    secret = a_decision("tier.changed", priority="P1", restricted=True, **MOVED)
    assert told(secret) == [("restricted_channel_restricted", "security")]


def test_other_topics_may_be_named() -> None:
    billing = ROSTER.replace("to: tier-2}", "to: tier-2, hears: [component.billing]}")
    moved = a_decision("tier.changed", about={"component": "billing"}, **MOVED)
    assert told(moved, billing) == [("channel_tier2", "tier-2")]
    assert told(a_decision("tier.changed", **MOVED), billing) == []


def a_desk() -> Desk:
    return Desk(load_roster(ROSTER), alerts=True, now=NOON, known={}, early={}, earlier={})


def test_a_queue_that_is_called_in_its_channel_is_told_once() -> None:
    desk = a_desk()
    desk.hear(a_decision("tier.changed", 1, notify=[called("t2_queue", "chat")], **MOVED))
    (fan_out,) = desk.fan_outs
    assert [(row.role, row.suppressed) for row in fan_out.rows] == [
        ("t2_queue", None),
        ("channel_tier2", Suppression.SAME_PERSON),
    ]


def test_what_waits_for_an_open_channel_falls_when_the_case_becomes_restricted() -> None:
    desk = a_desk()
    desk.hear(a_decision("tier.changed", 1, **MOVED))
    desk.hear(a_decision("tier.changed", 2, restricted=True, **MOVED))
    before, after = desk.fan_outs
    assert desk.stale_now(before, before.rows[0]) == Suppression.RESTRICTED
    assert desk.stale_now(after, after.rows[0]) is None


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("to: tier-2}", "to: nobody}", "channels.tier2.to", "'nobody' is not in groups"),
        ("to: security}", "to: news}", "channels.restricted.to", "may not read"),
        (
            "leads: {post: [t2_queue]}",
            "leads: {post: [t2_queue], hears: [all]}",
            "channels.leads.hears",
            "give `to`",
        ),
        ("to: tier-2}", "to: tier-2, hears: [gossip]}", "channels.tier2.hears.0", ""),
    ],
)
def test_what_would_be_posted_to_nobody_or_to_everybody_is_refused(
    old: str, new: str, key: str, what: str
) -> None:
    with pytest.raises(RosterError) as caught:
        load_roster(ROSTER.replace(old, new, 1))
    found: Any = caught.value.findings[0]
    assert found.key == key
    assert what in found.what

"""A lead reads in a minute what a new version changes, and nothing that changes is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy.difference import difference
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, edited, load_policy
from shared.policy.places import span


def lines(policy: Policy, edits: dict[str, str]) -> list[str]:
    return [one.text for one in difference(policy, edited(policy, edits)).changes]


CELLS = [f"cells.S{s}.I{i}" for s in range(1, 5) for i in range(1, 5)]


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({"cells.S3.I1.t1_max": "4h"}, ["S3 × I1: dwell tier 1 from 16 h to 4 h"]),
        ({f"cells.S4.{i}.t2_max": "60h" for i in ("I1", "I2", "I3")}, ["S4 × I1–I3: dwell tier 2 from 80 h to 60 h"]),
        ({f"cells.{c}.mode": "email" for c in ("S3.I1", "S3.I2", "S4.I1", "S4.I2")}, ["S3, S4 × I1, I2: mode from chat to email"]),
        ({"cells.S1.I3.priority": "P2", "cells.S1.I3.start_tier": "2"}, ["S1 × I3: priority from P1 to P2", "S1 × I3: start tier from 3 to 2"]),
        ({"cells.S2.I1.exec_inform": "8h"}, ["S2 × I1: executives told after from none to 8 h"]),
        ({"cells.S3.I1.notify_at_start": "[t1_lead]"}, ["S3 × I1: people at the start +t1_lead, -t1_queue"]),
        ({"targets.standard.P3.resolve": "20h"}, ["standard × P3: resolution from 40 h to 20 h"]),
        ({f"targets.{p}.P4.next_response": "4h" for p in ("standard", "premium")}, ["standard, premium × P4: next response from 16 h to 4 h"]),
        ({"targets.warn_at": "[50%, 75%, 90%, 95%, 100%]"}, ["warned at +95 %"]),
        ({"triggers.T20_cell_worsened.P2.ack": "10m"}, ["T20 cell worsened P2: acknowledgement from 15 min to 10 min"]),
        ({"triggers.T09_resolve_75.P2.to": "hold"}, ["T09 resolve 75 P2: goes from up to hold"]),
        ({"triggers.T15_three_hops_no_progress.P4": "none"}, ["T15 three hops no progress P4: removed (was to hold, track hierarchical, notify tier_lead, mode chat, by 8 h, ack 4 h, renotify 2 h)"]),
        ({"triggers.T01_first_response_50.P3": "{to: hold, track: functional, notify: [t1_lead], mode: chat}"}, ["T01 first response 50 P3: added (to hold, track functional, notify t1_lead, mode chat)"]),
        ({"ladders.P1.steps.1.after": "4m"}, ["ladder P1: step 2 after from 5 min to 4 min"]),
        ({"ladders.exec.then.to": "[exec_oncall]"}, ["ladder exec: then people -exec_backup, -head_of_support"]),
        ({"ladders.P2.steps": "[{after: 0m, to: [target_oncall], mode: page}]"}, [f"ladder P2: step {n} removed (was after {after}, to {who}, mode {mode})" for n, after, who, mode in ((2, "15 min", "target_backup", "page"), (3, "30 min", "tier_lead", "page"), (4, "45 min", "escalation_manager", "page"), (5, "1 h", "fyi:exec_oncall", "email"))]),
        ({"calendars.emea.closed.2026-12-24": "Christmas Eve"}, ["calendar emea: closed on 2026-12-24 added (Christmas Eve)"]),
        ({"calendars.emea.open.sat": '"09:00-12:30"'}, ["calendar emea: open Saturday from closed to 09:00-12:30"]),
        ({"calendar_for.P2.standard": "always"}, ["calendar for standard × P2: from business to always"]),
        ({"roles.night_lead": "Leads at night."}, ["role night_lead: added (Leads at night.)"]),
        ({"departments.qa.ola.P1.acknowledge": "1h"}, ["department qa P1: agreement: acknowledgement from 2 h to 1 h"]),
        ({"overrides.data_loss.restricted": "true"}, ["flag data_loss: restricted from no to yes"]),
        ({"modifiers.premium.dwell_factor": "0.5"}, ["premium: dwell factor from 0.75 to 0.5"]),
        ({"impact.I3.at_least.share": "7.5%"}, ["impact I3: at least share from 5 % to 7.5 %"]),
        ({"reopen.window": "100h"}, ["reopen: window from 336 h to 100 h"]),
        ({"ladders.ack_by": "[escalation_manager, tier_lead_of_target, target_queue_member, target_backup, target_oncall]"}, ["ladder: ack by in the order escalation_manager, tier_lead_of_target, target_queue_member, target_backup, target_oncall"]),
    ],
)  # fmt: skip
def test_a_change_is_told_in_one_line(
    policy: Policy, edits: dict[str, str], told: list[str]
) -> None:
    assert lines(policy, edits) == told


def test_lines_come_in_the_order_in_which_a_policy_is_read(policy: Policy) -> None:
    edits = {
        "roles.night_lead": "Leads at night.",
        "cells.S3.I1.t1_max": "4h",
        "targets.standard.P3.resolve": "20h",
        "reopen.window": "100h",
    }
    found = difference(policy, edited(policy, edits))
    titles = [title for title, _ in found.groups()]
    assert titles == ["Cells", "Promises", "Roles and rights", "Other rules"]
    assert found.summary() == (
        "S3 × I1: dwell tier 1 from 16 h to 4 h; standard × P3: resolution from 40 h to 20 h; "
        "role night_lead: added (Leads at night.); and 1 more"
    )


def test_how_a_value_is_written_is_no_change(policy: Policy) -> None:
    text = DEFAULT_POLICY.read_text()
    other = text.replace("t1_max: 16h", "t1_max: 960m  # two days").replace(
        "  version: 1\n", "  version: 9\n"
    )
    found = difference(policy, load_policy(other))
    assert (found.is_same, found.summary()) == (True, "the same rules")
    assert found.document() == {
        "same": True,
        "before": policy.reference,
        "after": load_policy(other).reference,
        "changes": [],
    }


def test_another_name_is_a_change(policy: Policy) -> None:
    assert lines(policy, {"policy.name": "ours"}) == ["name from default to ours"]


VALUES: dict[str, str] = {
    **{f"{cell}.t2_max": "3h" for cell in CELLS},
    **{f"targets.enterprise.P{n}.customer_update": "7h" for n in range(1, 5)},
    **{f"triggers.T{n}.P3.by": "7m" for n in ("16_customer_asks_manager", "21_no_higher_tier")},
    "required_info.return": "[reason_code]",
    "grouping.window": "20m",
    "communication.p1_cadence.customers": "20m",
    "channels.tier1.post": "[t1_agent]",
    "raci.triage_and_raise.CS": "A",
    "statuses.waiting_vendor.resolve": "pause",
    "merge.undo_within": "25h",
}


@settings(max_examples=5)  # each one loads a whole policy
@given(st.sets(st.sampled_from(sorted(VALUES)), min_size=1, max_size=12))
def test_every_value_that_changes_is_in_exactly_one_line(paths: set[str]) -> None:
    old = DEFAULT
    new = edited(old, {path: VALUES[path] for path in paths})
    found = difference(old, new)
    assert sorted(path for one in found.changes for path in one.paths) == sorted(paths)
    back = difference(new, old)
    assert [one.paths for one in back.changes] == [one.paths for one in found.changes]


DEFAULT = load_policy(DEFAULT_POLICY.read_text())


def cell(severity: int, impact: int) -> tuple[str, ...]:
    return (f"S{severity}", f"I{impact}", "", "")


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ([cell(1, 1)], "S1 × I1"),
        ([cell(s, i) for s in range(1, 5) for i in range(1, 5)], "every severity × every impact"),
        ([cell(2, 2), cell(2, 3), cell(2, 4)], "S2 × I2–I4"),
        ([cell(2, 1), cell(2, 4)], "S2 × I1, I4"),
        ([cell(1, 1), cell(2, 2)], "S1 × I1; S2 × I2"),
        ([cell(s, 1) for s in (1, 2, 4)], "S1, S2, S4 × I1"),
        ([("", "", "", "")], ""),
    ],
)  # fmt: skip
def test_equal_cells_are_one_range(places: list[tuple[str, ...]], told: str) -> None:
    assert span(places) == told


def places_of(told: str) -> set[tuple[str, str]]:
    found = set()
    for rectangle in told.split("; "):
        severities, impacts = (_values(part) for part in rectangle.split(" × "))
        found |= {(severity, impact) for severity in severities for impact in impacts}
    return found


def _values(text: str) -> list[str]:
    if text.startswith("every"):
        return [f"{'S' if 'severity' in text else 'I'}{n}" for n in range(1, 5)]
    found: list[str] = []
    for part in text.split(", "):
        first, _, last = part.partition("–")
        found += [f"{first[0]}{n}" for n in range(int(first[1]), int((last or first)[1]) + 1)]
    return found


@given(st.sets(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1))
def test_ranges_say_exactly_the_cells_they_stand_for(cells: set[Any]) -> None:
    told = span([cell(*one) for one in sorted(cells)])
    assert places_of(told) == {(f"S{s}", f"I{i}") for s, i in cells}

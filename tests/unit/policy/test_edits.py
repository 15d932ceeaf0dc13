"""Changing single values makes the next version and leaves the rest of the file as it was."""

from __future__ import annotations

import difflib

import pytest

from shared.contract.times import Seconds
from shared.policy.document import Policy
from shared.policy.findings import Finding
from shared.policy.load import PolicyError, edited, load_policy

HOUR = 3600


def refused(policy: Policy, path: str, value: str) -> list[Finding]:
    with pytest.raises(PolicyError) as caught:
        edited(policy, {path: value})
    return list(caught.value.findings)


def test_values_at_their_paths_change(policy: Policy) -> None:
    new = edited(
        policy,
        {
            "cells.S3.I1.t1_max": "4h",
            "cells.S1.I3.start_tier": "1",
            "targets.standard.P3.resolve": "20h",
            "triggers.T09_resolve_75.P2": "none",
            "ladders.P1.steps.1.after": "4m",
            "calendars.emea.closed.2026-12-24": "Christmas Eve",
            "overrides.safety.notify": '[legal_duty, "fyi:exec_oncall"]',
        },
    )
    assert new.cell("S3", "I1").t1_max == 4 * HOUR
    assert new.cell("S1", "I3").start_tier == 1
    assert new.promise("standard", "P3").resolve == 20 * HOUR
    assert new.trigger("T09", "P2") is None
    assert new.ladder("P1").steps[1].after == 240
    assert [str(one) for one in new.overrides["safety"].notify] == ["legal_duty", "fyi:exec_oncall"]


def test_the_old_version_stays_as_it_was(policy: Policy) -> None:
    before = policy.text
    edited(policy, {"cells.S3.I1.t1_max": "4h"})
    assert policy.text == before
    assert policy.cell("S3", "I1").t1_max == 16 * HOUR


def test_versions_and_digests_follow(policy: Policy) -> None:
    second = edited(policy, {"cells.S3.I1.t1_max": "4h"})
    third = edited(second, {"cells.S3.I1.t1_max": "16h"})
    assert [one.version for one in (policy, second, third)] == [1, 2, 3]
    assert len({one.digest for one in (policy, second, third)}) == 3
    assert second.reference == {"name": "default", "version": 2, "digest": second.digest}


def test_only_the_lines_of_the_values_change(policy: Policy) -> None:
    new = edited(policy, {"cells.S3.I1.t1_max": "4h", "triggers.T09_resolve_75.P2": "none"})
    changes = [
        line
        for line in difflib.ndiff(policy.text.splitlines(), new.text.splitlines())
        if line.startswith("+ ")
    ]
    assert changes == ["+   version: 2", "+       t1_max: 4h", "+     P2: none"]


def test_the_text_of_a_new_version_loads_to_the_same(policy: Policy) -> None:
    new = edited(policy, {"cells.S3.I1.t1_max": "4h"})
    assert load_policy(new.text).digest == new.digest


def test_a_key_that_may_be_there_is_added_to_its_line(policy: Policy) -> None:
    path = "triggers.T08_resolve_50.P3.ack"
    row = edited(policy, {path: "60m"}).trigger("T08", "P3")
    assert row is not None
    assert row.ack == HOUR


def test_a_key_is_added_to_an_empty_section(policy: Policy) -> None:
    new = edited(policy, {"statuses.waiting_vendor.resolve": "pause"})
    assert new.treatment("waiting_vendor", "resolve") == "pause"


def test_a_key_that_may_be_there_is_added_to_its_block(policy: Policy) -> None:
    new = edited(policy, {"cells.S3.I1.exec_inform": "8h", "internal_calendar.S2": "always"})
    assert new.cell("S3", "I1").exec_inform == Seconds(8 * HOUR)
    assert new.internal_calendar("S2", "P3", "standard", "emea").name == "always"


@pytest.mark.parametrize(
    ("path", "value", "message", "remedy"),
    [
        ("cells.S3.I9.t1_max", "4h", "no such key", "cells.S3.I4.t1_max"),
        ("nothing_like_it", "4h", "not a key here", "Known here"),
        ("zzz.yyy", "4h", "no such key", "dots"),
        ("cells.S3.I1.t1_maxx", "4h", "not a key here", "`t1_max`"),
        ("triggers.T01_first_response_50.P3.ack", "5m", "no such key", "triggers.T01"),
        ("ladders.P1.steps.9.after", "4m", "no such key", "ladders.P1.steps"),
        ("cells.S3.I1.t1_max", "soon", "not a length of time", "15m"),
        ("cells.S3.I1.t1_max", "4h, t2_max: 1h", "not a length of time", "15m"),
        ("cells.S3.I1.t1_max", "[4h", "not YAML", "Look"),
        ("cells.S3.I1.t1_max", "*all", "anchor", "Write the value out"),
        ("cells.S3.I1", "none", "keys with values", "key: value"),
        ("policy.name", "Ours", "not accepted", "pattern"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be(
    path: str, value: str, message: str, remedy: str, policy: Policy
) -> None:
    finding = refused(policy, path, value)[0]
    assert finding.key == path
    assert message in finding.message
    assert remedy in finding.remedy


def test_a_value_cannot_smuggle_in_another(policy: Policy) -> None:
    path = "targets.standard.P3.resolve"
    assert refused(policy, path, "20h, first_response: 1m")[0].key == path
    assert refused(policy, path, "20h}\n    P4: none")[0].severity == "error"


def test_what_does_not_hold_together_is_refused(policy: Policy) -> None:
    (finding,) = refused(policy, "ladders.P1.steps.1.after", "10m")
    assert finding.key == "ladders.P1.steps.2.after"


def test_overlapping_changes_are_refused(policy: Policy) -> None:
    edits = {"triggers.T09_resolve_75.P2": "none", "triggers.T09_resolve_75.P2.ack": "5m"}
    with pytest.raises(PolicyError, match="touch the same place"):
        edited(policy, edits)


def test_every_wrong_path_is_told_at_once(policy: Policy) -> None:
    with pytest.raises(PolicyError) as caught:
        edited(policy, {"a.b": "1", "c.d": "2"})
    assert [one.key for one in caught.value.findings] == ["a.b", "c.d"]

"""A mistake in a policy is named with its line, its key, what is wrong and what would do."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from shared.policy.document import Policy
from shared.policy.load import (
    DEFAULT_POLICY,
    Finding,
    PolicyError,
    check_policy,
    load_policy,
    load_policy_file,
)
from shared.policy.tree import LARGEST, parse_tree
from shared.policy.tree import Path as KeyPath

TEXT = DEFAULT_POLICY.read_text()
LINES = TEXT.splitlines()


def changed(old: str, new: str) -> str:
    """The default policy with *old*, which is in it, replaced once by *new*."""
    assert old in TEXT, old
    return TEXT.replace(old, new, 1)


def found(text: str) -> list[Finding]:
    """Everything that keeps *text* from being a policy."""
    with pytest.raises(PolicyError) as caught:
        load_policy(text, name="mine.yaml")
    return list(caught.value.findings)


def only(text: str) -> Finding:
    (finding,) = found(text)
    return finding


def test_the_default_policy_has_nothing_wrong() -> None:
    assert check_policy(TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "key", "message", "remedy"),
    [
        ("t1_max: 16h", "t1_max: 16", "cells.S3.I1.t1_max", "length of time", "15m, 4h"),
        ("t1_max: 16h", "t1_max: 900000h", "cells.S3.I1.t1_max", "ten years", "shorter"),
        ("t1_max: 16h", "t1_maxx: 16h", "cells.S3.I1.t1_maxx", "not a key here", "`t1_max`"),
        ("start_tier: 3", "start_tier: 4", "cells.S1.I3.start_tier", "`4`", "1, 2, 3"),
        ("priority: P2", "priority: P5", "cells.S1.I1.priority", "`P5`", "P"),
        ("[t2_oncall, t2_lead]", "[]", "cells.S1.I1.notify_at_start", "nothing", "at least one"),
        ("[t2_oncall, t2_lead]", "[T2 lead]", "cells.S1.I1.notify_at_start.0", "not a role", "low"),
        ("[t2_oncall, t2_lead]", "t2_lead", "cells.S1.I1.notify_at_start", "list", "[a, b]"),
        ("[t2_oncall, t2_lead]", "[t2_onkall]", "cells.S1.I1.notify_at_start.0", "not a role", "`t2_oncall`"),
        ("external: [security]", "external: [secrity]", "overrides.security_suspected.external.0", "not a department", "`security`"),
        ("tz: Europe/Vienna", "tz: Europe/Wien", "calendars.emea.tz", "not a time zone", "Vienna"),
        ('mon: "09:00-17:00"', 'mon: "17:00-09:00"', "calendars.emea.open.mon", "same day", "split"),
        ('mon: "09:00-17:00"', 'mon: "9-17"', "calendars.emea.open.mon", "from and to", "09:00-17:00"),
        ('mon: "09:00-17:00"', 'mon: "09:00-12:00, 11:00-17:00"', "calendars.emea.open.mon", "begins before", "Sort"),
        ("2026-01-06: Epiphany", "2026-13-06: Epiphany", "calendars.emea.closed.2026-13-06", "not a date", "2026-12-25"),
        ("default: emea}", "default: eu}", "business_calendar.default", "business hours", "emea"),
        ("default: emea}", "default: always}", "business_calendar.default", "business hours", "emea"),
        ("always: {kind: continuous}", "forever: {kind: continuous}", "calendars", "always", "kind"),
        ("[50%, 75%, 90%, 100%]", "[75%, 50%]", "targets.warn_at", "do not rise", "small to large"),
        ("[50%, 75%, 90%, 100%]", "[50%, 175%]", "targets.warn_at.1", "more than the whole", "0 to 1"),
        ("dwell_factor: 0.75", "dwell_factor: 0", "modifiers.premium.dwell_factor", "factor of 0", "above 0"),
        ("users: 10, orgs: 3", "users: 2, orgs: 3", "impact.I3.at_least.users", "do not begin above", "rise"),
        ("{name: few, at_least: {users: 2, orgs: 2, share: 0.01%}}", "{name: few}", "impact.I2", "from which counts", "at_least"),
        ("{name: single}", "{name: single, at_least: {users: 1, orgs: 1, share: 0}}", "impact.I1.at_least", "lowest", "Leave"),
        ("renotify: 2m\n", "renotify: 5s\n", "ladders.P1.renotify", "twice a minute", "30s"),
        ("{after: 0m, to: [target_oncall], mode: page}", "{after: 1m, to: [target_oncall], mode: page}", "ladders.P1.steps.0.after", "at once", "0m"),
        ("after: 10m, to: [tier_lead]", "after: 5m, to: [tier_lead]", "ladders.P1.steps.2.after", "come after", "Sort"),
        ("from: 25m", "from: 20m", "ladders.P1.then.from", "before the last step", "after the last"),
        ("to: [tier_lead, escalation_manager, exec_oncall]", 'to: ["fyi:exec_oncall"]', "ladders.P1.then.to", "nobody who has to act", "fyi"),
        ("by: due, ack: 5m, renotify: 2m}", "by: due, renotify: 2m}", "triggers.T01_first_response_50.P1.renotify", "nobody asks for", "ack"),
        ("notify: [target_backup], mode: page", 'notify: ["fyi:target_backup"], mode: page', "triggers.T01_first_response_50.P1.notify", "nobody who is told", "fyi"),
        ("ack_by: [target_oncall", "ack_by: [target_oncal", "ladders.ack_by.0", "not a role", "`target_oncall`"),
        ("duty: engineering_duty", "duty: engineering_dute", "departments.engineering.duty", "not a role", "`engineering_duty`"),
        ("all_of_t1_to_t2", "all_of_t1_to_t3", "required_info.t2_to_t3.0", "no form", "`all_of_t1_to_t2`"),
        ("{after: 40h, do: remind}", "{after: 24h, do: remind}", "waiting_customer_steps.P3.steps.1.after", "come after", "Sort"),
        ("{after: 40h, do: remind}", "{after: 40h, do: auto_resolve}", "waiting_customer_steps.P3.steps.2", "after the case is resolved", "last step"),
        ("exec_decide: 8h", "exec_decide: 1h", "cells.S1.I2.exec_decide", "before they are told", "earlier"),
        ("version: 1\n", "version: 0\n", "policy.version", "not accepted", "1"),
        ("version: 1\n", "version: one\n", "policy.version", "not accepted", "integer"),
        ("local_gap: shift_forward", "local_gap: refuse", "time_rules.local_gap", "`refuse`", "Only `shift_forward`"),
        ("resolve: pause, tier_dwell: pause}", "resolve: paus, tier_dwell: pause}", "statuses.waiting_customer.resolve", "`paus`", "`pause`"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_finding(
    old: str, new: str, key: str, message: str, remedy: str
) -> None:
    text = changed(old, new)
    finding = only(text)
    assert finding.key == key
    assert message in finding.message
    assert remedy in finding.remedy
    assert finding.line is not None
    part = key.rsplit(".", 1)[-1]
    near = "\n".join(text.splitlines()[finding.line - 1 : finding.line + 1])
    assert part.isdigit() or part in near


def test_the_message_reads_as_one_line_with_file_and_line() -> None:
    number = LINES.index("      t1_max: 16h") + 1
    with pytest.raises(PolicyError) as caught:
        load_policy(changed("t1_max: 16h", "t1_maxx: 16h"), name="mine.yaml")
    assert str(caught.value) == (
        f"mine.yaml:{number}: error: cells.S3.I1.t1_maxx: `t1_maxx` is not a key here. "
        "Did you mean `t1_max`?"
    )


def test_several_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    text = changed("t1_max: 16h", "t1_max: soon").replace("tz: Asia/Tokyo", "tz: Asia/Tokio")
    text = text.replace("window: 336h", "windw: 336h")
    findings = found(text)
    assert {one.key for one in findings} == {
        "calendars.apac.tz",
        "cells.S3.I1.t1_max",
        "reopen.windw",
    }
    assert check_policy(text) == findings
    assert all((a.line or 0) <= (b.line or 0) for a, b in pairwise(findings))


def without(root: Any, *path: str) -> str:
    """The policy *root* without what is at *path*, as text."""
    head, *rest = path
    if not rest:
        return to_json({k: v for k, v in root.items() if k != head}).decode()
    inner = from_json(without(root[head], *rest))
    return to_json({**root, head: inner}).decode()


TREE = parse_tree(TEXT)
ROOT = TREE.root
TRIGGERS = [name for name in ROOT["triggers"] if name.startswith("T")]
ROWS = [("triggers", name, f"P{1 + n % 4}") for n, name in enumerate(TRIGGERS)]
CELLS = [("cells", f"S{s}", f"I{i}") for s in range(1, 5) for i in range(1, 5)]
PROMISES = [("targets", plan, "P3", "resolve") for plan in ("standard", "premium", "enterprise")]
SECTIONS = [(name,) for name in ROOT]


@pytest.mark.parametrize("path", [*SECTIONS, *CELLS, *ROWS, *PROMISES], ids=".".join)
def test_what_is_left_out_is_named(path: tuple[str, ...]) -> None:
    finding = only(without(ROOT, *path))
    assert finding.key == ".".join(path)
    assert finding.message == f"`{path[-1]}` is missing"


def test_a_row_that_nothing_could_acknowledge_at_the_start_is_named() -> None:
    text = edited_rows("P4", "none")
    assert {one.key for one in found(text)} == {
        f"cells.S4.{band}.priority" for band in ("I1", "I2", "I3")
    }


def edited_rows(priority: str, row: str) -> str:
    """The default policy with another row of T20 at *priority*."""
    start = TEXT.index("  T20_cell_worsened:")
    line = next(one for one in TEXT[start:].splitlines() if one.strip().startswith(f"{priority}:"))
    return TEXT[:start] + TEXT[start:].replace(line, f"    {priority}: {row}", 1)


def test_a_row_to_a_department_that_is_gone_is_named() -> None:
    assert "triggers.T07_tier2_dwell.P4.to" in {
        one.key for one in found(without(ROOT, "departments", "product"))
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("policy: {name: a, name: b}", "a second time (first in line 1)"),
        ("policy: &a {name: x}\nreopen: *a", "an anchor or an alias"),
        ("a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]", "an anchor or an alias"),
        ("policy: {name: default", "this is not YAML"),
        ("\tpolicy: 1", "this is not YAML"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("[" * 40 + "]" * 40, "nested too deep"),
        ("? [a, b]\n: 1", "a key is not a word"),
        ("x: " + "y" * LARGEST, "larger than 1 MiB"),
        ("a: \x07", "this is not YAML"),
        ("just words", "keys with values belong"),
        ("", "keys with values belong"),
        ("- a\n- b", "keys with values belong"),
    ],
    ids=lambda text: text[:24],
)
def test_what_is_no_plain_yaml_is_refused(text: str, message: str) -> None:
    assert any(message in one.message for one in found(text))


def test_a_repeated_key_names_both_lines() -> None:
    text = changed("    I1:\n      priority: P3", "    I2:\n      priority: P3")
    first = text.splitlines().index("    I2:", LINES.index("  S2:")) + 1
    repeated = next(one for one in found(text) if "second time" in one.message)
    assert repeated.message == f"`I2` is written a second time (first in line {first})"
    assert (repeated.line or 0) > first


@given(st.text(max_size=200) | st.lists(st.sampled_from(LINES), max_size=30).map("\n".join))
def test_any_text_is_refused_in_words_and_never_crashes(text: str) -> None:
    findings = found(text)
    assert findings
    assert all(one.message and one.remedy for one in findings)


@settings(max_examples=25)
@given(
    st.sampled_from([path for path in TREE.places if path]),
    st.sampled_from(["none", "0", "[]", "{}", "-1h", "''", "[[]]", "{a: 1}", "true", "P9", "1.5"]),
)
def test_any_value_anywhere_loads_or_is_refused_in_words(path: KeyPath, value: str) -> None:
    place = TREE.places[path]
    text = (
        f"{TEXT[: place.start]}{value}\n{TEXT[place.end :]}"
        if place.kind == "block"
        else (TEXT[: place.start] + value + TEXT[place.end :])
    )
    assert all(one.message and one.remedy and one.line for one in check_policy(text))


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"missing\.yaml: error: No such file"):
        load_policy_file(tmp_path / "missing.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy_file(binary)


def test_a_comment_does_not_change_the_digest_and_a_value_does(policy: Policy) -> None:
    commented = load_policy(TEXT.replace("cells:\n", "# ours\ncells:  # since May\n", 1))
    other = load_policy(changed("t1_max: 16h", "t1_max: 15h"))
    assert commented.text != policy.text
    assert commented.digest == policy.digest
    assert other.digest != policy.digest
    assert len(policy.digest) == 64


def test_the_order_of_keys_does_not_change_the_digest(policy: Policy) -> None:
    backwards = to_json(dict(reversed(ROOT.items()))).decode()
    assert load_policy(backwards).digest == policy.digest


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("start_tier: 3", "start_tier: 1", "cells.S1.I3.start_tier", "starts lower than in S1/I2"),
        ("t1_max: 8h", "t1_max: 18h", "cells.S3.I2.t1_max", "longer in tier 1 than in S3/I1"),
        ("priority: P1", "priority: P3", "cells.S1.I3.priority", "less urgent than S1/I2"),
        (
            "resolve: 12h",
            "resolve: 20h",
            "targets.premium.P2.resolve",
            "premium promises less than standard",
        ),
    ],
)
def test_what_gets_milder_as_matters_get_worse_is_a_warning(
    old: str, new: str, key: str, message: str
) -> None:
    text = changed(old, new)
    findings = check_policy(text)
    assert {one.severity for one in findings} == {"warning"}
    assert any(one.key == key and message in one.message for one in findings)
    assert load_policy(text).version == 1

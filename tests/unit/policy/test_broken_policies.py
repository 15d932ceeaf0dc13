"""Each kind of mistake is refused at its line, with a sentence that a support lead understands."""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from shared.policy.load import DEFAULT_POLICY, Finding, PolicyError, check_policy, load_policy

TEXT: Final = DEFAULT_POLICY.read_text()


class Mistake(NamedTuple):
    """An edit of the shipped policy, the line that is named, and the sentence that names it.

    `line` is a piece of the edited text by which its line is known; where it stands more than once,
    `below` is a line above it from which on it is looked for.
    """

    old: str
    new: str
    line: str
    told: str
    below: str = ""


P3_ROWS: Final = "P3: {to: 3_or_product_if_S4, track: functional"
MISTAKES: Final = {
    # --- how the file is written
    "a key is misspelt": Mistake("t1_max: 16h", "t1_maxx: 16h", "t1_maxx", "cells.S3.I1.t1_maxx: `t1_maxx` is not a key here. Did you mean `t1_max`?"),
    "a key is missing": Mistake("      t1_max: 16h\n", "", "    I1:", "cells.S3.I1.t1_max: `t1_max` is missing. Add it; the shipped policy shows how it is written.", "  S3:\n    I1:\n      priority"),
    "a key is written twice": Mistake("dwell_floor: 15m ", "dwell_floor: 15m\n  dwell_floor: 20m ", "dwell_floor: 20m", "modifiers.dwell_floor: `dwell_floor` is written a second time (first in line {first}). Keep one of them.", "dwell_floor: 15m"),
    "a value is an alias": Mistake("  S1:\n    I1:\n", "  S1:\n    I1: &cell\n", "I1: &cell", "cells.S1.I1: an anchor or an alias. Write the value out; anchors (&) and aliases (*) are not used here.", "cells:"),
    "it is no YAML": Mistake("warn_at: [50%, 75%, 90%, 100%]", "warn_at: [50%, 75%", "modifiers:", "this is not YAML: expected ',' or ']', but got '<scalar>'. Look at this line and the one above."),
    "a cell is missing": Mistake("    I4:\n      priority: P2\n      start_tier: 2\n      t1_max: 0m\n      t2_max: 4h\n      exec_inform: 24h\n      tracks: [functional, external]\n      notify_at_start: [t2_oncall, t2_lead, product_duty]\n      mode: page\n", "", "  S3:", "cells.S3.I4: `I4` is missing. Add it; the shipped policy shows how it is written.", "cells:"),
    # --- values
    "a time has no unit": Mistake("t1_max: 16h", "t1_max: 16", "t1_max: 16", "cells.S3.I1.t1_max: `16` is not a length of time. Write it with its unit: 15m, 4h, 90s.", "  S3:\n    I1:\n      priority"),
    "a time is none at all": Mistake("window: 336h", "window: 0h", "window: 0h", "reopen.window: 0h is no time at all. Write a time above zero."),
    "a share is more than all": Mistake("share: 20%}", "share: 120%}", "share: 120%}", "impact.I4.at_least.share: 120% is more than the whole. Write a share from 0 to 1, or with a %."),
    "a tier that is none": Mistake("start_tier: 3", "start_tier: 4", "start_tier: 4", "cells.S1.I3.start_tier: `4` is not accepted here. Write one of: 1, 2, 3."),
    "a way to tell people that is none": Mistake("mode: chat\n    I2:", "mode: sms\n    I2:", "mode: sms", "cells.S2.I1.mode: `sms` is not accepted here. Write one of: page, chat, email, digest."),
    "a status treated in a way that is none": Mistake("resolve: pause, tier_dwell: pause}", "resolve: paus, tier_dwell: pause}", "resolve: paus,", "statuses.waiting_customer.resolve: `paus` is not accepted here. Did you mean `pause`?"),
    # --- calendars
    "a zone that is none": Mistake("tz: Europe/Vienna", "tz: Europe/Wien", "tz: Europe/Wien", "calendars.emea.tz: `Europe/Wien` is not a time zone. Write one such as Europe/Vienna."),
    "a window that ends before it begins": Mistake('mon: "09:00-17:00"', 'mon: "17:00-09:00"', '"17:00-09:00"', "calendars.emea.open.mon: 17:00-09:00 does not end after it begins on the same day. Write 00:00 to 24:00 at most, and split what crosses midnight over two days."),
    "a date that is none": Mistake("2026-01-06: Epiphany", "2026-13-06: Epiphany", "2026-13-06", "calendars.emea.closed.2026-13-06: `2026-13-06` is not a date. Write year, month and day: 2026-12-25."),
    "a default calendar without hours": Mistake("default: emea}", "default: always}", "default: always}", "business_calendar.default: `always` is not a calendar with business hours. Known here: emea, amer, apac."),
    "a calendar that is never open": Mistake('open: {mon: "09:00-17:00", tue: "09:00-17:00", wed: "09:00-17:00", thu: "09:00-17:00", fri: "09:00-17:00"}', "open: {}", "open: {}", "calendars.emea.open: the calendar is never open. Give at least one window."),
    # --- references
    "a role that is not defined": Mistake("notify_at_start: [t2_oncall, t2_lead]", "notify_at_start: [t2_onkall, t2_lead]", "t2_onkall", "cells.S1.I1.notify_at_start.0: `t2_onkall` is not a role. Did you mean `t2_oncall`?"),
    "a department that is not defined": Mistake("external: [security]", "external: [secrity]", "secrity", "overrides.security_suspected.external.0: `secrity` is not a department. Did you mean `security`?"),
    "a form that is not there": Mistake("all_of_t1_to_t2", "all_of_t1_to_t3", "all_of_t1_to_t3", "required_info.t2_to_t3.0: there is no form `t1_to_t3` to include. Did you mean `all_of_t1_to_t2`?"),
    "two departments with one duty": Mistake("duty: it_duty", "duty: product_duty", "duty: product_duty", "departments.it.duty: `product_duty` is the duty of product already, so it could not be told from it. Name a role of its own, such as `it_duty`.", "  it:\n    raci"),
    "an activity with two who are accountable": Mistake("triage_and_raise: {CS: AR, IT: R", "triage_and_raise: {CS: AR, IT: AR", "triage_and_raise: {", "raci.triage_and_raise: CS, IT are accountable. Give exactly one part an A (or AR)."),
    # --- the matrix
    "bands that do not rise": Mistake("users: 10, orgs: 3", "users: 2, orgs: 3", "users: 2, orgs: 3", "impact.I3.at_least.users: users do not begin above the band below. Let the bands rise from I2 to I4."),
    "a start that nobody must acknowledge": Mistake("P1: {to: cell_start, track: functional, notify: [cell_notify], mode: page, by: 0m, ack: 5m, renotify: 2m}", "P1: {to: cell_start, track: functional, notify: [cell_notify], mode: page, by: 0m}", "      priority: P1", "cells.S1.I3.priority: a start at P1 has nothing that says when to acknowledge. Give triggers.T20_cell_worsened.P1 an `ack`."),
    "executives asked before they are told": Mistake("exec_decide: 8h", "exec_decide: 1h", "exec_decide: 1h", "cells.S1.I2.exec_decide: executives are asked before they are told. Let exec_inform be the earlier one."),
    "a resolution before the first response": Mistake("P4: {first_response: 16h, next_response: 16h, customer_update: 40h, resolve: 80h}", "P4: {first_response: 16h, next_response: 16h, customer_update: 40h, resolve: 8h}", "resolve: 8h}", "targets.standard.P4.resolve: the resolution is promised before the first response. Promise the first response earlier, or this later.", "P3: {first_response: 8h, next_response: 8h"),
    "shares that do not rise": Mistake("[50%, 75%, 90%, 100%]", "[75%, 50%, 90%, 100%]", "warn_at", "targets.warn_at: the shares do not rise. Write them from small to large, once each."),
    "a factor that leaves no stay": Mistake("dwell_factor: 0.75", "dwell_factor: 0", "dwell_factor: 0\n", "modifiers.premium.dwell_factor: a factor of 0 leaves no stay at all. Write a factor above 0, at most 1."),
    # --- calling people
    "a ladder that ends with nobody who acts": Mistake("to: [tier_lead, escalation_manager, exec_oncall], mode: page}", 'to: ["fyi:exec_oncall"], mode: page}', 'then: {from: 25m, every: 10m, to: ["fyi:exec_oncall"]', "ladders.P1.then.to: the ladder ends with nobody who has to act. Name at least one role without fyi:."),
    "a ladder that ends with a queue": Mistake("then: {from: 6h, every: 4h, to: [escalation_manager], mode: email}", "then: {from: 6h, every: 4h, to: [target_queue], mode: email}", "from: 6h", "ladders.P3.then.to: the ladder ends with a queue, where nobody in particular has to act. Name a role that one person holds, such as tier_lead or escalation_manager."),
    "a ladder that does not begin at once": Mistake("{after: 0m, to: [exec_oncall], mode: page}", "{after: 5m, to: [exec_oncall], mode: page}", "{after: 5m, to: [exec_oncall]", "ladders.exec.steps.0.after: the first step does not begin at once. Write 0m."),
    "ladder steps out of order": Mistake("after: 10m, to: [tier_lead]", "after: 5m, to: [tier_lead]", "after: 5m, to: [tier_lead]", "ladders.P1.steps.2.after: the step does not come after the one ahead of it. Sort the steps by time."),
    "a ladder's end before its last step": Mistake("from: 25m", "from: 20m", "from: 20m", "ladders.P1.then.from: `then` begins before the last step. Let it begin after the last step."),
    "people called without a pause": Mistake("renotify: 2m\n", "renotify: 5s\n", "renotify: 5s", "ladders.P1.renotify: people are called more than twice a minute. Write 30s or more."),
    "a row that only informs, yet waits": Mistake("notify: [target_backup], mode: page, by: due, ack: 5m", 'notify: ["fyi:target_backup"], mode: page, by: due, ack: 5m', "fyi:target_backup", "triggers.T01_first_response_50.P1.notify: nobody who is told has to act, yet somebody must acknowledge. Name at least one role without fyi:."),
    "people called again for nothing": Mistake("by: due, ack: 5m, renotify: 2m}", "by: due, renotify: 2m}", "by: due, renotify: 2m}", "triggers.T01_first_response_50.P1.renotify: people are called again for an acknowledgement that nobody asks for. Add `ack`, or leave `renotify` out."),
    "no time to acknowledge": Mistake("by: due, ack: 5m, renotify: 2m}", "by: due, ack: 0m, renotify: 2m}", "ack: 0m", "triggers.T01_first_response_50.P1.ack: nobody can acknowledge within no time. Write 5m."),
    "something after the case is resolved": Mistake("{after: 40h, do: remind}", "{after: 40h, do: auto_resolve}", "P3: {calendar: business", "waiting_customer_steps.P3.steps.2: something is to be done after the case is resolved. Let auto_resolve be the last step.", "waiting_customer_steps:"),
    # --- what can never act
    "rows at a priority that no case has": Mistake("priority: P4", "priority: P3", "P4: {to: hold, track: functional, notify: [target_queue], mode: chat, by: due}", "triggers.T02_first_response_75.P4: no cell and no flag gives a case P4, so T02, T03, T04, T05, T06, T07, T09, T10, T11, T12, T13, T14, T15, T16, T17, T18, T19, T20, T21 can never act at it. Give a cell P4, or write `none` for it in these rows."),
    "a row at a share that nobody looks at": Mistake("[50%, 75%, 90%, 100%]", "[50%, 75%, 100%]", "T10_resolve_90:", "triggers.T10_resolve_90: the row looks at 90% of a promise, and targets.warn_at does not list that. Add 90% to targets.warn_at, or write `none` in the row."),
    "a limit that no row acts on": Mistake("P1: {to: 3, track: functional, notify: [t3_oncall, t3_lead], mode: page, by: 0m, ack: 5m, renotify: 2m}", "P1: none", "t1_max: 0m", "cells.S1.I3.t1_max: a stay in tier 1 has a limit, and T06 does nothing at P1. Write a row triggers.T06_tier1_dwell.P1, or `t1_max: none`.", "      priority: P1"),
    "a row that no limit leads to": Mistake("    P3: none\n    P4: none\n  # The rows at", "    P3: none\n    P4: {to: exec, track: hierarchical, notify: [exec_oncall], mode: email}\n  # The rows at", "P4: {to: exec", "triggers.T22_exec_timer.P4: the row can never act: no cell of a P4 has exec_decide. Give one of these cells exec_decide, or write `none` here."),
    "a row that moves nobody": Mistake("P2: {to: 3, track: functional, notify: [t3_oncall, t3_lead], mode: page, by: 0m, ack: 15m, renotify: 5m}", "P2: {to: min2, track: functional, notify: [t3_oncall, t3_lead], mode: page, by: 0m, ack: 15m, renotify: 5m}", "to: min2", "triggers.T07_tier2_dwell.P2.to: `min2` can never move a case that is in tier 2. Name a higher tier, or write hold if people are only to be told."),
    "a row for severities that never have its priority": Mistake("P4: {to: hold, track: hierarchical, notify: [tier_lead, \"fyi:product_duty\"]", "P4: {to: up_not_S4, track: hierarchical, notify: [tier_lead, \"fyi:product_duty\"]", "P4: {to: up_not_S4", "triggers.T11_resolve_breach.P4.to: `up_not_S4` can never move a case that is in any tier. Name a higher tier, or write hold if people are only to be told."),
    "a group made before it is proposed": Mistake("propose_at: {distinct_requesters: 5}", "propose_at: {distinct_requesters: 10}", "propose_at", "grouping.propose_at.distinct_requesters: a group is made at 10 requesters, so it can never be proposed at 10. Propose at fewer requesters than create_at says."),
}  # fmt: skip

EVERYWHERE: Final = {"rows at a priority that no case has"}
"""Edits that are made at every place."""


def broken(name: str) -> str:
    """The shipped policy with the mistake *name*."""
    mistake = MISTAKES[name]
    assert mistake.old in TEXT, mistake.old
    return TEXT.replace(mistake.old, mistake.new, -1 if name in EVERYWHERE else 1)


def line_of(text: str, mistake: Mistake) -> int:
    """The number of the line that is to be named."""
    start = text.index(mistake.below) if mistake.below else 0
    return text.count("\n", 0, text.index(mistake.line, start)) + 1


def test_there_are_more_than_thirty_kinds_of_mistake() -> None:
    assert len(MISTAKES) >= 30


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_at_its_line_and_in_words(name: str) -> None:
    mistake, text = MISTAKES[name], broken(name)
    with pytest.raises(PolicyError) as caught:
        load_policy(text, name="mine.yaml")
    told = mistake.told
    if "{first}" in told:
        told = told.format(first=text.count("\n", 0, text.index(mistake.below)) + 1)
    key, colon, sentence = told.partition(": ")
    place = f"mine.yaml:{line_of(text, mistake)}: error: "
    assert place + key + colon + sentence in str(caught.value).splitlines()


WARNED: Final = {
    "a breach that nobody hears of": ("P4: {to: hold, track: functional, notify: [owner], mode: chat, by: 4h}", "P4: none", "triggers.T04_next_response_breach.P4: nobody is told when the next response is broken at P4"),
    "a promise by night, calls by day": ("  S1: always ", "  S1: always\n  S2: business ", "internal_calendar.S2: people are called in business hours, yet the promise of standard P1, premium P1, enterprise P1, premium P2, enterprise P2 runs around the clock"),
    "a stay under the floor": ("t1_max: 60m", "t1_max: 10m", "cells.S2.I2.t1_max: no plan ever has this stay: it is shorter than modifiers.dwell_floor"),
    "a share that no row looks at": ("90%, 100%]", "90%, 95%, 100%]", "targets.warn_at.3: no row looks at 95% of a promise"),
    "a flag without effect": ("  press_or_public:\n    min_priority: P3\n    min_tier: hold\n    external: [marketing, legal]\n    notify: [marketing_duty, escalation_manager]", "  press_or_public:\n    min_priority: P4\n    min_tier: hold\n    external: []\n    notify: []", "overrides.press_or_public: the flag changes nothing in any cell"),
    "holidays of a year that is over": ("valid_from: 2026-01-01T00:00:00Z", "valid_from: 2027-01-01T00:00:00Z", "calendars.emea.closed: every closed day is over when the policy begins (2027-01-01)"),
    "somebody named twice": ("notify_at_start: [t2_oncall, t2_lead]", "notify_at_start: [t2_oncall, t2_lead, t2_oncall]", "cells.S1.I1.notify_at_start: `t2_oncall` is named twice; it is told once"),
    "a right that nobody has": ("assign_against_decline: [escalation_manager]", "assign_against_decline: []", "permissions.assign_against_decline: nobody may do this"),
    "a limit that only flags lead on": ("P2: {to: 3, track: functional, notify: [t3_oncall, t3_lead], mode: page, by: 0m, ack: 15m, renotify: 5m}", "P2: none", "cells.S1.I1.t2_max: a stay in tier 2 has a limit, and T07 does nothing at P2"),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNED)
def test_what_is_legal_but_rarely_meant_is_a_warning(name: str) -> None:
    old, new, told = WARNED[name]
    assert old in TEXT, old
    text = TEXT.replace(old, new, 1)
    findings = check_policy(text)
    assert {one.severity for one in findings} == {"warning"}
    assert told in [f"{one.key}: {one.message}" for one in findings]
    assert all(_named(text, one) for one in findings)
    assert load_policy(text).version == 1


def _named(text: str, finding: Finding) -> bool:
    """Whether the line of *finding* exists and has something on it."""
    return finding.line is not None and bool(text.splitlines()[finding.line - 1].strip())

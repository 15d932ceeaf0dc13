"""A number of the policy is stated once: change it, and every place that tells people it follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from cli.handbook.filling import filler
from cli.handbook.site import index, pages
from cli.handbook.sources import SOURCES, pages_in
from cli.roleplay.library import TRAINING
from cli.training.library import curriculum
from cli.training.quiz import filled
from services.escalator.core.explaining import explain
from services.escalator.core.simulation import Simulation
from services.notifier.core.known import Decided
from services.notifier.core.plan import Purpose
from services.notifier.core.roster import TicketFacts
from services.notifier.core.wording import Told
from services.notifier.roster_file import load_roster_file
from services.notifier.words import Words
from shared.contract.events import TicketEvent
from shared.contract.explanations import View
from shared.contract.lengths import hours
from shared.contract.times import Instant, as_datetime, parse_instant
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from tests.support.ticket_events import acknowledged, opened, replied

POLICY: Final = load_policy_file(DEFAULT_POLICY)
ROSTER: Final = load_roster_file(Path(__file__).parents[3] / "deploy" / "roster" / "default.yaml")
LESSONS: Final = curriculum(TRAINING, POLICY).lessons
QUESTIONS: Final = {one.id: one for lesson in LESSONS.values() for one in lesson.questions}
WORDS: Final = Words()
DAY: Final = "2026-03-02T"


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to one ticket, and until when it is looked at."""

    events: Sequence[TicketEvent]
    until: str


@dataclass(frozen=True, slots=True)
class Number:
    """One number and where it has to be seen; None where it has no meaning there.

    Every place says the old and the new value as (words, old, new): braces in the words stand for
    the value.

    Attributes:
        path: Where it stands in the policy.
        value: What it becomes, as the file writes it.
        page: The page of the handbook, and what it says there.
        matrix: What the matrix page says of it.
        question: The question of a lesson whose right answer it is.
        story: A ticket on which it acts.
        explained: What `explain` says of that ticket.
        letter: What the letters about that ticket say.
    """

    path: str
    value: str
    page: tuple[str, tuple[str, str, str]]
    matrix: tuple[str, str, str] | None = None
    question: str | None = None
    story: Story | None = None
    explained: tuple[str, str, str] | None = None
    letter: tuple[str, str, str] | None = None


def at(hour: str) -> str:
    return f"{DAY}{hour}:00Z"


ONE_P3 = opened(at("08:00"), plan="standard")
CROWD_S1 = opened(at("10:00"), plan="standard", severity="S1", affected_users=200)
MANY_S1 = opened(at("10:00"), plan="standard", severity="S1", affected_users=20)
MANY_S2 = opened(at("08:00"), plan="standard", severity="S2", affected_users=20)
FEW_S2 = opened(at("08:00"), plan="standard", severity="S2", affected_users=3)
VIP_S2 = opened(at("08:00"), plan="enterprise", vip=True, severity="S2", affected_users=3)
EXPOSED = opened(at("10:00"), plan="standard", flags=["security_confirmed"])
BY_T3 = acknowledged(at("10:02"), role="t3_responder")

NUMBERS: Final = [
    Number(
        "cells.S3.I1.t1_max", "15h",
        ("matrix", ("tier 2 after {}", "16 h", "15 h")), ("tier 2 after {}", "16 h", "15 h"), "A1-2",
        Story([ONE_P3], "2026-03-03T16:30:00Z"),
        ("of {} used on calendar emea", "16 h (57600 s)", "15 h (54000 s)"),
        ("of {} used on calendar emea", "16 h (57600 s)", "15 h (54000 s)"),
    ),
    Number(
        "cells.S2.I3.t2_max", "3h",
        ("matrix", ("tier 3 after {}", "2 h", "3 h")), ("tier 3 after {}", "2 h", "3 h"), "A5-7",
        Story([MANY_S2], at("11:30")),
        ("tier 2: {} of", "2 h (7200 s)", "3 h (10800 s)"),
        ("tier 2: {} of", "2 h (7200 s)", "3 h (10800 s)"),
    ),
    Number(
        "cells.S1.I4.exec_inform", "17m",
        ("first-15-minutes", ("by {} (I4)", "15 min", "17 min")),
        ("executives told at {}", "15 min", "17 min"), "G1-5",
        Story([CROWD_S1], at("10:20")),
        ("{} since the raise", "15 min (900 s)", "17 min (1020 s)"),
        ("{} since the raise", "15 min (900 s)", "17 min (1020 s)"),
    ),
    Number(
        "cells.S1.I3.exec_decide", "3h",
        ("matrix", ("asked at {}", "2 h", "3 h")), ("asked at {}", "2 h", "3 h"), "G1-6",
        Story([MANY_S1, replied(at("10:01")), BY_T3], at("13:01")),
        ("{} since the raise", "2 h (7200 s)", "3 h (10800 s)"),
        ("{} since the raise", "2 h (7200 s)", "3 h (10800 s)"),
    ),
    Number(
        "impact.I3.at_least.users", "11",
        ("criteria", ("I3 many {} 3 5 %", "10", "11")), ("many: {} users", "10", "11"), "B1-2",
    ),
    Number(
        "impact.I4.at_least.share", "21%",
        ("criteria", ("100 10 {}", "20 %", "21 %")),
        ("10 organisations or {}", "20 %", "21 %"),
    ),
    Number(
        "modifiers.premium.dwell_factor", "0.7",
        ("matrix", ("premium {} 0.375", "0.75", "0.7")), ("premium {} 0.375", "0.75", "0.7"), "B1-6",
        # The stay that comes of it: 16 h of the cell times the factor.
        Story([opened(at("08:00"), plan="premium")], "2026-03-03T13:30:00Z"),
        ("tier 1: {} of", "12 h (43200 s)", "11 h 12 min (40320 s)"),
        ("tier 1: {} of", "12 h (43200 s)", "11 h 12 min (40320 s)"),
    ),
    Number(
        "modifiers.dwell_floor", "16m",
        ("matrix", ("shorter than {}", "15 min", "16 min")),
        ("shorter than {}", "15 min", "16 min"), "A5-9",
        Story([VIP_S2], at("08:20")),
        ("tier 1: {} of", "15 min (900 s)", "16 min (960 s)"),
        ("tier 1: {} of", "15 min (900 s)", "16 min (960 s)"),
    ),
    Number(
        "triggers.T20_cell_worsened.P1.ack", "6m",
        ("first-15-minutes", ("by {} Tier 3", "5 min", "6 min")),
        ("acknowledge within {}", "5 min", "6 min"), "D1-1",
        Story([CROWD_S1], at("10:03")),
        ("an answer is due 2026-03-02 {} UTC", "10:05", "10:06"),
        ("acknowledge it by 2026-03-02 {}:00 UTC", "10:05", "10:06"),
    ),
    Number(
        "triggers.T20_cell_worsened.P2.renotify", "7m",
        ("matrix", ("called again every 2 min {}", "5 min", "7 min")),
        ("called again every 2 min {}", "5 min", "7 min"),
        # Only a case that got worse while it was escalated is called about at this pace.
    ),
    Number(
        "triggers.T06_tier1_dwell.P3.ack", "50m",
        ("criteria", ("2, 15 min 2, {} 2, 4 h", "1 h", "50 min")), None, "C1-5",
        Story([ONE_P3], "2026-03-03T16:10:00Z"),
        ("an answer is due 2026-03-04 {} UTC", "09:00", "08:50"),
        ("acknowledge it by 2026-03-04 {}:00 UTC", "09:00", "08:50"),
    ),
    Number(
        "triggers.stale_ack_after.P1", "31m",
        ("internal-procedures", ("after {} on a P1", "30 min", "31 min")),
        ("silent after an acknowledgement {}", "30 min", "31 min"), "D1-5",
        Story([MANY_S1, BY_T3], at("10:34")),
        ("may be silent for {}", "30 min (1800 s)", "31 min (1860 s)"),
        ("may be silent for {}", "30 min (1800 s)", "31 min (1860 s)"),
    ),
    Number(
        "overrides.security_confirmed.exec_inform", "14m",
        ("criteria", ("never grouped; executives told at {}", "15 min", "14 min")), None, "A4-4",
        Story([EXPOSED], at("10:20")),
        ("{} since the raise", "15 min (900 s)", "14 min (840 s)"),
        ("{} since the raise", "15 min (900 s)", "14 min (840 s)"),
    ),
    Number(
        "targets.standard.P3.resolve", "39h",
        ("criteria", ("standard P3 8 h 8 h 24 h {}", "40 h", "39 h")), None, "A6-2",
        Story([ONE_P3], "2026-03-06T16:30:00Z"),
        ("of {} used", "40 h (144000 s)", "39 h (140400 s)"),
        ("of {} used", "40 h (144000 s)", "39 h (140400 s)"),
    ),
    Number(
        "targets.standard.P1.first_response", "29m",
        ("criteria", ("standard P1 {} 30 min", "30 min", "29 min")), None, "A6-1",
        Story([CROWD_S1], at("10:31")),
        ("of {} used on calendar always", "30 min (1800 s)", "29 min (1740 s)"),
        ("of {} used on calendar always", "30 min (1800 s)", "29 min (1740 s)"),
    ),
    Number(
        "targets.enterprise.P1.first_response", "14m",
        ("criteria", ("enterprise P1 {} 15 min 30 min 4 h", "15 min", "14 min")),
    ),
    Number(
        "targets.standard.P2.customer_update", "3h",
        ("criteria", ("standard P2 2 h 4 h {} 16 h", "4 h", "3 h")), None, "A6-3",
        Story([FEW_S2, replied(at("08:10"))], at("12:30")),
        ("customer_update: {} of", "4 h (14400 s)", "3 h (10800 s)"),
        ("customer_update: {} of", "4 h (14400 s)", "3 h (10800 s)"),
    ),
    Number(
        "reopen.window", "335h",
        ("internal-procedures", ("within {}", "336 h", "335 h")), None, "A8-4",
    ),
    Number(
        "merge.undo_within", "23h",
        ("internal-procedures", ("within {}", "24 h", "23 h")), None, "A8-6",
    ),
    Number(
        "grouping.create_at.distinct_requesters", "12",
        ("internal-procedures", ("become one from {} on", "10", "12")),
    ),
    Number(
        "required_info.info_debt_due.P2", "59m",
        ("internal-procedures", ("due within 30 min {}", "1 h", "59 min")), None, "B2-6",
        Story([FEW_S2, replied(at("08:10")), acknowledged(at("09:01"))], at("10:10")),
        ("{} UTC  Escalation to tier 2: called t2 lead by page", "10:00", "09:59"),
        ("tier 2, priority P2, cell S2/I2, decided for 2026-03-02 {}:00", "10:00", "09:59"),
    ),
    Number(
        "departments.engineering.ola.P1.acknowledge", "16m",
        ("external-procedures", ("P1 acknowledges within {}, reports every 30 min", "15 min", "16 min")),
        None, "A7-1",
        Story([CROWD_S1], at("10:18")),
        ("engineering acknowledges P1 within {}", "15 min (900 s)", "16 min (960 s)"),
        ("engineering acknowledges P1 within {}", "15 min (900 s)", "16 min (960 s)"),
    ),
    Number(
        "department_rules.orphan_assign_by.P2", "61m",
        ("external-procedures", ("{} (P2)", "1 h", "1 h 1 min")), None, "C2-3",
    ),
    Number(
        "communication.p1_cadence.customers", "29m",
        ("communication", ("customers hear every {}", "30 min", "29 min")), None, "E1-2",
    ),
    Number(
        "communication.first_customer_notice.P1", "9m",
        ("first-15-minutes", ("by {} Customer liaison sends", "10 min", "9 min")),
        ("first notice to customers {}", "10 min", "9 min"), "D1-2",
    ),
    Number(
        "de_escalation.observe_window.P1", "58m",
        ("de-escalation", ("quiet for {}", "1 h", "58 min")), None, "D2-1",
    ),
    Number(
        "ladders.P1.steps.1.after", "4m",
        ("internal-procedures", ("target backup after {}", "5 min", "4 min")), None, "D1-6",
        Story([CROWD_S1], at("10:05")),
        ("{} of ladder time", "5 min (300 s)", "4 min (240 s)"),
        ("{} of ladder time", "5 min (300 s)", "4 min (240 s)"),
    ),
    Number(
        "overrides.safety.exec_inform", "16m",
        ("special-situations", ("Asked: legal, operations. Executives are told after {}", "15 min", "16 min")),
    ),
    Number(
        "pause_guards.scheduled_hold.max", "719h",
        ("special-situations", ("it lasts {} at most", "720 h", "719 h")),
    ),
    Number(
        "grouping.propose_at.distinct_requesters", "6",
        ("special-situations", ("From {} requesters within", "5", "6")),
    ),
    Number(
        "modifiers.standard_vip.dwell_factor", "0.6",
        ("special-situations", ("stays become {} of the usual (standard)", "0.5", "0.6")),
    ),
    Number(
        "time_rules.late_event_window", "23h",
        ("special-situations", ("what is older than {} counts", "24 h", "23 h")),
    ),
    Number(
        "triggers.exec_cooldown.same_ticket", "61m",
        ("hierarchical-procedures", ("left alone for {} on the same ticket", "1 h", "1 h 1 min")),
    ),
    Number(
        "triggers.T16_customer_asks_manager.P1.by", "16m",
        ("hierarchical-procedures", ("calls within {} (P1)", "15 min", "16 min")),
    ),
    Number(
        "permissions.skip_tier_2.approval_expires", "16m",
        ("hierarchical-procedures", ("the approval holds for {}", "15 min", "16 min")),
    ),
    Number(
        "ladders.exec.steps.1.after", "16m",
        ("hierarchical-procedures", ("exec backup ({})", "15 min", "16 min")),
    ),
    Number(
        "targets.standard.P2.resolve", "15h",
        ("triggers", ("promised within {}", "16 h", "15 h")),
    ),
    Number(
        "departments.engineering.ola.P1.update", "31m",
        ("triggers", ("was silent for {} on a P1", "30 min", "31 min")),
    ),
    Number(
        "required_info.info_debt_due.P1", "29m",
        ("forms", ("on a P1 within {}", "30 min", "29 min")),
    ),
    Number(
        "communication.p1_cadence.then_customers", "59m",
        ("checklists", ("later every {}", "1 h", "59 min")),
    ),
    Number(
        "policy.past_due_grace_on_policy_change", "14m",
        ("policy-file", ("past_due_grace_on_policy_change: {}", "15m", "14m")),
    ),
]  # fmt: skip

CHANGED: Final = pytest.mark.parametrize("one", NUMBERS, ids=[one.path for one in NUMBERS])


@cache
def page_text(name: str, setting: tuple[str, str] | None) -> str:
    """Return what the page *name* says under the policy, with *setting* changed."""
    sources = [one for one in pages_in(SOURCES) if one.name == name]
    built = pages(sources, changed(setting), ROSTER)
    return " ".join(f"{one['title']} {one['text']}" for one in index(built))


@cache
def changed(setting: tuple[str, str] | None) -> Policy:
    return POLICY if setting is None else edited(POLICY, dict([setting]))


def told(story: Story, policy: Policy) -> tuple[str, str]:
    """Return what `explain` says of *story* under *policy*, and what all letters about it say."""
    policies = PolicyTimeline([(Instant(0), policy)])
    simulation = Simulation(policies)
    decisions = list(simulation.run(story.events, parse_instant(story.until)))
    found = explain("desk:A", simulation.history("desk:A"), policies, simulation.now, View.THEN)
    entries = [
        f"{one.at:%Y-%m-%d %H:%M} UTC  {one.text} {' '.join(one.why)}" for one in found.happened
    ]
    letters = []
    for one in decisions:
        decided = Decided(
            UUID(one.id), one.type, one.ticket, one.version, as_datetime(one.at), one.data
        )
        for call in one.data.get("notify") or ():
            reader = Told(decided, call["role"], Purpose.NOTICE, call["fyi"], TicketFacts())
            letters.append(WORDS.message(reader).text())
    return "\n".join(entries), "\n".join(letters)


def assert_follows(said: tuple[str, str, str], before: str, after: str) -> None:
    """The new value is said where the old one was: more often than before, the old one less."""
    words, old, new = said
    was, now = words.format(old), words.format(new)
    assert before.count(now) < after.count(now), f"{now!r} is not said now"
    assert after.count(was) < before.count(was), f"{was!r} is still said"


@CHANGED
def test_the_handbook_says_the_new_number(one: Number) -> None:
    name, said = one.page
    assert_follows(said, page_text(name, None), page_text(name, (one.path, one.value)))


@pytest.mark.parametrize("one", [o for o in NUMBERS if o.matrix], ids=lambda one: one.path)
def test_the_page_of_the_matrix_says_the_new_number(one: Number) -> None:
    assert one.matrix is not None
    after = page_text("matrix", (one.path, one.value))
    assert_follows(one.matrix, page_text("matrix", None), after)


@pytest.mark.parametrize("one", [o for o in NUMBERS if o.question], ids=lambda one: one.path)
def test_the_right_answer_of_a_lesson_is_the_new_number(one: Number) -> None:
    question = QUESTIONS[str(one.question)]
    before = filled(question, filler(POLICY, ROSTER))
    after = filled(question, filler(changed((one.path, one.value)), ROSTER))
    assert after.choices[after.answer - 1] != before.choices[before.answer - 1]
    assert after.choices[after.answer - 1].endswith(one.page[1][2])
    assert before.choices[before.answer - 1] not in after.choices


@pytest.mark.parametrize("one", [o for o in NUMBERS if o.story], ids=lambda one: one.path)
def test_what_explain_and_letters_say_follows_the_new_number(one: Number) -> None:
    assert one.story is not None
    before, after = told(one.story, POLICY), told(one.story, changed((one.path, one.value)))
    for said, was, now in zip((one.explained, one.letter), before, after, strict=True):
        assert said is not None
        words, old, new = said
        assert words.format(old) in was
        assert words.format(new) in now
        assert words.format(old) not in now


@pytest.mark.parametrize(
    ("stay", "due"), [("16h", "2026-03-03T16:00:00Z"), ("15h", "2026-03-03T15:00:00Z")]
)
def test_a_ticket_moves_when_the_number_says(stay: str, due: str) -> None:
    simulation = Simulation(PolicyTimeline([(Instant(0), changed(("cells.S3.I1.t1_max", stay)))]))
    moved = list(simulation.run([ONE_P3], parse_instant(due)))
    assert moved[-1].at == parse_instant(due)


def test_the_table_is_as_long_as_it_has_to_be() -> None:
    assert len(NUMBERS) >= 20
    assert sum(one.question is not None for one in NUMBERS) >= 20
    assert sum(one.explained is not None for one in NUMBERS) >= 15
    assert sum(one.letter is not None for one in NUMBERS) >= 15


def test_every_number_of_every_cell_is_on_the_page_of_the_matrix() -> None:
    longer: dict[str, int] = {}
    for severity, row in POLICY.file.cells.table().items():
        for impact, cell in row.table().items():
            for name in ("t1_max", "t2_max", "exec_inform", "exec_decide"):
                # 0m stands for the floor of a tier in which such a case never is.
                if length := getattr(cell, name):
                    longer[f"cells.{severity}.{impact}.{name}"] = length + 60 * (len(longer) + 1)
    assert len(set(longer.values())) == len(longer)
    policy = edited(POLICY, {path: f"{length // 60}m" for path, length in longer.items()})
    (page,) = pages([one for one in pages_in(SOURCES) if one.name == "matrix"], policy, ROSTER)
    rows = re.findall(r"<tr>\s*<td><strong>(S\d).*?</tr>", page.body, re.DOTALL)
    assert rows == ["S1", "S2", "S3", "S4"]
    for path, length in longer.items():
        severity, impact = path.split(".")[1:3]
        line = re.search(rf"<td><strong>{severity} .*?</tr>", page.body, re.DOTALL)
        assert line is not None
        cells = [unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", line[0], re.DOTALL)]
        assert hours(length) in cells[int(impact[1:])], path

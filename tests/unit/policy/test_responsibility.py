"""Exactly one part is accountable for each activity, and acts beyond a role are seen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.envelope import encode
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.load import PolicyError, edited
from shared.policy.responsibility import Beyond, OutsideRole, letter_of, outside_role
from tests.support.house import ROOT
from tests.support.ticket_events import an_event, opened, replied

START = "2026-03-02T10:00:00Z"
FORM = {
    "specific_ask": "Roll back", "why_this_department": "Theirs", "needed_by": "2026-03-02T12:00:00Z",
    "evidence_links": "trace", "contact_and_hours": "tom", "what_customer_was_told": "on it",
    "confidentiality": "internal", "done_means": "works",
}  # fmt: skip


def found(policy: Policy, *events: TicketEvent) -> list[OutsideRole]:
    simulation = Simulation(PolicyTimeline([(Instant(0), policy)]))
    told = [opened("2026-03-02T09:00:00Z", severity="S2", affected_users=20), *events]
    decided = simulation.run(told, parse_instant("2026-03-02T15:00:00Z"))
    decisions = [decode_decision(encode_decision(one)) for one in decided]
    return list(outside_role(told, decisions, policy))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("raci.triage_and_raise.IT", "AR", "CS, IT are accountable. Give exactly one part an A"),
        ("raci.triage_and_raise.CS", "R", "nobody is accountable. Give exactly one part an A"),
        ("raci.operate_channels_and_access.IT", "C", "nobody is responsible. Give at least one"),
    ],
)
def test_an_activity_without_exactly_one_accountable_is_refused(
    policy: Policy, path: str, value: str, said: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        edited(policy, {path: value})
    (finding,) = caught.value.findings
    assert finding.key == path.rpartition(".")[0]
    assert f"{finding.message}. {finding.remedy}".startswith(said)
    assert finding.line is not None


@pytest.mark.parametrize(
    ("role", "step", "letter"),
    [
        ("t1_agent", "inform_customers", "AR"),
        ("it_backup", "work_tier_3", "R"),
        ("engineering_duty", "work_tier_3", "C"),
        ("qa_head", "work_tier_3", "I"),
        ("security_duty", "work_tier_3", "C"),
        ("head_of_support", "train_and_role_play", "AR"),
        ("exec_oncall", "triage_and_raise", "I"),
    ],
)
def test_each_role_has_a_letter_for_each_activity(
    policy: Policy, role: str, step: str, letter: str
) -> None:
    assert letter_of(role, step, policy) == letter


def test_work_inside_the_roles_is_not_shown(policy: Policy) -> None:
    assert found(
        policy,
        replied(START, by="olga", role="t1_agent"),
        an_event("escalation.acknowledged", START, by="tom", role="t2_specialist"),
        an_event(
            "escalation.requested", "2026-03-02T10:05:00Z", by="tom", role="t2_specialist",
            department="engineering", info=FORM,
        ),
        an_event(
            "escalation.acknowledged", "2026-03-02T10:10:00Z", by="eve", role="engineering_duty",
            department="engineering",
        ),
        an_event(
            "ticket.message", "2026-03-02T10:30:00Z", by="eve", role="engineering_duty",
            author="agent", note_kind="progress",
        ),
        an_event(
            "ticket.message", "2026-03-02T10:31:00Z", by="ivo", role="it_duty", author="agent",
            note_kind="progress",
        ),
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "role", "data", "beyond", "letter"),
    [
        ("escalation.acknowledged", "t1_agent", {}, Beyond.REFUSED, "AR"),
        ("ticket.updated", "t2_specialist", {"severity": "S4", "reason": "x"}, Beyond.REFUSED, "AR"),
        ("escalation.requested", "boss", {}, Beyond.UNKNOWN_ROLE, None),
        ("ticket.message", "qa_duty", {"author": "agent"}, Beyond.NOT_ASKED, "I"),
        ("ticket.message", "engineering_duty", {"author": "agent"}, Beyond.NOT_ASKED, "C"),
        ("ticket.message", "marketing_duty", {"author": "agent", "public": True}, Beyond.SPOKE_FOR_SUPPORT, "I"),
        ("ticket.message", "incident_commander", {"author": "agent", "note_kind": "progress"}, Beyond.COMMANDER_REPAIRED, "AR"),
        ("ticket.updated", "exec_oncall", {"severity": "S1"}, Beyond.EXECUTIVE_DIRECTED, "I"),
    ],
)  # fmt: skip
def test_an_act_beyond_a_role_is_shown_with_its_letter(
    policy: Policy,
    kind: str,
    role: str,
    data: dict[str, Any],
    beyond: Beyond,
    letter: str | None,
) -> None:
    (one,) = found(policy, an_event(kind, START, by="pat", role=role, **data))
    assert (one.beyond, one.role, one.letter, one.by) == (beyond, role, letter, "pat")
    assert one.at == parse_instant(START)


def test_a_department_that_acts_before_it_is_asked_was_not_asked(policy: Policy) -> None:
    note = an_event(
        "ticket.message", "2026-03-02T10:01:00Z", by="eve", role="engineering_duty", author="agent"
    )
    request = an_event(
        "escalation.requested", "2026-03-02T10:05:00Z", by="tom", role="t2_specialist",
        department="engineering", info=FORM,
    )  # fmt: skip
    assert [one.beyond for one in found(policy, note, request)] == [Beyond.NOT_ASKED]


def test_the_command_shows_the_table() -> None:
    done = CliRunner().invoke(app, ["raci", "--json"])
    assert done.exit_code == 0
    result = json.loads(done.output)
    assert result["steps"]["triage_and_raise"]["CS"] == "AR"
    assert result["accountable"].keys() == result["steps"].keys()
    assert set(result["accountable"].values()) == {"Head of support"}
    assert "triage and raise" in CliRunner().invoke(app, ["raci"]).output


def test_the_command_finds_activities_for_which_nobody_is_accountable(
    tmp_path: Path, policy: Policy
) -> None:
    file = tmp_path / "policy.yaml"
    moved = edited(
        policy,
        {"raci.operate_channels_and_access.CS": "R", "raci.operate_channels_and_access.IT": "AR"},
    )
    file.write_text(moved.text, "utf-8")
    empty = (ROOT / "deploy" / "roster" / "default.yaml").read_text("utf-8")
    roster = tmp_path / "roster.yaml"
    roster.write_text(empty.replace("  it_head: it-head", "  it_head: null"), "utf-8")
    done = CliRunner().invoke(app, ["raci", "--policy", str(file), "--roster", str(roster)])
    assert done.exit_code == 1
    assert re.findall("(.*): nobody is accountable, since nobody holds (.*);", done.output) == [
        ("operate channels and access", "it_head")
    ]


def test_the_command_finds_acts_in_a_file(tmp_path: Path) -> None:
    told = [opened("2026-03-02T09:00:00Z", severity="S2", affected_users=20)]
    told.append(an_event("escalation.acknowledged", START, by="olga", role="t1_agent"))
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(encode(one) for one in told))
    done = CliRunner().invoke(app, ["raci", "--acts", str(file)])
    assert done.exit_code == 1
    assert "olga as t1 agent (AR for work tier 1 and 2): the engine refused it" in done.output

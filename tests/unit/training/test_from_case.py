"""A past case becomes a role-play in which nobody can be recognised."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from services.escalator.core.roleplay.from_case import drafted
from services.escalator.core.roleplay.loading import read_scenario
from services.escalator.core.roleplay.run import run
from shared.contract.envelope import encode
from shared.contract.events import TicketEvent
from shared.contract.times import Instant
from shared.policy.document import PolicyTimeline
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.support.ticket_events import an_event

POLICY = load_policy_file(DEFAULT_POLICY)
PERSONAL = ["Zacharias", "Quincy", "zach@secret.example", "0664", "Xylophon", "Yvonne", "vault"]


def case() -> list[TicketEvent]:
    day = "2026-03-02T"
    return [
        an_event(
            "ticket.opened", f"{day}10:00:00Z", ticket="VAULT-1", title="Zacharias cannot sign in",
            severity="S2", affected_users=20, requester="Zacharias", owner="Quincy",
            url="https://vault.example/1", tags=["Xylophon"], component="Xylophon",
            customer={"id": "Xylophon", "name": "Xylophon AG", "plan": "premium", "region": "emea"},
            internal={"phone": "0664 1234"},
        ),
        an_event(
            "ticket.message", f"{day}10:05:00Z", ticket="VAULT-1", author="agent", public=True,
            by="Quincy", role="t1_agent", text="Dear Zacharias",
        ),
        an_event(
            "escalation.acknowledged", f"{day}10:07:00Z", ticket="VAULT-1", by="Yvonne",
            role="t2_specialist", restated="Zacharias of Xylophon",
        ),
        an_event(
            "escalation.requested", f"{day}10:20:00Z", ticket="VAULT-1", by="Yvonne",
            role="t2_specialist", department="engineering",
            info={"specific_ask": "Help Zacharias", "zach@secret.example": "x"},
        ),
        an_event(
            "ticket.message", f"{day}10:40:00Z", ticket="VAULT-1", author="customer",
            author_id="zach@secret.example", text="My number is 0664 1234",
        ),
        an_event(
            "escalation.declined", f"{day}10:50:00Z", ticket="VAULT-1", by="Quincy",
            role="engineering_duty", department="engineering", reason_code="wrong_team", to="it",
            reason="Zacharias is wrong",
        ),
        an_event(
            "ticket.status_changed", f"{day}12:00:00Z", ticket="VAULT-1", status="resolved",
            by="Yvonne", role="t2_specialist", reason="Zacharias agreed", knowledge_url="vault",
        ),
    ]  # fmt: skip


def test_nothing_that_people_wrote_or_are_called_is_left() -> None:
    text = drafted(case(), POLICY, name="C01", title="Sign-in fails")
    assert [one for one in PERSONAL if one.lower() in text.lower()] == []


def test_the_draft_is_a_role_play_that_runs() -> None:
    text = drafted(case(), POLICY, name="C01", title="Sign-in fails")
    found = read_scenario(text, name="C01.yaml", policy=POLICY)
    assert found.seats == ("t1_agent", "t2_specialist")
    assert [one.id for one in found.expect] == [
        "t1_agent_reply", "t2_specialist_acknowledge", "t2_specialist_ask", "t2_specialist_resolve",
    ]  # fmt: skip
    assert sum(one.points for one in found.expect) == 100
    assert [one.event for one in found.inject] == [
        "ticket.opened", "ticket.message", "escalation.declined",
    ]  # fmt: skip
    stage = run(found, (), PolicyTimeline([(Instant(0), POLICY)]))
    raised = [one for one in stage.transcript if one.name == "escalation.raised"]
    assert raised[0].data["cell"] == "S2/I3"


def test_the_command_writes_the_draft(tmp_path: Path) -> None:
    file, out = tmp_path / "events.jsonl", tmp_path / "C07.yaml"
    file.write_bytes(b"\n".join(encode(one) for one in case()))
    words = ["roleplay", "from-case", "--events", str(file), "--id", "C07", "--out", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert read_scenario(out.read_text("utf-8"), name="C07", policy=POLICY).id == "C07"


def test_several_tickets_need_a_choice(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    other = an_event("ticket.opened", "2026-03-02T10:00:00Z", ticket="B", title="x")
    file.write_bytes(b"\n".join(encode(one) for one in [*case(), other]))
    words = ["roleplay", "from-case", "--events", str(file)]
    assert CliRunner().invoke(app, words).exit_code == 2
    done = CliRunner().invoke(app, [*words, "--ticket", "desk:B"])
    assert (done.exit_code, "first_reply" in done.output) == (0, True)
    assert CliRunner().invoke(app, [*words, "--ticket", "desk:C"]).exit_code == 1

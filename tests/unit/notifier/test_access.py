"""Who should be in which room, and is not."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.roster import app
from services.notifier.access_watch import ListedMemberships
from services.notifier.core.access import Missing, Surplus, access, posting_roles
from services.notifier.roster_file import Finding, RosterError, load_roster
from shared.policy.load import DEFAULT_POLICY, load_policy_file

ROSTER = """\
roster: {name: test, version: 1}
modes: {page: [email]}
people:
  ana: {name: Ana Abel, email: ana@example.org}
  ben: {name: Ben Berg, email: ben@example.org}
  cleo: {name: Cleo Cole, email: cleo@example.org}
groups:
  tier-2: {name: Tier 2, email: t2@example.org, members: [ana, ben]}
roles:
  t2_specialist: tier-2
  t2_oncall: {schedule: tier2}
  t2_lead: null
schedules:
  tier2:
    layers:
      - {people: [ben, cleo], turn: weekly, start: 2026-03-02, handover: "09:00"}
channels:
  tier2: {chat: "#sup-tier2", post: [t2_specialist, t2_oncall, t2_lead], members: [ben]}
  tier3: {chat: "#sup-tier3", post: [t2_specialist]}
  leads: {chat: "#leads", post: [t2_oncall], members: [ben, cleo, ana]}
"""


async def test_everybody_who_may_be_called_in_a_room_should_be_in_it() -> None:
    roster = load_roster(ROSTER)
    found = access(roster, await ListedMemberships().members(roster))
    assert found.missing[:2] == (
        Missing("tier2", "ana", ("t2_specialist",)),
        Missing("tier2", "cleo", ("t2_oncall",)),
    )
    assert found.surplus == (Surplus("leads", "ana"),)
    assert found.unheld == (("tier2", "t2_lead"),)
    assert found.unlisted == ("tier3",)
    assert not found.sound


async def test_whoever_stands_in_for_somebody_on_call_should_be_in_the_room_too() -> None:
    away = "absences:\n  - {who: cleo, from: 2026-12-20, until: 2026-12-27, substitute: ana}\n"
    roster = load_roster(ROSTER.replace("channels:\n", f"{away}channels:\n", 1))
    found = access(roster, await ListedMemberships().members(roster))
    assert found.missing[0] == Missing("tier2", "ana", ("t2_specialist", "t2_oncall"))
    assert found.surplus == ()


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("members: [ben]}", "members: [eva]}", Finding(18, "channels.tier2.members.0", "'eva' is")),
        ("post: [t2_specialist]", "post: [t9]", Finding(19, "channels.tier3.post.0", "'t9'")),
    ],
)
def test_a_finding_names_line_and_key(old: str, new: str, finding: Finding) -> None:
    with pytest.raises(RosterError) as caught:
        load_roster(ROSTER.replace(old, new, 1))
    found = caught.value.findings[0]
    assert (found.line, found.key) == (finding.line, finding.key)
    assert finding.what in found.what


def test_the_policy_says_who_posts_where() -> None:
    posts = posting_roles(load_policy_file(DEFAULT_POLICY))
    assert posts["executive"] == ("escalation_manager", "exec_oncall")
    assert posts["case_room"] == ()
    assert "t3_lead" in posts["leads"]


def test_the_shipped_roster_has_everybody_where_the_policy_calls_them() -> None:
    done = CliRunner().invoke(app, ["access", "deploy/roster/default.yaml"])
    assert done.exit_code == 0, done.output


def test_whoever_is_missing_ends_the_command_with_one(tmp_path: Path) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text(ROSTER, encoding="utf-8")
    done = CliRunner().invoke(app, ["access", str(file)])
    assert done.exit_code == 1
    assert "tier2: cleo is missing; called as t2_oncall" in done.output
    assert "restricted: the policy has this channel, and the roster does not" in done.output

"""The roster file: what it may say, and what the loader says when it says something else."""

from pathlib import Path

import pytest

from services.notifier.core.roster import TicketFacts
from services.notifier.roster_file import Finding, RosterError, load_roster, load_roster_file
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from shared.runtime.secret import MissingSecretError, looks_like_a_secret, resolve
from tests.unit.notifier.builders import NOON

DEFAULT = Path("deploy/roster/default.yaml")
GOOD = """\
roster: {name: test, version: 3}
modes: {page: [webhook, email], chat: [webhook], email: [email], digest: [email]}
people:
  ana:
    name: Ana Abel
    email: ana@example.org
    aliases: ["Resolver 7"]
groups:
  tier-2:
    name: Tier 2
    webhook: {url: "https://hooks.example.org/t2", secret: "env:T2_SECRET"}
roles:
  t1_queue: ana
  t2_queue: tier-2
  t3_queue: ana
  t2_backup: null
  owner: {fact: owner, otherwise: "t{tier}_queue"}
"""


def test_a_roster_seats_people_and_groups() -> None:
    roster = load_roster(GOOD)
    assert (roster.name, roster.version) == ("test", 3)
    facts = TicketFacts(owner="resolver 7")
    ana = roster.seated("owner", tier=2, facts=facts, at=NOON)
    tier2 = roster.seated("owner", tier=2, facts=TicketFacts(), at=NOON)
    assert ana is not None
    assert tier2 is not None
    assert (ana.key, roster.ways(ana, "page")) == ("ana", ("email",))
    assert (tier2.key, roster.ways(tier2, "digest")) == ("tier-2", ("webhook",))
    assert roster.seated("t2_backup", tier=2, facts=facts, at=NOON) is None


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("ana@example.org", "ana at example", Finding(6, "people.ana.email", "is not an e-mail")),
        ("t1_queue: ana", "t1_queue: eva", Finding(13, "roles.t1_queue", "'eva' is neither")),
        ("aliases:", "alias:", Finding(7, "people.ana.alias", "Extra inputs")),
        ("version: 3", "version: three", Finding(1, "roster.version", "Input should be")),
        ("env:T2_SECRET", "hunter2", Finding(11, "groups.tier-2.webhook", "a secret is named")),
        ('"https://hooks', '"ftp://hooks', Finding(11, "groups.tier-2.webhook", "must be an http")),
        ("    email: ana@example.org\n", "", Finding(4, "people.ana", "has no way")),
        ("tier-2:\n", "ana:\n", Finding(9, "groups.ana", "is a person's name too")),
        ("  t3_queue: ana\n", "", Finding(16, "roles.owner", "falls back to the role 't3_queue'")),
        ("t{tier}_queue", "owner", Finding(17, "roles.owner", "falls back to 'owner', which")),
        ("page: [webhook", "page: [pigeon", Finding(2, "modes.page.0", "is no channel")),
        ("name: Ana Abel", "name: [Ana", Finding(6, "", "")),
        ("name: Ana Abel", "name: &a Ana", Finding(5, "", "anchors and aliases")),
    ],
)
def test_a_finding_names_line_and_key(old: str, new: str, finding: Finding) -> None:
    assert old in GOOD
    with pytest.raises(RosterError) as caught:
        load_roster(GOOD.replace(old, new, 1))
    found = caught.value.findings[0]
    assert (found.line, found.key) == (finding.line, finding.key)
    assert finding.what in found.what


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "https://hooks.slack.com/services/T000/B000/XXXX",
        "xoxb-1234-5678",
        "https://ana:pa55@hooks.example.org/",
        "0123456789abcdef0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_a_secret_written_out_is_refused_wherever_it_stands(secret: str) -> None:
    with pytest.raises(RosterError) as caught:
        load_roster(GOOD.replace("https://hooks.example.org/t2", secret))
    assert [(one.line, one.key) for one in caught.value.findings] == [
        (11, "groups.tier-2.webhook.url")
    ]
    assert secret not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "just words", "a: b: c", "\x00", "roster: {}"])
def test_what_is_no_roster_is_refused_in_words(text: str) -> None:
    with pytest.raises(RosterError, match="cannot be used"):
        load_roster(text)


def test_a_huge_file_is_not_parsed() -> None:
    with pytest.raises(RosterError, match="larger than"):
        load_roster("# " + "x" * (1 << 20))


def test_what_is_nested_too_deep_is_not_parsed() -> None:
    with pytest.raises(RosterError, match="line 1: is nested too deep"):
        load_roster("[" * 20_000)


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="cannot be read"):
        load_roster_file(tmp_path / "none.yaml")


@pytest.mark.parametrize("role", ["owner", *load_policy_file(DEFAULT_POLICY).file.roles])
def test_the_default_roster_reaches_every_role_of_the_policy_at_an_example_address(
    role: str,
) -> None:
    roster = load_roster_file(DEFAULT)
    for tier in (1, 2, 3):
        contact = roster.seated(role, tier=tier, facts=TicketFacts(), at=NOON)
        assert contact is not None
        assert contact.email is not None
        assert contact.email.endswith("@example.org")


def test_references_lead_to_variables_and_files(tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text("from a file\n", encoding="utf-8")
    environ = {"A_SECRET": "from the environment"}
    assert resolve("env:A_SECRET", environ).get_secret_value() == "from the environment"
    assert resolve(f"file:{kept}", environ).get_secret_value() == "from a file"
    assert resolve("https://hooks.example.org", environ).get_secret_value().startswith("https")


@pytest.mark.parametrize("reference", ["env:UNSET", "file:/nowhere/at/all"])
def test_a_reference_to_nothing_names_itself(reference: str) -> None:
    with pytest.raises(MissingSecretError, match=reference):
        resolve(reference, {})


def test_plain_addresses_are_no_secrets() -> None:
    for text in ("https://hooks.example.org/tier2", "ana@example.org", "env:A", "Tier 2"):
        assert not looks_like_a_secret(text)

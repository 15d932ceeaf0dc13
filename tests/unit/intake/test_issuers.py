"""Whose tokens are trusted: the file, and what the claims of a token mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.intake.core.callers import Caller
from services.intake.core.people import NobodyError, Reading, person_of
from services.intake.settings import Settings
from services.intake.tokens.issuers_file import is_safe, load_issuers
from shared.access.keys import Scope
from shared.runtime.settings import SettingsError
from tests.support.house import ROOT

PLAIN = """\
issuers:
  - issuer: https://login.example.com/
    audience: [tierline]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "issuers.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_of_the_page_is_read_as_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "posting.md").read_text("utf-8")
    (text,) = (one.partition("```")[0] for one in page.split("```yaml\n") if "issuers:" in one)
    (issuer,) = load_issuers(write(tmp_path, text))
    assert issuer.issuer == "https://login.example.com/realms/support"
    assert (issuer.audience, issuer.algorithms, issuer.leeway_s) == (("tierline",), ("RS256",), 60)
    claims = {
        "preferred_username": "lea",
        "realm_access": {"roles": ["support-leads", "support-admins", "x"]},
    }
    assert person_of(claims, issuer.reading) == Caller(
        "person lea",
        frozenset({"desk"}),
        frozenset({Scope.ACT, Scope.ADMIN, Scope.OPERATE}),
        frozenset({"t1_lead", "t2_lead"}),
        "lea",
    )


def test_what_is_left_out_is_the_careful_choice(tmp_path: Path) -> None:
    (issuer,) = load_issuers(write(tmp_path, PLAIN))
    assert issuer.algorithms == ("RS256", "ES256")
    nobody = person_of({"sub": "7f", "groups": ["admins"]}, issuer.reading)
    assert (nobody.person, nobody.roles, nobody.scopes) == ("7f", frozenset(), frozenset())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("issuers: []\n", "issuers"),
        ("", "issuers.yaml"),
        (PLAIN.replace("https://login", "http://login"), "https://"),
        (PLAIN.replace("https://login.example.com/", "ftp://x.example"), "https://"),
        (PLAIN + "    algorithms: [none]\n", "`none` is no signature"),
        (PLAIN + "    algorithms: [HS256]\n", "`HS256` is no signature"),
        (PLAIN + "    algorithms: []\n", "algorithms"),
        (PLAIN.replace("[tierline]", "[]"), "audience"),
        (PLAIN + "    scopes: {admins: [root]}\n", "scopes"),
        (PLAIN + "    roles: {a: [t1_agent]}\n", "nothing says where groups are listed"),
        (PLAIN + "    leeway_s: 86400\n", "leeway_s"),
        (PLAIN + "    sources: []\n", "sources"),
        (PLAIN + "    verify: false\n", "`verify` is not a key here"),
        (PLAIN + PLAIN.removeprefix("issuers:\n"), "listed twice"),
    ],
)
def test_a_file_that_would_trust_too_much_or_means_nothing_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SettingsError, match="INTAKE_ISSUERS_FILE") as refused:
        load_issuers(write(tmp_path, text))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example.com", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://[::1]:8080", True),
        ("http://localhost", True),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("https://", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_keys_come_protected_or_from_this_machine(url: str, safe: bool) -> None:  # noqa: FBT001
    assert is_safe(url) is safe


def reading(**changes: Any) -> Reading:
    given = {
        "person": "sub",
        "groups": ("groups", "https://example.com/roles"),
        "roles": {"a": ("t1_agent",), "b": ("t1_agent", "t2_lead")},
        "scopes": {},
        "sources": None,
    }
    return Reading(**{**given, **changes})


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"groups": ["a", "b", "c"]}, {"t1_agent", "t2_lead"}),
        ({"groups": "a c"}, {"t1_agent"}),
        ({"https://example.com/roles": ["b"]}, {"t1_agent", "t2_lead"}),
        ({"groups": {"a": True}}, set()),
        ({"groups": [["a"], 7, None]}, set()),
        ({"groups": None}, set()),
        ({}, set()),
    ],
)
def test_groups_come_as_a_list_or_as_words(claims: dict[str, Any], roles: set[str]) -> None:
    found = person_of({"sub": "x", **claims}, reading())
    assert set(found.roles or ()) == roles
    assert (Scope.ACT in found.scopes) is bool(roles)


@pytest.mark.parametrize("name", [None, "", "  ", 7, ["x"], "x" * 300])
def test_a_token_that_names_nobody_is_nobodys(name: object) -> None:
    with pytest.raises(NobodyError):
        person_of({"sub": name}, reading())


def test_tokens_alone_are_enough_to_trust() -> None:
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "INTAKE_ISSUERS_FILE": "issuers.yaml"}
    assert Settings.from_env(environ).keys_file is None
    with pytest.raises(SettingsError, match="unset one"):
        Settings.from_env({**environ, "INTAKE_ALLOW_ANONYMOUS": "true"})

"""API keys, their file, and the settings that say whom to trust."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.intake.settings import Settings
from shared.access.keys import KeyRing, Scope, digest_of
from shared.access.keys_file import EXAMPLES, load_keys, new_key
from shared.runtime.settings import SettingsError
from tests.support.house import ROOT

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}


def write_keys(folder: Path, text: str) -> Path:
    path = folder / "keys.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_key_in_the_file_is_found_and_no_other(tmp_path: Path) -> None:
    key, other = new_key("desk"), new_key("desk")
    path = write_keys(
        tmp_path,
        f'keys:\n  - {{name: desk, sha256: {key.sha256}, source: "*", scopes: [ingest, read]}}\n',
    )
    ring = load_keys(path)
    found = ring.find(f"Bearer {key.text}", NOW)
    assert found is not None
    assert (found.name, found.source) == ("desk", None)
    assert found.scopes == {Scope.INGEST, Scope.READ}
    assert ring.find(f"bearer  {key.text} ", NOW) == found
    for wrong in (None, "", key.text, f"Basic {key.text}", f"Bearer {other.text}", "Bearer \udc80"):
        assert ring.find(wrong, NOW) is None


def test_keys_are_long_random_and_kept_as_hashes() -> None:
    keys = {new_key("x").text for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) > 40 and key.startswith("tl_x_") for key in keys)
    assert new_key("x").sha256 != new_key("x").sha256
    assert digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_two_keys_that_start_alike_are_told_apart(tmp_path: Path) -> None:
    key = new_key("desk")
    alike = key.sha256[:8] + "0" * 56
    path = write_keys(
        tmp_path,
        "keys:\n"
        f"  - {{name: alike, sha256: '{alike}', source: a, scopes: [ingest]}}\n"
        f"  - {{name: right, sha256: '{key.sha256}', source: b, scopes: [ingest]}}\n",
    )
    found = load_keys(path).find(f"Bearer {key.text}", NOW)
    assert found is not None
    assert found.name == "right"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "nothing stands where keys with values belong", id="empty"),
        pytest.param("keys: [", "keys.yaml:1", id="not YAML"),
        pytest.param(
            f"keys: [{{name: a, sha256: {'a' * 64}, source: a, scopes: [act], expires: 2026-03-02T10:00:00}}]",
            "keys.0.expires",
            id="a time without a zone",
        ),
        pytest.param(
            f"keys: [{{name: a, sha256: {'a' * 64}, source: a, scopes: [ingest], roles: [t1_agent]}}]",
            "in any role",
            id="roles that bind nothing",
        ),
        pytest.param(
            f"keys: [{{name: a, sha256: {'a' * 64}, source: a, scopes: [act], role: [t1_agent]}}]",
            "Did you mean `roles`",
            id="a misspelt key",
        ),
        pytest.param(
            "keys: [{name: a, sha256: abc, source: a, scopes: [ingest]}]", "0.sha256", id="hash"
        ),
        pytest.param(
            f"keys: [{{name: a, sha256: {'a' * 64}, source: a, scopes: [fly]}}]",
            "keys.0.scopes",
            id="scope",
        ),
        pytest.param(
            f"keys: [{{name: a, sha256: {'a' * 64}, scopes: [read]}}]", "0.source", id="source"
        ),
    ],
)
def test_a_file_of_keys_that_is_wrong_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match="The file of keys") as caught:
        load_keys(write_keys(tmp_path, text))
    assert said in str(caught.value)


def test_a_key_that_has_expired_is_not_known(tmp_path: Path) -> None:
    key = new_key("desk")
    path = write_keys(
        tmp_path,
        f"keys:\n  - {{name: desk, sha256: {key.sha256}, source: desk, scopes: [act],"
        " expires: 2026-03-02T11:00:00+01:00}\n",
    )
    ring = load_keys(path)
    assert ring.find(f"Bearer {key.text}", NOW) is None
    found = ring.find(f"Bearer {key.text}", NOW - timedelta(seconds=1))
    assert found is not None
    assert (found.expires, found.id) == (NOW, key.sha256[:12])


def test_the_examples_of_the_page_let_nobody_in(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "posting.md").read_text("utf-8")
    shown = set(re.findall(r"\b[0-9a-f]{64}\b", page))
    assert shown == EXAMPLES
    (text,) = (one.partition("```")[0] for one in page.split("```yaml\n") if one[:5] == "keys:")
    with pytest.raises(SettingsError, match="which everybody knows") as refused:
        load_keys(write_keys(tmp_path, text))
    assert str(refused.value).count("\n") == len(EXAMPLES)


def test_a_file_may_list_no_key_at_all(tmp_path: Path) -> None:
    assert load_keys(write_keys(tmp_path, "keys: []\n")).all() == []


def test_a_missing_file_of_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"keys\.yaml"):
        load_keys(tmp_path / "keys.yaml")


def test_an_empty_ring_knows_nobody() -> None:
    assert KeyRing([]).find("Bearer tl_a_b", NOW) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param({}, "INTAKE_KEYS_FILE is not set", id="nobody could post"),
        pytest.param(
            {"INTAKE_ALLOW_ANONYMOUS": "true", "INTAKE_HTTP_HOST": "0.0.0.0"},  # noqa: S104
            "it is for INTAKE_HTTP_HOST=127.0.0.1",
            id="anybody could post",
        ),
        pytest.param(
            {"INTAKE_ALLOW_ANONYMOUS": "true", "INTAKE_KEYS_FILE": "keys.yaml"},
            "unset one",
            id="both",
        ),
        pytest.param(
            {"INTAKE_KEYS_FILE": "k", "INTAKE_RATE_PER_S": "0"}, "INTAKE_RATE_PER_S", id="rate"
        ),
    ],
)
def test_settings_that_trust_nobody_or_anybody_are_refused(
    environ: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_env(KAFKA | environ)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_ones_own_machine_anybody_may_post(host: str) -> None:
    settings = Settings.from_env(
        KAFKA | {"INTAKE_ALLOW_ANONYMOUS": "true", "INTAKE_HTTP_HOST": host}
    )
    assert settings.allow_anonymous

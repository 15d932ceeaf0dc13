"""Mapping files and the file of hooks: what they accept, and how they say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.intake.core.hooks.shape import HookMapping
from services.intake.hooks.hooks_file import Source, load_sources
from services.intake.hooks.mappings import SHIPPED, load_mapping, load_mappings
from shared.mapping.file import MappingError
from shared.runtime.settings import SettingsError

ZENDESK = (SHIPPED / "zendesk.yaml").read_text("utf-8")


def refusal(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(MappingError) as refused:
        load_mapping(path)
    return str(refused.value)


def sources(
    folder: Path, text: str, mappings: Mapping[str, HookMapping], **environ: str
) -> Mapping[str, Source]:
    path = folder / "hooks.yaml"
    path.write_text(text, "utf-8")
    return load_sources(path, mappings, environ)


def refused_sources(folder: Path, text: str, mappings: Mapping[str, HookMapping]) -> str:
    with pytest.raises(SettingsError) as refused:
        sources(folder, text, mappings)
    return str(refused.value)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_mapping_is_called_like_its_file(path: Path) -> None:
    assert load_mapping(path).mapping.name == path.stem


def test_a_mapping_of_ones_own_replaces_its_namesake_and_adds_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ZENDESK.replace("product: Zendesk", "product: Ours"), "utf-8")
    (tmp_path / "b.yaml").write_text(ZENDESK.replace("name: zendesk", "name: another"), "utf-8")
    found = load_mappings(tmp_path)
    assert found["zendesk"].product == "Ours"
    assert found["another"].product == "Zendesk"
    assert found.keys() - load_mappings().keys() == {"another"}


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="it is no folder"):
        load_mappings(tmp_path / "none")


def test_an_unknown_key_is_told_with_line_and_the_key_that_was_meant(tmp_path: Path) -> None:
    line = ZENDESK.splitlines().index("facts:") + 1
    said = refusal(tmp_path, ZENDESK.replace("\nfacts:\n", "\nfact:\n"))
    assert f"mine.yaml:{line}: error: fact: `fact` is not a key here" in said
    assert "Did you mean `facts`?" in said


def test_a_place_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    line = ZENDESK.splitlines().index("tags: detail.tags | tags") + 1
    said = refusal(tmp_path, ZENDESK.replace("tags: detail.tags | tags", "tags: detail..tags"))
    assert f"mine.yaml:{line}: error: tags: `detail..tags` is no place" in said


def test_a_hold_until_a_date_cannot_be_told_by_a_body(tmp_path: Path) -> None:
    said = refusal(tmp_path, ZENDESK.replace("Hold: waiting_vendor", "Hold: scheduled_hold"))
    assert "status.words.Hold" in said


def test_a_wait_for_the_customer_without_a_question_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, ZENDESK.replace("status_becomes: [Pending]", "status_becomes: [Hold]"))
    assert "status.words.Pending: a wait for the customer needs a public question" in said


def test_a_wait_for_the_customer_without_anybody_to_ask_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, ZENDESK.replace("  requester: detail.requester_id | requester\n", ""))
    assert "facts.requester" in said


def test_a_rule_on_a_word_that_is_no_status_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, ZENDESK.replace("status_becomes: [Solved]", "status_becomes: [Solve]"))
    assert "`Solve` is no word of status.words. Did you mean `Solved`?" in said


def test_a_status_cannot_stand_for_what_a_customer_wrote(tmp_path: Path) -> None:
    said = refusal(
        tmp_path, ZENDESK.replace("author: agent\n    asks", "author: customer\n    asks")
    )
    assert "other messages belong under written" in said


def test_a_signature_without_the_body_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, ZENDESK.replace('"{timestamp}{body}"', '"{timestamp}"'))
    assert "signature.signed: write what is signed, with {body} in it" in said


def test_without_a_file_every_mapping_is_a_source_that_asks_for_a_key(
    mappings: Mapping[str, HookMapping],
) -> None:
    found = load_sources(None, mappings, {})
    assert found.keys() == mappings.keys()
    assert {one.secrets for one in found.values()} == {()}


def test_a_source_has_its_secrets_from_where_they_are_kept(
    tmp_path: Path, mappings: Mapping[str, HookMapping]
) -> None:
    (tmp_path / "secret").write_text("first\n", "utf-8")
    text = (
        "hooks:\n  - source: emea\n    mapping: zendesk\n"
        f"    secrets: [file:{tmp_path}/secret, env:OTHER]\n"
    )
    found = sources(tmp_path, text, mappings, OTHER="second")["emea"]
    assert found.secrets == (b"first", b"second")
    assert found.mapping is mappings["zendesk"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(
            "source: zendesk\n    secrets: [hunter2]",
            "hooks.yaml:3: error: hooks.0.secrets.0: a secret stands in the file itself",
            id="itself",
        ),
        pytest.param(
            "source: zendesk\n    secrets: [env:UNSET]",
            "hooks.0.secrets.0: nothing is found at env:UNSET",
            id="nothing there",
        ),
        pytest.param(
            "source: zen", "there is no mapping `zen`. Did you mean `zendesk`?", id="no mapping"
        ),
        pytest.param(
            "source: servicenow\n    secrets: [env:X]", "ServiceNow signs nothing", id="unsigned"
        ),
        pytest.param(
            "source: hubspot\n    secrets: [env:X]",
            "HubSpot signs the address that it posts to. Write it as public_url",
            id="address",
        ),
        pytest.param("source: zendesk\n    secret: x", "Did you mean `secrets`?", id="key"),
        pytest.param("source: UPPER CASE", "hooks.0.source", id="name"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_with_line_and_remedy(
    tmp_path: Path, mappings: Mapping[str, HookMapping], entry: str, said: str
) -> None:
    assert said in refused_sources(tmp_path, f"hooks:\n  - {entry}\n", mappings)


def test_a_secret_is_never_repeated_in_an_error(
    tmp_path: Path, mappings: Mapping[str, HookMapping]
) -> None:
    text = "hooks:\n  - source: zendesk\n    secrets: [hunter2]\n"
    assert "hunter2" not in refused_sources(tmp_path, text, mappings)


def test_a_file_that_is_not_there_is_told(
    tmp_path: Path, mappings: Mapping[str, HookMapping]
) -> None:
    with pytest.raises(SettingsError, match="it cannot be read"):
        load_sources(tmp_path / "none.yaml", mappings, {})

"""`tierline hooks`, and the pages that it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.hooks import PAGES, app
from services.intake.hooks.mappings import SHIPPED, load_mappings

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def run(*words: str, given: str | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, words, input=given)
    return done.exit_code, done.stdout, done.stderr


def run_json(*words: str, given: str | None = None) -> Any:
    return json.loads(run(*words, "--json", given=given)[1])


def test_list_names_every_mapping_and_how_it_is_proven() -> None:
    code, said, _ = run("list")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == NAMES
    assert {one["source"]: one["signed_in"] for one in run_json("list")}["servicenow"] is None


def test_test_shows_events_unknown_words_and_what_is_not_read() -> None:
    body = json.dumps({"ticket": "7", "status": "limbo", "severity": "S1", "shoe_size": 43})
    code, said, _ = run("test", "generic", "-", "--received", "2026-03-02T10:00:00Z", given=body)
    assert code == 0
    assert "2026-03-02T10:00:00Z ticket.observed 7 (id 7:seen:2026-03-02T10:00:00" in said
    assert "unknown: status: `limbo` is no status" in said
    assert "  shoe_size: 43" in said
    told = run_json("test", "generic", "-", given=body)
    assert told["story"]["events"][0]["data"]["severity"] == "S1"
    assert told["unread"] == [["shoe_size", 43]]


def test_test_takes_headers() -> None:
    body = json.dumps({"issue": {"number": 7}, "repository": {"full_name": "acme/desk"}})
    assert (
        "acme/desk#7" in run("test", "github", "-", "-H", "X-GitHub-Event: issues", given=body)[1]
    )
    assert "ignored: nothing at header:X-GitHub-Event" in run("test", "github", "-", given=body)[1]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param("{", "not JSON", id="no JSON"),
        pytest.param('{"a":1,"a":2}', "the key comes twice", id="key twice"),
        pytest.param("{}", "ticket: no ticket is named", id="no ticket"),
    ],
)
def test_test_ends_with_1_where_a_body_cannot_be_read(body: str, said: str) -> None:
    code, _, errors = run("test", "generic", "-", given=body)
    assert code == 1
    assert said in errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("test", "zendsk", "-"), "Did you mean `zendesk`?", id="no mapping"),
        pytest.param(("test", "zendesk", "none.json"), "name a file of JSON", id="no file"),
        pytest.param(("test", "zendesk", "-", "-H", "odd"), "write NAME: VALUE", id="header"),
        pytest.param(("test", "zendesk", "-", "--received", "noon"), "write it as 2026", id="time"),
        pytest.param(("setup", "zendsk"), "Did you mean `zendesk`?", id="no product"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_right(words: tuple[str, ...], said: str) -> None:
    code, _, errors = run(*words, given="{}")
    assert code == 2
    assert said in errors


def test_a_mapping_of_ones_own_that_is_wrong_is_told_by_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mapping: {name: mine, version: 1}\n", "utf-8")
    code, _, errors = run("list", "--mappings", str(tmp_path))
    assert code == 1
    assert "mine.yaml:1: error:" in errors


@pytest.mark.parametrize("name", NAMES)
def test_setup_prints_the_steps_with_the_address_and_the_template(name: str) -> None:
    address = "https://intake.example.com/v1/hooks/{source}"
    code, said, _ = run("setup", name, "--address", address, "--as", "ours")
    assert code == 0
    assert "https://intake.example.com/v1/hooks/ours" in said
    assert "{address}" not in said
    assert "{source}/last" not in said
    template = load_mappings()[name].setup.template
    assert template is None or template in said
    assert run_json("setup", name, "--as", "ours")["source"] == "ours"


def test_the_pages_are_what_the_mappings_say(tmp_path: Path) -> None:
    assert run("pages", str(tmp_path))[0] == 0
    made = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text("utf-8") for path in PAGES.iterdir()}
    assert kept == made, "write them anew: tierline hooks pages"


def test_the_page_of_helpdesks_lists_every_product() -> None:
    page = (PAGES.parent / "helpdesks.md").read_text("utf-8")
    assert [name for name in NAMES if f"(helpdesks/{name}.md)" not in page] == []

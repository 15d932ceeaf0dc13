"""The handbook says what the policy says, leads somewhere, and knows when it is old."""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.handbook.site import Page, broken_links, pages, write
from cli.handbook.sources import SOURCES, UnreadablePageError, pages_in, parsed
from cli.main import app
from cli.roleplay.library import TRAINING
from services.escalator.core.roleplay.loading import read_scenario
from services.notifier.roster_file import load_roster, load_roster_file
from shared.contract.reasons import TRIGGERS
from shared.policy.load import DEFAULT_POLICY, edited, load_policy_file
from tests.support.house import ROOT

POLICY = load_policy_file(DEFAULT_POLICY)
ROSTER = load_roster_file(ROOT / "deploy" / "roster" / "default.yaml")
TODAY = date(2026, 11, 25)


@cache
def shipped() -> list[Page]:
    return pages(pages_in(SOURCES), POLICY, ROSTER)


def test_every_page_that_is_asked_for_is_there() -> None:
    assert {one.source.name for one in shipped()} == {
        "index", "matrix", "words", "tiers", "criteria", "triggers", "internal-procedures",
        "external-procedures", "hierarchical-procedures", "communication", "channels", "roles",
        "first-15-minutes", "shift-handoff", "de-escalation", "special-situations", "tools",
        "review", "training", "forms", "templates", "checklists", "policy-file",
    }  # fmt: skip


def test_every_page_is_reached_from_the_first_one_within_two_clicks() -> None:
    """The contents of a page have them all; this is by what the pages say."""
    leads = {one.address: {page for page, _ in one.links()} for one in shipped()}
    near = {"index.html"} | leads["index.html"]
    assert {page for one in near if one for page in leads[one] | {one} if page} == leads.keys()


def test_every_trigger_of_the_policy_has_an_example() -> None:
    (page,) = [one for one in shipped() if one.source.name == "triggers"]
    rows = re.findall(r"<tr>\s*<td>(T\d\d)</td>\s*<td>(.*?)</td>", page.body)
    assert {name: unescape(why) for name, why in rows} == {
        name: why for name, why in TRIGGERS.items() if name.startswith("T")
    }
    assert len(rows) == len(list(POLICY.file.triggers.rows()))


def test_every_form_and_every_letter_to_customers_is_there_to_copy() -> None:
    forms, letters = (
        next(one for one in shipped() if one.source.name == name).body
        for name in ("forms", "templates")
    )
    rows = re.findall(r"<td>(.*?)</td>\s*<td>(.*?)</td>", forms)
    asked = [field.replace("_", " ") for fields in POLICY.forms.values() for field in fields]
    assert sorted(field for field, _ in rows) == sorted(asked)
    assert all(hint for _, hint in rows)
    named = [one for one in POLICY.file.communication.templates if one.startswith("customer_")]
    assert len(named) == len(re.findall("<pre ", letters)) == 5


def test_no_page_has_a_length_of_time_or_a_share_of_its_own() -> None:
    unit = r"(?:s|min|minutes|h|hours|days|weeks|%)"
    found = {
        (one.name, hit)
        for one in pages_in(SOURCES)
        for hit in re.findall(
            rf"\b\d+ ?{unit}(?!\w)", re.sub(r"{[{%].*?[%}]}", "", one.text, flags=re.DOTALL)
        )
    }
    # A page's title, and what is agreed for training alone.
    assert found == {
        ("first-15-minutes", "15 minutes"),
        ("internal-procedures", "15 minutes"),
        ("index", "15 minutes"),
        ("training", "15 minutes"),
        ("training", "30 days"),
    }


def test_every_link_leads_somewhere() -> None:
    assert broken_links(shipped()) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    head = "---\ntitle: A\nowner: t1_lead\nreviewed: 2026-11-20\norder: 1\n---\n"
    source = parsed("a", f"{head}# A\n\n[b](b.md) [c](a.md#c) [d](#d)\n")
    found = broken_links(pages([source], POLICY, ROSTER))
    assert [one.rpartition(" ")[2] for one in found] == ["b.html", "a.html#c", "a.html#d"]


def test_every_page_that_a_role_play_names_is_there() -> None:
    anchors = {one.source.name: one.anchors() for one in shipped()}
    for file in sorted((TRAINING / "roleplays").glob("*.yaml")):
        found = read_scenario(file.read_text("utf-8"), name=file.name, policy=POLICY)
        named = [*(one.page for one in found.expect), *(one.page for one in found.never)]
        for place in named:
            page, _, anchor = place.partition("#")
            assert page in anchors, place
            assert not anchor or anchor in anchors[page], place


def test_what_the_policy_and_the_roster_say_is_text_and_no_markup() -> None:
    evil = '"<script>alert(1)</script> | [x](http://example.org) **b** <img src=x>"'
    changed = edited(POLICY, {"departments.it.use_for": evil, "channels.tier1.purpose": evil})
    html = "".join(one.body for one in pages(pages_in(SOURCES), changed, ROSTER))
    assert "<script" not in html
    assert "<img" not in html
    assert "http://example.org" not in re.findall(r'href="([^"]*)"', html)
    assert "<strong>b</strong>" not in html


def test_a_template_that_names_what_the_policy_has_not_is_refused() -> None:
    head = "---\ntitle: A\nowner: t1_lead\nreviewed: 2026-11-20\norder: 1\n---\n"
    with pytest.raises(UnreadablePageError, match="t9_max"):
        pages([parsed("a", head + "{{ policy.cells.S3.I1.t9_max | span }}")], POLICY, ROSTER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# A\n", "its head lacks title, owner, reviewed, order"),
        ("---\ntitle: A\nowner: b\norder: 1\n---\n", "its head lacks reviewed"),
        ("---\ntitle: A\nowner: b\nreviewed: May\norder: 1\n---\n", "write reviewed: 2026-11-20"),
    ],
)
def test_a_page_without_a_proper_head_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnreadablePageError, match=re.escape(said)):
        parsed("a", text)


def test_the_site_has_no_inline_script_or_style_and_a_policy_against_them(tmp_path: Path) -> None:
    write(shipped(), tmp_path, policy=POLICY, roster=ROSTER, today=TODAY)
    for file in tmp_path.glob("*.html"):
        html = file.read_text("utf-8")
        assert "default-src 'none'" in html
        assert "script-src 'self'" in html
        assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html) == []
        assert re.findall(r'(?:src|href)="(?:https?:)?//', html) == []


def test_pages_have_what_readers_without_eyes_need(tmp_path: Path) -> None:
    write(shipped(), tmp_path, policy=POLICY, roster=ROSTER, today=TODAY)
    for file in tmp_path.glob("*.html"):
        html = file.read_text("utf-8")
        assert '<html lang="en">' in html
        assert len(re.findall(r"<h1[ >]", html)) == 1
        assert '<a class="skip" href="#main">' in html
        assert '<label for="q">' in html
        levels = [int(one) for one in re.findall(r"<h([1-6])[ >]", html)]
        assert all(b <= a + 1 for a, b in pairwise(levels))


def test_the_index_finds_sections_by_their_words(tmp_path: Path) -> None:
    write(shipped(), tmp_path, policy=POLICY, roster=ROSTER, today=TODAY)
    found = json.loads((tmp_path / "search.json").read_text("utf-8"))
    hits = [one["page"] for one in found if "rolling back" in one["text"]]
    assert "external-procedures.html#engineering" in hits
    assert {one["page"].partition("#")[0] for one in found} == {one.address for one in shipped()}
    assert "special-situations.html#nobody-on-call" in {one["page"] for one in found}


def test_the_page_on_roles_says_who_leads_in_this_shift_and_who_then() -> None:
    text = (ROOT / "deploy" / "roster" / "default.yaml").read_text("utf-8")
    turns = "schedules: {leads: {layers: [{people: [t1-lead, t2-lead], turn: daily, start: 2026-01-01, handover: '09:00'}]}}"
    roster = load_roster(
        text.replace("  t1_lead: t1-lead", "  t1_lead: {schedule: leads}").replace(
            "  t3_lead: t3-lead", "  t3_lead: null"
        )
        + f"\n{turns}\n"
    )
    (page,) = pages([one for one in pages_in(SOURCES) if one.name == "roles"], POLICY, roster)
    rows = re.findall(r"<td>(.*?)</td>", page.body.partition("This shift and the next")[2])
    now, then = rows[1], rows[3]
    assert {now, then} == {"Tier 1 lead", "Tier 2 lead"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d 09:00 UTC", rows[2])
    assert rows[8:12] == ["t3 lead", "nobody", "–", "–"]


def test_a_page_is_red_half_a_year_after_its_review(tmp_path: Path) -> None:
    for today, red in ((date(2027, 5, 22), False), (date(2027, 5, 23), True)):
        write(shipped(), tmp_path, policy=POLICY, roster=ROSTER, today=today)
        assert ("To be reviewed since" in (tmp_path / "tiers.html").read_text("utf-8")) is red


def said(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["handbook", *words])
    return done.exit_code, done.output


def test_check_reminds_the_owner() -> None:
    assert said("check", "--today", "2026-11-25")[0] == 0
    code, out = said("check", "--today", "2027-06-01")
    assert code == 1
    assert "tiers: to be reviewed by head_of_support since 2027-05-22" in out


def test_build_says_what_it_wrote(tmp_path: Path) -> None:
    code, out = said("build", "--out", str(tmp_path / "hb"), "--today", "2026-11-25", "--json")
    assert code == 0
    result = json.loads(out)
    assert {"index.html", "matrix.html", "search.json", "search.js"} <= set(result["files"])
    assert result["stale"] == []


def test_the_page_on_training_says_who_holds_which_certificate(tmp_path: Path) -> None:
    line = {
        "at": "2026-11-01T10:00:00Z", "person": "Lea Lang", "roles": ["policy_editor"], "kind": "quiz",
        "item": "H", "points": 90.0, "passed": True, "policy": "default 1",
    }  # fmt: skip
    records = tmp_path / "records.jsonl"
    signed = line | {"kind": "signed", "item": "change_exercise", "by": "mona"}
    records.write_text(f"{json.dumps(line)}\n{json.dumps(signed)}\n")
    words = ["--records", str(records), "--today", "2026-11-28"]
    assert said("build", "--out", str(tmp_path / "hb"), *words)[0] == 0
    page = (tmp_path / "hb" / "training.html").read_text("utf-8")
    row = r"<td>Lea Lang</td>\s*<td>H Policy editors</td>\s*<td>valid</td>\s*<td>2027-11-01</td>"
    assert re.search(row, page)
    assert "90" not in page.partition("Who is trained for what</h2>")[2].partition("</table>")[0]


def test_wrong_use_is_told_apart() -> None:
    assert said("check", "--today", "soon")[0] == 2

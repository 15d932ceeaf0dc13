"""Role-plays as pages: the same engine, the same marks, and nothing kept between requests."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx2
import pytest

from cli.roleplay.browser import application
from cli.roleplay.library import TRAINING
from services.escalator.core.roleplay.loading import read_scenario
from services.notifier.roster_file import load_roster_file
from shared.policy.load import DEFAULT_POLICY, load_policy_file

POLICY = load_policy_file(DEFAULT_POLICY)
ROSTER = load_roster_file(Path(__file__).parents[3] / "deploy" / "roster" / "default.yaml")
R01 = read_scenario(
    (TRAINING / "roleplays" / "R01.yaml").read_text("utf-8"), name="R01", policy=POLICY
)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=application({"R01": R01}, POLICY, ROSTER))
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as found:
        yield found


def sitting(html: str) -> str:
    return unescape(re.findall(r'name="sitting" value="([^"]*)"', html)[0])


async def test_a_trainee_can_play_it_to_full_marks_by_forms(client: httpx2.AsyncClient) -> None:
    assert "/R01" in (await client.get("/")).text
    html = (await client.get("/R01")).text
    assert "The export shows the wrong time zone" in html
    for form in (
        {"do": "pass", "span": "12m"},
        {"verb": "note", "text": "Stays S3: exports work, only the zone is wrong.", "keys": "about=severity"},
        {"verb": "link", "keys": "kind=knowledge\nto=KB-210"},
        {"verb": "reply", "text": "We rank by the effect on your work; please try the steps of KB-210.",
         "keys": "next_update=2026-03-02T10:00:00Z"},
        {"do": "next"},
        {"verb": "resolve", "keys": "cause_class=configuration\nknowledge_url=KB-210\nconfirmed=true"},
        {"do": "end"},
    ):  # fmt: skip
        data = {"do": "act", "seat": "t1_agent", "sitting": sitting(html), **form}
        html = (await client.post("/R01", data=data)).text
    assert "100.0 of 100 points, passed" in html


async def test_a_mistake_in_an_act_is_said_and_changes_nothing(client: httpx2.AsyncClient) -> None:
    before = sitting((await client.get("/R01")).text)
    data = {"do": "act", "seat": "t1_agent", "sitting": before, "verb": "reply", "keys": "txt=1"}
    html = (await client.post("/R01", data=data)).text
    assert "is missing" in html or "is not a key here" in html
    assert sitting(html) == before


@pytest.mark.parametrize(
    "carried",
    ["", "[]", '{"acts": [{"act": "note"}], "now": 0}', '{"acts": 1, "now": "x"}', "\x00",
     '{"acts": [{"act": "note", "seat": "boss", "at": "T+0:01", "text": "x"}], "now": 60}',
     '{"acts": [{"act": "note", "seat": "t1_agent", "at": "T+99999:00", "text": "x"}], "now": 60}'],
)  # fmt: skip
async def test_a_form_that_is_not_ours_is_refused(client: httpx2.AsyncClient, carried: str) -> None:
    data = {"do": "next", "seat": "t1_agent", "sitting": carried}
    assert (await client.post("/R01", data=data)).status_code == 422


async def test_what_is_typed_is_shown_as_text(client: httpx2.AsyncClient) -> None:
    html = (await client.get("/R01")).text
    data = {"do": "act", "seat": "t1_agent", "sitting": sitting(html), "verb": "note",
            "text": "<script>alert(1)</script>"}  # fmt: skip
    answer = await client.post("/R01", data=data)
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_there_is_no_other_page(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/R99")).status_code == 404

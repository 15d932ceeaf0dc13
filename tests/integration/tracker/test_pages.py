"""The pages: what people see, whatever somebody wrote into a ticket."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import text as sql
from typing_extensions import override

from services.tracker.dashboard.assets import read_assets
from shared.access.keys import ApiKey, KeyRing, Scope
from shared.contract.times import parse_instant
from shared.policy.load import DEFAULT_POLICY
from shared.runtime.database import open_database
from tests.integration.tracker.conftest import FROZEN
from tests.support.browser import AXE
from tests.support.house import ROOT
from tests.support.http_peer import Answer, Request, http_peer
from tests.support.ticket_events import acknowledged, an_event, opened, replied, status, wrote
from tests.support.ticket_lives import FORMS
from tests.support.tracker_messages import a_delivery, decision_bytes
from tests.support.tracker_service import Tracker, asking, tracker_here
from tests.support.tracker_stream import Said, story

HOSTILE = (
    "</title></p><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
    "\x1b[31m\u202eevil\u2066\x07<!--"
)
NOBODY_THERE = "http://127.0.0.1:1"
"""An intake for pages that are only looked at."""

PATHS = ("/", "/tickets/desk:A", "/search?q=desk", "/groups", "/charts")
CONTROLS = {chr(n) for n in (*range(9), *range(11, 32), 127, 0x202E, 0x2066)}


class Tree(HTMLParser):
    """The tags of a page, and what hangs on them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


class Form(HTMLParser):
    """The fields of the forms of one act, and what is filled in."""

    def __init__(self, page: str, act: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._act = act
        self._mine = False
        self._area = ""
        self.feed(page)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if given.get("name") == "type":
            self._mine = given["value"] == self._act
        elif self._mine and tag in ("input", "select", "textarea"):
            self.fields[given["name"]] = given.get("value", "")
            self._area = given["name"] if tag == "textarea" else ""

    @override
    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""


def fields_of(page: str, act: str) -> dict[str, str]:
    """Return what the forms of *act* on *page* ask for, and what is filled in."""
    return Form(page, act).fields


async def page(tracker: Tracker, path: str) -> str:
    answer = await tracker.client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    return answer.text


async def test_a_case_points_to_the_procedures_of_where_it_is(tracker: Tracker) -> None:
    customer = {"id": "c1", "plan": "enterprise", "vip": True}
    lost = opened("2026-03-02T10:00:00Z", flags=["data_loss"], customer=customer)
    await tracker.take(story([lost]))
    shown = Tree(await page(tracker, "/tickets/desk:A"))
    pointed = [to for name, to in shown.attributes if name == "href" and "/handbook/" in (to or "")]
    assert pointed == [
        "/handbook/special-situations.html#data-loss",
        "/handbook/internal-procedures.html#acknowledge-and-restate",
        "/handbook/external-procedures.html#engineering",
        "/handbook/special-situations.html#a-vip-customer",
        "/handbook/de-escalation.html",
    ]


def everywhere(text: str) -> list[Said]:
    """Return a story that has *text* in every field that people or programs can fill."""
    facts: dict[str, Any] = dict.fromkeys(
        ("title", "requester", "service", "component", "symptom", "category", "owner", "url"), text
    )
    customer = {"id": text, "name": text, "plan": text, "region": text, "vip": True}
    events = [
        opened("2026-03-02T10:00:00Z", flags=[text], tags=[text], customer=customer, **facts),
        replied("2026-03-02T10:01:00Z", by=text, role=text, text=text),
        status("2026-03-02T10:02:00Z", "open", by=text, reason=text),
        wrote("2026-03-02T10:03:00Z", author_id=text, text=text),
        an_event(
            "ticket.updated", "2026-03-02T10:04:00Z", by=text, reason=text, title=text, x=text
        ),
        an_event("escalation.requested", "2026-03-02T10:05:00Z", by=text, department=text),
        an_event("escalation.handed_over", "2026-03-02T10:06:00Z", by=text, to=text),
        an_event("case.flagged", "2026-03-02T10:07:00Z", by=text, flag=text, reason=text),
    ]
    decisions = [
        decision_bytes(
            1,
            "escalation.raised",
            escalation_id=text,
            track="functional",
            target=text,
            ack_due="2026-03-02T11:00:00Z",
            cell=text,
            policy={"name": text, "version": 1, "digest": text},
            notify=[{"role": text, "mode": "chat", "fyi": False}],
            because={
                "triggers": [text],
                "rule": text,
                "facts": {text: text},
                "arithmetic": [text, {"x": text}],
            },
        ),
        decision_bytes(
            2,
            "act.refused",
            act_id=text,
            by=text,
            code="not_permitted",
            missing=[text],
            allowed=[text],
        ),
        decision_bytes(3, "group.joined", group_id=text, fingerprint=text),
        decision_bytes(
            4,
            "escalation.acknowledged",
            escalation_id=text,
            track="functional",
            target=text,
            by=text,
            role=text,
        ),
        decision_bytes(5, "timer.warned", timer=text, share=0.5, step=text),
        decision_bytes(6, "timer.breached", timer=text, due="2026-03-02T11:00:00Z"),
    ]
    delivery = a_delivery(
        "failed", 1, role=text, person=text, channel=text, address=text, reason=text
    )
    return [
        *(one for one in story(events) if one.topic == "tickets.events"),
        *(Said("tickets.tier-changes", "desk:A", value, []) for value in decisions),
        Said("notifications.deliveries", "desk:A", delivery.text.encode(), []),
    ]


async def test_what_is_written_into_any_field_stays_text_on_every_page(database: str) -> None:
    trees = []
    for text in (HOSTILE, "harmless"):
        async with tracker_here(database) as tracker:
            await tracker.take(everywhere(text))
            shown = [await page(tracker, path) for path in PATHS]
            async with tracker.database.transaction() as conn:
                assert (await conn.execute(sql("SELECT count(*) FROM dead_letter"))).scalar() == 0
                await conn.execute(sql("DROP SCHEMA tracker CASCADE"))
        assert not CONTROLS & set("".join(shown))
        trees.append([Tree(one) for one in shown])
    hostile, harmless = trees
    for evil, good in zip(hostile, harmless, strict=True):
        assert evil.tags == good.tags
        assert [name for name, _ in evil.attributes] == [name for name, _ in good.attributes]
    assert all("alert(1)" in evil.text for evil in hostile[:3])


async def test_only_web_addresses_become_links(tracker: Tracker) -> None:
    for n, url in enumerate(["javascript:alert(1)", "https://desk.example/t/1?a=<b>"]):
        await tracker.take(story([opened("2026-03-02T10:00:00Z", ticket=f"U{n}", url=url)]))
    assert "javascript:" not in await page(tracker, "/tickets/desk:U0")
    assert 'href="https://desk.example/t/1?a=&lt;b&gt;"' in await page(tracker, "/tickets/desk:U1")


async def test_the_board_shows_what_a_lead_asks_first(filled: Tracker) -> None:
    board = await page(filled, "/")
    text = " ".join(Tree(board).text.split())
    assert "2026-03-02 12:00 UTC" in text, "the installation's clock, not the machine's"
    for wanted in ("Tier 3", "Tier 1", "overdue", "no answer, due", "stay in the tier ends"):
        assert wanted in text
    assert board.count("<script") == board.count("<script src=") == 2
    assert "style=" not in board
    assert "onclick" not in board
    for number in (1, 2, 3):
        assert f'href="/tickets/desk:T{number}"' in board


async def test_a_case_page_says_in_sentences_what_was_decided_and_why(tracker: Tracker) -> None:
    await tracker.take(
        story([opened("2026-03-02T10:00:00Z")], parse_instant("2026-03-03T12:00:00Z"))
    )
    text = " ".join(Tree(await page(tracker, "/tickets/desk:A")).text.split())
    for wanted in (
        "Case opened as S3/I1, P3, in tier 1",
        "tier 1 has had it for as long as tier 1 may (T06)",
        "used on calendar emea",
        "Moved up from tier 1 to tier 2",
        "an answer is due",
        "First response: promise broken",
        "person of t1_lead",
    ):
        assert wanted in text


async def test_a_late_decision_is_marked_in_words(tracker: Tracker) -> None:
    late = decision_bytes(1, late_by_s=5400)
    await tracker.take([Said("tickets.tier-changes", "desk:A", late, [])])
    assert "decided 1 h 30 min late" in await page(tracker, "/tickets/desk:A")


async def test_pages_reload_themselves_until_asked_not_to(filled: Tracker) -> None:
    # With scripts they follow the stream instead.
    wanted = '<noscript><meta http-equiv="refresh" content="15"></noscript>'
    assert wanted in await page(filled, "/")
    assert "http-equiv" not in await page(filled, "/?still=true")


async def test_a_long_timeline_is_read_page_by_page_without_being_pulled_away(
    tracker: Tracker,
) -> None:
    events = [
        opened("2026-03-02T10:00:00Z", severity="S1", affected_users=900),
        replied("2026-03-02T10:00:30Z"),
    ]
    await tracker.take(story(events, parse_instant("2026-03-03T10:00:00Z")))
    first = Tree(await page(tracker, "/tickets/desk:A"))
    (following,) = [
        url for name, url in first.attributes if name == "href" and url and "cursor=" in url
    ]
    second = await page(tracker, following)
    assert "From the latest" in second
    assert "http-equiv" not in second


async def test_an_unknown_ticket_is_a_page_that_says_what_to_do(filled: Tracker) -> None:
    answer = await filled.client.get("/tickets/desk:%3Cscript%3E")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "Check the key" in answer.text
    assert "<script>" not in answer.text


async def test_the_style_is_served_to_be_kept(filled: Tracker) -> None:
    board = await page(filled, "/")
    path = board.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = await filled.client.get(path)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


async def test_while_the_database_is_away_the_pages_say_so_and_try_again() -> None:
    nowhere = open_database("postgresql://nobody@127.0.0.1:1/x", schema="tracker", clock=FROZEN)
    async with nowhere, asking(nowhere) as client:
        board = await client.get("/")
        reply = await client.get("/v1/board")
    assert (board.status_code, reply.status_code) == (503, 503)
    assert "The board is away for a moment" in board.text
    assert 'http-equiv="refresh"' in board.text
    assert reply.json()["code"] == "database_unavailable"


async def test_a_form_goes_to_intake_with_the_key_of_its_sender_and_back_to_the_case(
    tracker: Tracker,
) -> None:
    await tracker.take(
        story([opened("2026-03-02T10:00:00Z")], parse_instant("2026-03-03T12:00:00Z"))
    )
    landed = {"act_id": "act-1", "ticket": "desk:A", "partition": 3, "offset": 41}

    async def accepted(_: Request) -> Answer:
        return Answer(202, {"content-type": "application/json"}, json.dumps(landed).encode())

    digest = hashlib.sha256(b"tl_secret").hexdigest()
    keys = KeyRing([ApiKey("olga", digest, None, frozenset({Scope.READ}))])
    pair = base64.b64encode(b"olga:tl_secret").decode()
    form = {"type": "escalation.requested", "by": "olga", "role": "t1_agent", "to_tier": "3"}
    form |= {"reason": "It grows", "info.impact": "all of them", "department": ""}
    async with (
        http_peer(accepted) as peer,
        asking(tracker.database, keys=keys, intake_url=peer.url) as client,
    ):
        headers = {"authorization": f"Basic {pair}"}
        path = "/tickets/desk:A/acts"
        answer = await client.post(path, data=form, headers=headers)
        foreign = await client.post(
            path, data=form, headers={**headers, "sec-fetch-site": "cross-site"}
        )
        (got,) = peer.got
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/tickets/desk:A?did=act-1&after=3:41",
    )
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_form")
    assert got.path == "/v1/tickets/desk%3AA/acts"
    assert got.headers["authorization"] == "Bearer tl_secret"
    assert got.json() == {
        "type": "escalation.requested",
        "by": "olga",
        "role": "t1_agent",
        "to_tier": 3,
        "reason": "It grows",
        "info": {"impact": "all of them"},
    }


async def test_h18_a_refusal_names_what_is_missing_and_keeps_what_was_written(
    tracker: Tracker,
) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z")]))

    async def refused(_: Request) -> Answer:
        said = {
            "title": "The form is not complete",
            "detail": "escalation.requested by olga: missing information",
            "do": "Fill in what is missing.",
            "missing": [{"field": "impact", "why": "the form of tier 2 asks for it"}],
            "allowed": [],
        }
        return Answer(422, {"content-type": "application/problem+json"}, json.dumps(said).encode())

    async with http_peer(refused) as peer, asking(tracker.database, intake_url=peer.url) as client:
        answer = await client.post(
            "/tickets/desk:A/acts",
            data={"type": "escalation.requested", "by": "olga", "role": "t1", "reason": "<b>Why"},
        )
    assert answer.status_code == 422
    assert "impact – the form of tier 2 asks for it" in answer.text
    assert "&lt;b&gt;Why</textarea>" in answer.text
    assert "<b>Why" not in answer.text
    # What is missing has got a field.
    assert "info.impact" in fields_of(answer.text, "escalation.requested")


async def test_h18_a_draft_is_offered_again_and_filled_in_as_far_as_it_was(
    tracker: Tracker,
) -> None:
    form = {"by": "olga", "role": "t1_agent", "reason": "It grows", "info": {"impact": "all"}}
    drafted = an_event(
        "act.drafted", "2026-03-02T10:05:00Z", act="escalation.requested", by="olga",
        role="t1_agent", form=form, code="missing_information", missing=["specific_ask"],
    )  # fmt: skip
    await tracker.take(story([opened("2026-03-02T10:00:00Z"), drafted]))
    async with asking(tracker.database, intake_url=NOBODY_THERE) as client:
        plain = (await client.get("/tickets/desk:A")).text
        (link,) = re.findall(r'href="(/tickets/desk:A[?]draft=[^"#]+)', plain)
        shown = (await client.get(html.unescape(link))).text
    assert "info.specific_ask" not in fields_of(plain, "escalation.requested")
    fields = fields_of(shown, "escalation.requested")
    assert (fields["by"], fields["reason"], fields["info.impact"]) == ("olga", "It grows", "all")
    assert fields["info.specific_ask"] == ""


async def test_what_was_told_with_an_escalation_can_be_read(tracker: Tracker) -> None:
    told = FORMS["t1_to_t2"] | {"tried_and_outcome": "<b>off</b>", "no_secrets_confirmed": True}
    asked = an_event(
        "escalation.requested", "2026-03-02T10:05:00Z", by="olga", role="t1_agent",
        reason="It grows", info=told,
    )  # fmt: skip
    await tracker.take(story([opened("2026-03-02T10:00:00Z"), asked]))
    shown = await page(tracker, "/tickets/desk:A")
    assert "reason: <bdi>It grows</bdi>" in shown
    assert "<dt>tried and outcome</dt><dd><bdi>&lt;b&gt;off&lt;/b&gt;</bdi></dd>" in shown
    assert "<dt>no secrets confirmed</dt><dd><bdi>yes</bdi></dd>" in shown


async def test_what_is_owed_on_an_escalation_has_a_form(tracker: Tracker) -> None:
    # Raised by itself, so nobody has filled in the form of tier 2.
    events = [opened("2026-03-02T10:00:00Z", severity="S2", affected_users=30)]
    await tracker.take(story(events, parse_instant("2026-03-02T10:01:00Z")))
    async with asking(tracker.database, intake_url=NOBODY_THERE) as client:
        shown = (await client.get("/tickets/desk:A")).text
    assert "info.specific_ask" in fields_of(shown, "escalation.info_supplied")


async def test_only_who_may_act_is_offered_acts_and_only_in_their_roles(tracker: Tracker) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z")]))
    reads = ApiKey("reads", hashlib.sha256(b"tl_reads").hexdigest(), None, frozenset({Scope.READ}))
    acts = ApiKey(
        "acts", hashlib.sha256(b"tl_acts").hexdigest(), None, frozenset({Scope.READ, Scope.ACT}),
        frozenset({"tier_lead", "t1_agent"}),
    )  # fmt: skip
    async with asking(
        tracker.database, keys=KeyRing([reads, acts]), intake_url=NOBODY_THERE
    ) as client:
        pages = [
            (
                await client.get("/tickets/desk:A", headers={"authorization": f"Bearer {secret}"})
            ).text
            for secret in ("tl_reads", "tl_acts")
        ]
    assert 'method="post"' not in pages[0]
    assert "the scope <code>act</code>" in pages[0]
    roles = re.findall(r'<option value="(t1_agent|tier_lead)"', pages[1])
    assert roles[:2] == ["t1_agent", "tier_lead"]


async def test_what_became_of_an_act_is_said_on_the_case(tracker: Tracker) -> None:
    wrong = acknowledged("2026-03-02T10:10:00Z", role="passer_by")
    events = [opened("2026-03-02T10:00:00Z", severity="S2", affected_users=30), wrong]
    await tracker.take(story(events, parse_instant("2026-03-02T10:21:00Z")))
    shown = Tree(await page(tracker, f"/tickets/desk:A?did={wrong.id}")).text
    assert "Refused:" in shown
    assert "Would be accepted:" in shown


async def test_the_policy_is_shown_as_people_know_it(tracker: Tracker) -> None:
    async def policy(_: Request) -> Answer:
        body = json.dumps({"text": DEFAULT_POLICY.read_text("utf-8")}).encode()
        return Answer(200, {"content-type": "application/json"}, body)

    async with http_peer(policy) as peer, asking(tracker.database, peer.url) as client:
        shown = " ".join(Tree((await client.get("/policy")).text).text.split())
    for wanted in ("P1 critical", "begins in tier 3", "in tier 1", "Promises"):
        assert wanted in shown
    away = await tracker.client.get("/policy")
    assert (away.status_code, "TRACKER_ESCALATOR_URL" in away.text) == (503, True)


async def test_h28_all_members_of_a_group_are_on_its_page(tracker: Tracker) -> None:
    key = "group:mail/smtp/timeout/emea/1"
    formed = decision_bytes(1, "group.opened", ticket=key, group_id=key, members=30)
    joined = [
        Said(
            "tickets.tier-changes",
            f"desk:M{n}",
            decision_bytes(1, "group.joined", ticket=f"desk:M{n}", group_id=key, members=30),
            [],
        )
        for n in range(30)
    ]
    await tracker.take([Said("tickets.tier-changes", key, formed, []), *joined])
    shown = await page(tracker, f"/tickets/{key}")
    assert all(f'href="/tickets/desk:M{n}"' in shown for n in range(30))
    assert ">30</td>" in await page(tracker, "/groups")


VENDORED = {
    "htmx": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "uplot": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot_style": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


def test_what_others_wrote_is_unchanged_and_named_with_its_licence() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    found = read_assets()
    for name, checksum in VENDORED.items():
        assert hashlib.sha256(found[name].content).hexdigest() == checksum
    assert (
        hashlib.sha256(AXE.read_bytes()).hexdigest()
        == "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
    )
    for named in ("htmx.org 4.0.1", "uPlot 1.6.32", "axe-core 4.14.1", "MIT", "Mozilla", "Zero"):
        assert named in notice


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/charts?days=0", "days"),
        ("/search?q=a", "at least 2 characters"),
        ("/feedback/nobody", "receiver"),
        ("/tickets/desk:%00", "key"),
    ],
)
async def test_what_a_page_cannot_answer_is_said_on_a_page(
    tracker: Tracker, path: str, word: str
) -> None:
    answer = await tracker.client.get(path)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert word in Tree(answer.text).text


async def test_fields_that_were_left_empty_ask_for_nothing(tracker: Tracker) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z", title="Printer")]))
    fields = "q=&open=true&tier=&priority=&sort=breach&team=&owner=&customer=+"
    assert "Printer" in await page(tracker, f"/search?{fields}")

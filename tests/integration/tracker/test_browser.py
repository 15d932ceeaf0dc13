"""The pages in a real browser: live, in the viewer's zone, for everybody, on a phone too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, Route, expect

from shared.contract.times import parse_instant
from shared.contract.topics import TIER_CHANGES
from shared.policy.load import DEFAULT_POLICY
from tests.support.browser import TELEPHONE, a_browser, violations
from tests.support.http_peer import Answer, Peer, http_peer
from tests.support.ticket_events import acknowledged, an_event, opened, updated, wrote
from tests.support.ticket_lives import FORMS
from tests.support.tracker_service import Tracker, listening
from tests.support.tracker_stories import many
from tests.support.tracker_stream import event_said, story

PATHS = (
    "/",
    "/tickets/desk:T1",
    "/search?q=desk",
    "/groups",
    "/charts?days=1",
    "/policy",
    "/review",
    "/feedback/shift",
)
PATIENCE_MS = 60_000
NOBODY_THERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as one:
        yield one


async def policy(_: object) -> Answer:
    body = json.dumps({"text": DEFAULT_POLICY.read_text("utf-8")}).encode()
    return Answer(200, {"content-type": "application/json"}, body)


async def opened_page(
    browser: Browser, *, zone: str = "Europe/Vienna", width: int = 1280
) -> tuple[Page, list[str]]:
    """Return a page, and where everything that it complains of is noted."""
    context = await browser.new_context(
        timezone_id=zone,
        locale="en-GB",
        viewport={"width": width, "height": 900},
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


async def test_the_board_follows_what_happens_and_keeps_the_reader_where_they_are(
    tracker: Tracker, browser: Browser
) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z", title="First")]))
    async with listening(tracker.database) as url:
        page, complaints = await opened_page(browser)
        await page.goto(url)
        await expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        await page.get_by_role("link", name="First").focus()
        later = opened("2026-03-02T11:00:00Z", ticket="B", title="Second")
        await tracker.take(story([later]))
        await expect(page.get_by_role("link", name="Second")).to_be_visible(timeout=PATIENCE_MS)
        assert await page.evaluate("document.activeElement.textContent") == "First"
        await page.keyboard.press("/")
        assert await page.evaluate("document.activeElement.id") == "q"
        await page.keyboard.type("Second")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Second").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Second")
        assert complaints == []
        await page.context.close()


async def test_what_a_reader_has_opened_and_typed_stays_while_the_case_goes_on(
    tracker: Tracker, browser: Browser
) -> None:
    asked = an_event(
        "escalation.requested", "2026-03-02T10:05:00Z", by="olga", role="t1_agent",
        info=FORMS["t1_to_t2"],
    )  # fmt: skip
    await tracker.take(story([opened("2026-03-02T10:00:00Z"), asked]))
    async with listening(tracker.database, intake_url=NOBODY_THERE) as url:
        page, complaints = await opened_page(browser)
        await page.goto(f"{url}/tickets/desk:A")
        await expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        await page.get_by_text("What was told with it").click()
        tried = page.get_by_text("said: tried_and_outcome")
        await expect(tried).to_be_visible()
        await page.locator('summary:text-is("Escalate")').click()
        form = page.locator("form:visible", has=page.get_by_label("In which role"))
        written = {"Who acts": "olga", "Why": "It grows", "To tier": "3"}
        for label in ("Who acts", "Why"):
            await form.get_by_label(label, exact=True).fill(written[label])
        await form.get_by_label("To tier").select_option("3")
        await tracker.take(story([wrote("2026-03-02T10:06:00Z")]))
        await expect(page.get_by_text("Customer wrote.")).to_be_visible(timeout=PATIENCE_MS)
        await expect(tried).to_be_visible()
        for label, text in written.items():
            await expect(form.get_by_label(label, exact=True)).to_have_value(text)
        assert complaints == []
        await page.context.close()


@pytest.mark.parametrize("first", ["the stream", "the decision"])
async def test_an_act_is_followed_until_something_is_decided_on_it(
    tracker: Tracker, browser: Browser, first: str
) -> None:
    wrong = acknowledged("2026-03-02T10:10:00Z", role="passer_by")
    events = [opened("2026-03-02T10:00:00Z", severity="S2", affected_users=30), wrong]
    said = story(events, notices=False)
    decided = next(n for n, one in enumerate(said) if one.topic == TIER_CHANGES)
    await tracker.take(said[:decided])
    async with listening(tracker.database) as url:
        page, complaints = await opened_page(browser)
        # What is loaded anew every quarter of a minute would hide what the stream did not say.
        await page.add_init_script("window.setInterval = () => 0")
        listens = asyncio.Event()

        async def once_it_listens(route: Route) -> None:
            await listens.wait()
            await route.continue_()

        await page.route("**/v1/stream", once_it_listens)
        await page.goto(f"{url}/tickets/desk:A?did={wrong.id}")
        fate = page.get_by_role("status").filter(has_text="escalation.acknowledged")
        await expect(fate).to_contain_text("Recorded")
        if first == "the stream":
            listens.set()
            await expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        await tracker.take(said[decided:])
        listens.set()
        await expect(fate).to_contain_text("Refused", timeout=PATIENCE_MS)
        assert complaints == []
        await page.context.close()


async def test_h03_an_hour_that_comes_twice_is_told_apart_by_its_offset(
    tracker: Tracker, browser: Browser
) -> None:
    events = [opened("2025-10-26T00:30:00Z"), updated("2025-10-26T01:30:00Z", title="Later")]
    await tracker.take(map(event_said, events))
    async with listening(tracker.database) as url:
        page, _ = await opened_page(browser, zone="Europe/Vienna")
        await page.goto(f"{url}/tickets/desk:A")
        times = page.locator("#timeline ~ ol time[data-local]")
        await expect(times).to_have_count(2, timeout=PATIENCE_MS)
        shown = await times.all_text_contents()
        exact = [await one.get_attribute("title") for one in await times.all()]
        await page.context.close()
    assert [one.split(", ")[-1] for one in shown] == ["02:30 GMT+1", "02:30 GMT+2"]
    assert exact == ["2025-10-26 01:30 UTC", "2025-10-26 00:30 UTC"]


async def test_no_page_keeps_anybody_out_nor_breaks_its_own_policy(
    tracker: Tracker, browser: Browser
) -> None:
    await tracker.take(many(6, until_s=5400))
    async with (
        http_peer(policy) as peer,
        listening(tracker.database, peer.url, intake_url=peer.url) as url,
    ):
        page, complaints = await opened_page(browser)
        for path in PATHS:
            await page.goto(f"{url}{path}", wait_until="load")
            if path.startswith("/charts"):
                await expect(page.locator("canvas")).to_have_count(4, timeout=PATIENCE_MS)
            assert await violations(page) == [], path
        assert complaints == []
        await page.context.close()


async def test_the_legend_of_a_chart_is_shown_as_no_table(
    tracker: Tracker, browser: Browser
) -> None:
    await tracker.take(many(6, until_s=5400))
    async with listening(tracker.database) as url:
        page, _ = await opened_page(browser)
        await page.goto(f"{url}/charts?days=1")
        legend = page.locator(".u-legend").first
        await expect(legend).to_have_css("border-top-width", "0px", timeout=PATIENCE_MS)
        cell = legend.locator("th, td").first
        await expect(cell).to_have_css("border-top-width", "0px")
        await page.context.close()


async def test_on_a_phone_nothing_is_wider_than_the_screen(
    tracker: Tracker, browser: Browser
) -> None:
    await tracker.take(many(6, until_s=5400))
    async with http_peer(policy) as peer, listening(tracker.database, peer.url) as url:
        page, _ = await opened_page(browser, width=TELEPHONE)
        for path in PATHS:
            await page.goto(f"{url}{path}")
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= TELEPHONE, path
        await page.context.close()


async def refused(_: object) -> Answer:
    said = b'{"title": "Not allowed so", "detail": "missing", "do": "Add it.",'
    said += b'"missing": [{"field": "impact", "why": "the form asks for it"}], "allowed": []}'
    return Answer(422, {"content-type": "application/problem+json"}, said)


@asynccontextmanager
async def without_scripts(tracker: Tracker, browser: Browser) -> AsyncIterator[tuple[Page, Peer]]:
    """Give the board in a browser without scripts, and an intake that refuses everything."""
    async with (
        http_peer(refused) as peer,
        listening(tracker.database, intake_url=peer.url) as url,
    ):
        context = await browser.new_context(java_script_enabled=False)
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        await page.goto(url)
        yield page, peer
        await context.close()


async def test_without_scripts_everything_can_be_read_and_a_form_be_sent(
    tracker: Tracker, browser: Browser
) -> None:
    until = parse_instant("2026-03-03T12:00:00Z")
    await tracker.take(story([opened("2026-03-02T10:00:00Z", title="Totals")], until))

    async with without_scripts(tracker, browser) as (page, _):
        await page.get_by_role("link", name="Totals").click()
        await page.get_by_text("Escalate", exact=True).first.click()
        form = page.locator("form", has=page.locator("input[value='escalation.requested']"))
        await form.get_by_label("Who acts").fill("olga")
        await form.get_by_label("In which role").fill("t1_agent")
        await form.get_by_label("Why").fill("It grows")
        await form.get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_contain_text("impact", timeout=PATIENCE_MS)
        # H18: the draft is offered again, with what is missing.
        assert await form.get_by_label("Why").input_value() == "It grows"
        assert not await form.get_by_label("impact").input_value()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
async def test_the_form_of_the_search_may_be_filled_in_by_half(
    tracker: Tracker, browser: Browser, *, scripts: bool
) -> None:
    mine = opened("2026-03-02T10:00:00Z", title="Of Olga", owner="olga")
    other = opened("2026-03-02T10:00:00Z", ticket="B", title="Of Paul", owner="paul")
    await tracker.take(story([mine, other]))
    async with listening(tracker.database) as url:
        context = await browser.new_context(java_script_enabled=scripts)
        page = await context.new_page()
        await page.goto(f"{url}/search")
        form = page.locator("form.filters")
        await form.get_by_label("Owner").fill("olga")
        await form.get_by_role("button", name="Search").click()
        await expect(page.get_by_role("link", name="Of Olga")).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.get_by_role("link", name="Of Paul")).to_have_count(0)
        await expect(form.get_by_label("Owner")).to_have_value("olga")
        await context.close()


async def test_without_scripts_a_shift_is_spoken_of_and_nothing_written_is_lost(
    tracker: Tracker, browser: Browser
) -> None:
    await tracker.take(story([opened("2026-03-02T10:00:00Z", title="Totals")]))
    async with without_scripts(tracker, browser) as (page, peer):
        await page.get_by_role("link", name="After the shift").click()
        await page.get_by_label("The ticket of the shift").fill("desk:A")
        await page.get_by_label("Who you are").fill("olga")
        await page.get_by_label("How was the shift?").select_option("4")
        await page.get_by_label("Which happened, and should not have?").fill("the third")
        await page.get_by_role("button", name="Send").click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("impact – the form asks for it", timeout=PATIENCE_MS)
        kept = page.get_by_label("Which happened, and should not have?")
        assert await kept.input_value() == "the third"
        assert [one.json()["answers"]["load"] for one in peer.got] == ["4"]

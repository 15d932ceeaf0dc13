"""Subscriptions, over HTTP, up to the message."""

from tests.support.decisions import a_decision, calls
from tests.support.notifier_desk import Desk

BODY = {"subscriber": "ben", "topics": ["component.billing"], "actor": "Ana"}
ABOUT = {"component": "billing"}


async def test_a_subscriber_hears_of_their_topic_and_of_no_restricted_case(desk: Desk) -> None:
    async with desk.notifier() as notifier:
        made = await notifier.put("/v1/subscriptions/billing", json=BODY)
        assert made.status_code == 201
        again = await notifier.put("/v1/subscriptions/billing", json={**BODY, "mode": "chat"})
        assert (again.status_code, again.json()["mode"]) == (200, "chat")
        await desk.ledger.decide(
            a_decision(notify=calls("t2_oncall"), about=ABOUT),
            a_decision(ticket="desk:B", notify=calls("t2_oncall"), about={"component": "search"}),
            a_decision(ticket="desk:C", notify=calls("t2_oncall"), about=ABOUT, restricted=True),
        )
        await desk.ledger.until_finished(4)
    found = [
        (row["ticket"], row["role"], row["person"], row["state"])
        for row in await desk.ledger.deliveries()
        if row["role"] != "t2_oncall"
    ]
    assert found == [("desk:A", "subscription_billing", "ben", "sent")]


async def test_a_bundle_is_held_visibly_in_the_ledger(desk: Desk) -> None:
    async with desk.notifier() as notifier:
        wanted = {**BODY, "every": "24h", "quiet": {"zone": "UTC", "hours": {"mon": "00:00-08:00"}}}
        assert (await notifier.put("/v1/subscriptions/daily", json=wanted)).status_code == 201
        shown = (await notifier.get("/v1/subscriptions", params={"subscriber": "ben"})).json()
        assert [one["every_s"] for one in shown["subscriptions"]] == [86_400]
        await desk.ledger.decide(a_decision(about=ABOUT))
        await desk.ledger.until("count(*) = 1 FROM delivery")
        (row,) = await desk.ledger.deliveries()
        assert (row["state"], row["mode"]) == ("planned", "digest")
        assert row["hold_until"] > row["planned_at"]
        assert (await notifier.delete("/v1/subscriptions/daily")).status_code == 204
        assert (await notifier.delete("/v1/subscriptions/daily")).status_code == 404


async def test_what_cannot_be_subscribed_to_is_refused_in_words(desk: Desk) -> None:
    async with desk.notifier() as notifier:
        for change, word in (
            ({"subscriber": "eva"}, "neither a person nor a group"),
            ({"events": ["escalation.notice_due"]}, "cannot be subscribed to"),
            ({"every": "soon"}, "soon"),
            ({"quiet": {"zone": "Mars", "hours": {"mon": "00:00-08:00"}}}, "Mars"),
            ({"topics": ["tier9"]}, "topics"),
            ({"actor": "A\0na"}, "actor"),
        ):
            answer = await notifier.put("/v1/subscriptions/one", json={**BODY, **change})
            assert answer.status_code == 422
            assert word in answer.text


async def test_changing_asks_for_the_operator_key(desk: Desk) -> None:
    async with desk.notifier(NOTIFIER_OPERATOR_KEY="for this test") as notifier:
        answer = await notifier.put("/v1/subscriptions/one", json=BODY)
        assert answer.status_code == 401
        document = (await notifier.get("/openapi.json")).json()
    for method in ("put", "delete"):
        responses = document["paths"]["/v1/subscriptions/{name}"][method]["responses"]
        assert {"401", "403"} <= responses.keys()


async def test_a_change_counts_from_the_next_decision_on_also_in_another_instance(
    desk: Desk,
) -> None:
    async with desk.notifier() as notifier:
        await desk.ledger.decide(
            a_decision(ticket="desk:1", notify=calls("t2_oncall"), about=ABOUT)
        )
        await desk.ledger.until_finished(1)
        assert (await notifier.put("/v1/subscriptions/billing", json=BODY)).status_code == 201
        await desk.ledger.decide(a_decision(ticket="desk:2", about=ABOUT))
        await desk.ledger.until_finished(2)
        # As another instance writes it: this one is not told, it looks.
        await desk.ledger.rows("UPDATE subscription SET mode = 'chat'")
        await desk.ledger.decide(a_decision(ticket="desk:3", about=ABOUT))
        await desk.ledger.until_finished(3)
        await desk.ledger.rows("DELETE FROM subscription")
        await desk.ledger.decide(
            a_decision(ticket="desk:4", notify=calls("t2_oncall"), about=ABOUT)
        )
        await desk.ledger.until_finished(4)
    assert [
        (row["ticket"], row["role"], row["mode"]) for row in await desk.ledger.deliveries()
    ] == [
        ("desk:1", "t2_oncall", "page"),
        ("desk:2", "subscription_billing", "email"),
        ("desk:3", "subscription_billing", "chat"),
        ("desk:4", "t2_oncall", "page"),
    ]

"""From a decision to the people: by mail and webhook, each once, and only while it still matters."""

from collections import Counter
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_core import from_json, to_json
from standardwebhooks.webhooks import Webhook

from shared.contract.deliveries import decode_delivery
from shared.runtime import tracing
from tests.support.decisions import a_decision, calls, decided
from tests.support.mailbox import body
from tests.support.notifier_desk import Desk
from tests.support.notifier_service import SECRET, states
from tests.support.ticket_events import acknowledged, opened, status

RAISED = a_decision(notify=calls("t2_oncall", "t2_lead"), ack_due="2026-03-02T10:15:00Z")


async def test_a_notice_is_sent_in_the_trace_of_the_request_that_led_to_it(desk: Desk) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    ticket, value = a_decision(notify=calls("t2_oncall"))
    traced = to_json(from_json(value) | {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    try:
        async with desk.notifier():
            await desk.ledger.decide((ticket, traced))
            await desk.ledger.until_finished(1)
    finally:
        tracing.use(None)
    (sent,) = [one for one in exporter.get_finished_spans() if one.name == "send email"]
    assert sent.context is not None
    assert sent.context.trace_id == int(trace, 16)
    assert (sent.attributes or {})["tierline.outcome"] == "accepted"


async def test_whoever_is_called_gets_a_mail_that_says_what_why_and_by_when(desk: Desk) -> None:
    async with desk.notifier():
        await desk.ledger.decide(RAISED)
        await desk.mail.until_got(2)
        await desk.ledger.until_finished(2)
    (mail,) = desk.mail.to("ana@example.org")
    (_, row) = await desk.ledger.deliveries()
    assert mail["Subject"] == "[P2] desk:A: it was escalated to tier 2"
    assert mail["Message-ID"] == f"<{row['id']}@example.org>"
    assert mail["References"].startswith(f"{mail['In-Reply-To']} <escalation-")
    assert "tier 1 has had it for as long as tier 1 may (T06)" in body(mail)
    assert "acknowledge it by 2026-03-02 10:15:00 UTC" in body(mail)


async def test_a_webhook_gets_the_decision_signed_as_standard_webhooks(desk: Desk) -> None:
    async with desk.notifier():
        await desk.ledger.decide(a_decision(notify=calls("t3_oncall")))
        await desk.cleo.until_got(1)
        await desk.ledger.until_finished(1)
    (request,) = desk.cleo.got
    (row,) = await desk.ledger.deliveries()
    told = Webhook(SECRET).verify(request.body, dict(request.headers))
    assert request.headers["webhook-id"] == str(row["id"])
    assert told["type"] == "escalation.raised"
    assert told["data"]["decision"]["escalation_id"] == "esc-1"
    assert states([row]) == [("t3_oncall", "delivered", None)]
    assert desk.mail.got == []


async def test_the_ladder_of_a_real_case_reaches_people_and_stands_them_down(desk: Desk) -> None:
    events = [
        opened("2026-03-02T10:00:00Z", severity="S1", affected_users=20),
        acknowledged("2026-03-02T10:03:00Z", role="t3_oncall"),
        status("2026-03-02T10:06:00Z", "resolved"),
    ]
    decisions = decided(events, "2026-03-02T11:00:00Z")
    async with desk.notifier(NOTIFIER_ROSTER_FILE="deploy/roster/default.yaml"):
        for decision in decisions:
            await desk.ledger.decide(decision)
            # As in life: nothing more happens before people have been told.
            await desk.ledger.until(
                "coalesce(sum(next_offset), 0) = $1 FROM progress", 1 + decisions.index(decision)
            )
            await desk.ledger.until_finished(0)
    ledger = await desk.ledger.deliveries()
    called = [row for row in ledger if row["purpose"] == "notice"]
    stood_down = [row for row in ledger if row["purpose"] == "stand_down"]
    assert {row["state"] for row in ledger} == {"sent"}
    assert Counter(row["role"] for row in called)["t3_oncall"] == 2
    assert {row["role"] for row in stood_down} == {row["role"] for row in called}
    assert Counter(str(mail["Message-ID"]) for mail in desk.mail.got) == Counter(
        f"<{row['id']}@example.org>" for row in ledger
    )


async def test_the_topic_tells_each_delivery_s_life_in_order(desk: Desk) -> None:
    notify = calls("t2_oncall", "t3_oncall", "t2_backup")
    async with desk.notifier():
        await desk.ledger.decide(a_decision(notify=notify))
        await desk.ledger.until_finished(3)
        told = [decode_delivery(to_json(event)) for event in await desk.ledger.told()]
    life: dict[str, list[tuple[str, int]]] = {}
    for event in told:
        life.setdefault(event.data.role, []).append((event.type, event.data.attempt))
    assert life == {
        "t2_oncall": [("delivery.planned", 0), ("delivery.sent", 1)],
        "t3_oncall": [("delivery.planned", 0), ("delivery.sent", 1), ("delivery.delivered", 1)],
        "t2_backup": [("delivery.planned", 0), ("delivery.suppressed", 0)],
    }
    assert {event.data.address for event in told} == {"a***@example.org", "webhook of cleo", None}


async def test_every_role_called_or_stood_down_has_exactly_one_row(desk: Desk) -> None:
    events = [opened("2026-03-02T10:00:00Z", severity="S2", affected_users=3)]
    decisions = decided(events, "2026-03-09T10:00:00Z")
    async with desk.notifier(NOTIFIER_DRY_RUN="true"):
        await desk.ledger.decide(*decisions)
        # Read again from the start, as after an outage of the notifier that lost its position.
        await desk.ledger.decide(*decisions)
        await desk.ledger.until("sum(next_offset) = $1 FROM progress", 2 * len(decisions))
        await desk.ledger.until_finished(1)
    due = Counter(
        (event["data"]["version"], one["role"])
        for event in map(_json, decisions)
        for one in event["data"].get("notify", ())
    )
    due |= Counter(
        (event["data"]["version"], role)
        for event in map(_json, decisions)
        for role in event["data"].get("stand_down", ())
    )
    rows = [row for row in await desk.ledger.deliveries() if row["purpose"] != "alert"]
    assert len(due) > 20
    assert Counter((row["version"], row["role"]) for row in rows) == due


def _json(decision: tuple[str, bytes]) -> Any:
    return from_json(decision[1])


REFUSED_COMMITS = (
    "CREATE SEQUENCE refused_commit",
    """
    CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM nextval('refused_commit');
        RAISE EXCEPTION 'not now' USING ERRCODE = 'serialization_failure';
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT ON attempt
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_commit()
    """,
)


async def test_nothing_is_sent_by_a_claim_that_was_not_committed(desk: Desk) -> None:
    for statement in REFUSED_COMMITS:
        await desk.ledger.rows(statement)
    async with desk.notifier():
        await desk.ledger.decide(a_decision(notify=calls("t3_oncall")))
        await desk.ledger.until("last_value > 2 FROM refused_commit")
        assert desk.cleo.got == []
        await desk.ledger.rows("DROP TRIGGER refuse_commit ON attempt")
        await desk.ledger.until_finished(1)
    assert [one.headers["tierline-attempt"] for one in desk.cleo.got] == ["1"]

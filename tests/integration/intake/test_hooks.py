"""Webhooks over real HTTP into a real Kafka: who may post, what is kept, what comes twice."""

from __future__ import annotations

import base64
import hmac
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from pydantic_core import from_json, to_json

from cli.history.story import tell as tell_log
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from services.intake.hooks.hooks_file import Source
from services.intake.hooks.mappings import load_mappings
from shared.access.keys import ApiKey, KeyRing, Scope
from shared.access.keys_file import new_key
from shared.contract.events import decode_event
from shared.contract.refusals import decode_refusal
from shared.contract.times import Instant, instant
from shared.runtime.clock import Clock
from tests.support.decisions import default_policies
from tests.support.intake_service import Door, intake_here, intake_process
from tests.support.kafka_topics import a_topic, all_records
from tests.support.servicenow_hooks import bodies, some_history

BODIES: Final = Path(__file__).parents[2] / "unit" / "intake" / "hooks" / "bodies"
NOW: Final = datetime(2026, 11, 2, 9, 31, tzinfo=UTC)
SECRET: Final = b"example-secret-not-real"
KEY: Final = new_key("desk")
FREE: Final = new_key("any")
OPERATOR: Final = new_key("operator")
KEYS: Final = KeyRing(
    [
        ApiKey("desk", KEY.sha256, "servicenow", frozenset({Scope.INGEST})),
        ApiKey("any", FREE.sha256, None, frozenset({Scope.INGEST})),
        ApiKey("operator", OPERATOR.sha256, None, frozenset({Scope.OPERATE})),
    ]
)
MAPPINGS: Final = load_mappings()
SIGNING: Final = ("zendesk", "zammad", "jira", "github", "intercom", "chatwoot", "hubspot")
HOOK: Final = "https://hooks.example.com/v1/hooks/hubspot"


def bodies_of(product: str) -> dict[str, dict[str, Any]]:
    samples = json.loads((BODIES / f"{product}.json").read_text("utf-8"))["samples"]
    return {one["name"]: one for one in samples}


def a_body(product: str) -> tuple[bytes, dict[str, str]]:
    """Return the first body of *product* that is about tickets, and its headers."""
    sample = next(one for one in bodies_of(product).values() if one["events"])
    return json.dumps(sample["body"], ensure_ascii=False).encode(), dict(sample.get("headers", {}))


def signed(product: str, body: bytes, *, at: datetime = NOW, key: bytes = SECRET) -> dict[str, str]:
    """Return the headers with which *product* signs *body*, by its own documentation."""
    seconds = str(int(at.timestamp()))
    stamp = at.isoformat().replace("+00:00", "Z")

    def digest(content: bytes, algorithm: str = "sha256") -> bytes:
        return hmac.new(key, content, algorithm).digest()

    def text(content: bytes) -> str:
        return base64.b64encode(digest(content)).decode()

    match product:
        case "zendesk":
            return {
                "X-Zendesk-Webhook-Signature": text(stamp.encode() + body),
                "X-Zendesk-Webhook-Signature-Timestamp": stamp,
            }
        case "zammad" | "intercom":
            return {"X-Hub-Signature": f"sha1={digest(body, 'sha1').hex()}"}
        case "jira":
            return {"X-Hub-Signature": f"sha256={digest(body).hex()}"}
        case "github":
            return {"X-Hub-Signature-256": f"sha256={digest(body).hex()}"}
        case "chatwoot":
            content = f"{seconds}.".encode() + body
            return {
                "X-Chatwoot-Signature": f"sha256={digest(content).hex()}",
                "X-Chatwoot-Timestamp": seconds,
            }
        case "hubspot":
            content = f"POST{HOOK}".encode() + body + f"{seconds}000".encode()
            return {
                "X-HubSpot-Signature-v3": text(content),
                "X-HubSpot-Request-Timestamp": f"{seconds}000",
            }
        case _:
            raise AssertionError(product)


@dataclass(frozen=True)
class Desk:
    """Intake with webhooks, and what it has put into Kafka."""

    client: httpx2.AsyncClient
    kafka: str
    topic: str
    refused: str

    async def post(
        self, source: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        given = {"content-type": "application/json", **(headers or {})}
        return await self.client.post(f"/v1/hooks/{source}", content=body, headers=given)

    async def events(self) -> list[dict[str, Any]]:
        records = await all_records(self.kafka, self.topic)
        for record in records:
            decode_event(record.value, record.headers)
        return [dict(from_json(record.value or b"")) for record in records]


Start = Any


@pytest.fixture
def desk(kafka: str, topic_prefix: str) -> Start:
    @asynccontextmanager
    async def start(door: Door | None = None) -> AsyncIterator[Desk]:
        topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
        refused = await a_topic(kafka, f"{topic_prefix}hooks.refused", partitions=1)
        sources = {
            name: Source(
                name,
                mapping,
                (SECRET, b"the one before") if name in SIGNING else (),
                HOOK if name == "hubspot" else None,
            )
            for name, mapping in MAPPINGS.items()
        }
        clock = Clock.starting(NOW, speed=0.000001)
        ready = door or Door(keys=KEYS, sources=sources, clock=clock)
        async with intake_here(kafka, topic, replace(ready, refused_topic=refused)) as client:
            yield Desk(client, kafka, topic, refused)

    return start


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("product", SIGNING)
async def test_a_signed_body_becomes_its_events_and_a_second_delivery_the_same_ones(
    desk: Start, product: str
) -> None:
    body, headers = a_body(product)
    sample = next(one for one in bodies_of(product).values() if one["events"])
    async with desk() as intake:
        answers = [
            await intake.post(product, body, {**headers, **signed(product, body)}) for _ in range(2)
        ]
        events = await intake.events()
    assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
    wanted = [one["id"] for one in sample["events"]]
    for answer in answers:
        assert [one["id"] for one in answer.json()["events"]] == wanted
    assert sorted(one["id"] for one in events) == sorted(wanted * 2)
    assert {one["source"] for one in events} == {product}
    assert all(one["data"]["by"] for one in events)


@pytest.mark.parametrize("product", SIGNING)
async def test_what_is_tampered_with_stale_or_unsigned_is_refused(
    desk: Start, product: str
) -> None:
    body, headers = a_body(product)
    good = signed(product, body)
    old = signed(product, body, at=datetime(2026, 11, 2, 9, 25, tzinfo=UTC))
    async with desk() as intake:
        tampered = await intake.post(product, body.replace(b"217", b"218"), {**headers, **good})
        guessed = await intake.post(product, body, {**headers, **signed(product, body, key=b"?")})
        bare = await intake.post(product, body, headers)
        stale = await intake.post(product, body, {**headers, **old})
        events = await intake.events()
    assert [(one.status_code, one.json()["code"]) for one in (tampered, guessed, bare)] == [
        (401, "signature_wrong"),
        (401, "signature_wrong"),
        (401, "not_proven"),
    ]
    if old.keys() - {"X-Hub-Signature", "X-Hub-Signature-256"}:
        assert (stale.status_code, stale.json()["code"]) == (401, "signature_stale")
        assert events == []
    else:
        assert stale.status_code == 202


async def test_the_secret_before_is_still_taken(desk: Start) -> None:
    body, _ = a_body("zammad")
    async with desk() as intake:
        answer = await intake.post("zammad", body, signed("zammad", body, key=b"the one before"))
    assert answer.status_code == 202


async def test_a_product_that_signs_nothing_shows_a_key_of_its_source(desk: Start) -> None:
    body, _ = a_body("servicenow")
    other, _ = a_body("freshdesk")
    pair = base64.b64encode(f"tierline:{KEY.text}".encode()).decode()
    async with desk() as intake:
        taken = [
            await intake.post("servicenow", body, bearer(KEY.text)),
            await intake.post("servicenow", body, {"authorization": f"Basic {pair}"}),
            await intake.post("freshdesk", other, bearer(FREE.text)),
        ]
        refused = [
            await intake.post("servicenow", body),
            await intake.post("servicenow", body, bearer("tl_guessed")),
            await intake.post("servicenow", body, {"authorization": "Basic ###"}),
            await intake.post("freshdesk", other, bearer(KEY.text)),
            await intake.post("servicenow", body, bearer(OPERATOR.text)),
        ]
    assert [answer.status_code for answer in taken] == [202] * 3
    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (401, "not_proven"),
        (401, "unknown_key"),
        (401, "unknown_key"),
        (403, "foreign_source"),
        (403, "missing_scope"),
    ]
    assert "ServiceNow signs nothing: send Authorization: Bearer" in refused[0].json()["do"]


async def test_a_source_without_secret_and_key_is_refused_with_what_to_do(desk: Start) -> None:
    body, _ = a_body("zendesk")
    async with desk(Door(keys=KEYS)) as intake:
        answer = await intake.post("zendesk", body, signed("zendesk", body))
    assert (answer.status_code, answer.json()["code"]) == (401, "not_proven")
    assert "List the secret of Zendesk for zendesk in INTAKE_HOOKS_FILE" in answer.json()["do"]
    assert "tierline hooks setup zendesk" in answer.json()["do"]


async def test_where_anybody_may_post_a_secret_still_asks_for_its_signature(desk: Start) -> None:
    body, _ = a_body("zammad")
    sources = {"zammad": Source("zammad", MAPPINGS["zammad"], (SECRET,))}
    async with desk(Door(sources=sources)) as intake:
        answer = await intake.post("zammad", body)
        with_key = await intake.post("zammad", body, bearer(FREE.text))
        good = await intake.post("zammad", body, signed("zammad", body))
    assert [one.status_code for one in (answer, with_key, good)] == [401, 401, 202]


async def test_an_address_that_no_helpdesk_has_is_404(desk: Start) -> None:
    async with desk() as intake:
        answer = await intake.post("nobody", b"{}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_source")


async def test_what_tells_nothing_of_a_ticket_is_200_and_says_why(desk: Start) -> None:
    sample = bodies_of("github")["ping"]
    body = json.dumps(sample["body"]).encode()
    async with desk() as intake:
        answer = await intake.post("github", body, {**sample["headers"], **signed("github", body)})
        events = await intake.events()
    assert (answer.status_code, events) == (200, [])
    assert answer.json()["ignored"] == ["ping at header:X-GitHub-Event is not about tickets"]


HOSTILE: Final = [
    pytest.param(b"{", "", id="broken off"),
    pytest.param(b"\xff\xfe", "", id="no UTF-8"),
    pytest.param(b'{"incident":{"number":"1","number":"2"}}', "incident.number", id="key twice"),
    pytest.param(b'{"incident":{"number":NaN}}', "incident.number", id="no number"),
    pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, "", id="deep"),
    pytest.param(b"[]", "", id="list"),
    pytest.param(b"{}", "incident.number", id="no ticket"),
    pytest.param(
        b'{"incident":{"number":"1","sys_updated_on":"soon"}}', "incident.sys_updated_on", id="time"
    ),
    pytest.param(b'{"incident":{"number":"%s"}}' % (b"9" * 300), "subject", id="long ticket"),
    pytest.param(b'{"incident":{"number":"1\\u0000"}}', "subject", id="NUL"),
    pytest.param(b'{"incident":{"number":"1","category":"\\ud800"}}', "", id="half a character"),
]


@pytest.mark.parametrize(("body", "path"), HOSTILE)
async def test_a_body_that_cannot_be_read_is_422_with_its_place_and_is_kept(
    desk: Start, kafka: str, body: bytes, path: str
) -> None:
    headers = {**bearer(KEY.text), "x-my-token": "hush", "x-trace": "t-1"}
    async with desk() as intake:
        answer = await intake.post("servicenow", body, headers)
        events = await intake.events()
        (record,) = await all_records(kafka, intake.refused)
    problem = answer.json()
    assert (answer.status_code, problem["code"], events) == (422, "unmapped", []), problem
    assert problem["flaws"][0]["path"] == path
    assert problem["do"]
    assert problem["kept"]["offset"] == record.offset
    kept = decode_refusal(record.value, record.headers)
    assert base64.b64decode(kept.data.body) == body
    assert (kept.data.source, kept.data.mapping) == ("servicenow", "servicenow")
    assert kept.data.headers["x-trace"] == "t-1"
    assert KEY.text not in (record.value or b"").decode()
    assert b"hush" not in (record.value or b"")


async def test_a_body_that_is_too_large_is_413(desk: Start) -> None:
    async with desk() as intake:
        answer = await intake.post("servicenow", b" " * 600_000, bearer(KEY.text))
    assert answer.status_code == 413


async def test_the_good_items_of_a_batch_are_taken_though_the_answer_is_422(
    desk: Start, kafka: str
) -> None:
    content = bodies_of("hubspot")["ticket_property_change_batch"]["body"]
    content[0]["occurredAt"] = "soon"
    body = json.dumps(content).encode()
    async with desk() as intake:
        answer = await intake.post("hubspot", body, signed("hubspot", body))
        events = await intake.events()
        kept = await all_records(kafka, intake.refused)
    assert (answer.status_code, answer.json()["accepted"], len(events), len(kept)) == (422, 1, 1, 1)
    assert answer.json()["flaws"][0]["path"] == "0.occurredAt"


async def test_an_unknown_word_is_named_in_the_answer(desk: Start) -> None:
    sample = bodies_of("zammad")["unknown_state_without_article_and_organization"]
    body = json.dumps(sample["body"]).encode()
    async with desk() as intake:
        answer = await intake.post("zammad", body, signed("zammad", body))
    assert answer.status_code == 202
    assert [(one["field"], one["word"]) for one in answer.json()["unknown"]] == [
        ("status", "on ice")
    ]


async def test_half_a_character_where_nothing_is_read_spoils_no_answer(desk: Start) -> None:
    body = b'{"incident":{"number":"1","state":"\\ud800","notes":"\\udfff"}}'
    async with desk() as intake:
        answer = await intake.post("servicenow", body, bearer(KEY.text))
        last = await intake.client.get("/v1/hooks/servicenow/last", headers=bearer(OPERATOR.text))
    assert (answer.status_code, last.status_code) == (202, 200)
    assert answer.json()["unknown"][0]["field"] == "status"


async def test_the_last_body_is_shown_beside_its_mapping_and_without_secrets(desk: Start) -> None:
    body, _ = a_body("zammad")
    async with desk() as intake:
        none = await intake.client.get("/v1/hooks/zammad/last", headers=bearer(OPERATOR.text))
        await intake.post("zammad", body, signed("zammad", body))
        nobody = await intake.client.get("/v1/hooks/zammad/last")
        poster = await intake.client.get("/v1/hooks/zammad/last", headers=bearer(FREE.text))
        last = await intake.client.get("/v1/hooks/zammad/last", headers=bearer(OPERATOR.text))
    assert [one.status_code for one in (none, nobody, poster, last)] == [404, 401, 403, 200]
    shown = last.json()
    assert shown["body"]["ticket"]["customer"]["email"] == "…@customer.example.org"
    assert shown["headers"]["x-hub-signature"] == "(hidden)"
    assert shown["mapping"]["change"]["ticket"] == "ticket.number"
    assert [one["type"] for one in shown["events"]] == ["ticket.message", "ticket.observed"]
    assert "ticket.customer.firstname" in shown["unread"]


async def test_a_helpdesks_share_is_its_own(desk: Start) -> None:
    body, _ = a_body("zammad")
    sources = {"zammad": Source("zammad", MAPPINGS["zammad"], (SECRET,))}
    async with desk(Door(keys=KEYS, sources=sources, rate_per_s=0.01, rate_burst=3)) as intake:
        answers = [await intake.post("zammad", body, signed("zammad", body)) for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 429, 429]


async def test_the_history_posted_by_the_webhook_is_decided_as_the_imported_one(
    desk: Start,
) -> None:
    log, mapping = some_history(60)
    told = tell_log(log, mapping, name="the log")
    async with desk() as intake:
        for body in bodies(log):
            answer = await intake.post("servicenow", json.dumps(body).encode(), bearer(KEY.text))
            assert answer.status_code == 202, answer.text
            assert answer.json()["unknown"] == []
        posted = await intake.events()
    # It reached us today; the question is what would have been decided then.
    events = sorted(
        ({name: part for name, part in one.items() if name != "receivedat"} for one in posted),
        key=lambda one: str(one["time"]),
    )
    end = instant(told[-1].at)
    imported = decided([dict(one.body) for one in told], end)
    assert len(imported) == 60
    assert sum(map(len, imported.values())) > 5_000
    assert decided(events, end) == imported


def decided(events: list[dict[str, Any]], end: Instant) -> dict[str, list[dict[str, Any]]]:
    """Return what the engine decides on *events* up to *end*, by ticket."""
    found = defaultdict(list)
    simulation = Simulation(default_policies())
    for one in simulation.run((decode_event(to_json(event)) for event in events), end):
        decision = from_json(encode_decision(one))
        # The same event has another id, as whoever reports it names it.
        decision.pop("causationid", None)
        found[decision["subject"]].append(decision)
    return dict(found)


async def test_intake_takes_webhooks_as_a_process_by_its_settings(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "hooks.yaml").write_text(
        "hooks:\n  - source: ours\n    mapping: mine\n    secrets: [file:secret]\n".replace(
            "file:secret", f"file:{tmp_path}/secret"
        ),
        "utf-8",
    )
    shipped = (Path(__file__).parents[3] / "deploy/mapping/hooks/zammad.yaml").read_text("utf-8")
    own = tmp_path / "mappings"
    own.mkdir()
    (own / "mine.yaml").write_text(shipped.replace("name: zammad", "name: mine"), "utf-8")
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": topic_prefix,
        "INTAKE_HOOKS_FILE": str(tmp_path / "hooks.yaml"),
        "INTAKE_HOOK_MAPPINGS": str(own),
    }
    body, _ = a_body("zammad")
    async with intake_process(environ) as running:
        answer = await running.client.post(
            "/v1/hooks/ours", content=body, headers=signed("zammad", body)
        )
        metrics = (await running.client.get("/metrics")).text
        document = (await running.client.get("/openapi.json")).json()
    assert (answer.status_code, answer.json()["mapping"]) == (202, "mine")
    assert "tierline_intake_accepted_events_total 2.0" in metrics
    assert "/v1/hooks/{source}" in document["paths"]
    assert {record.key for record in await all_records(kafka, topic)} == {b"ours:40217"}

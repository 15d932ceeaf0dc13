"""What people do, posted as plain JSON: published, or refused at once with what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest
from pydantic_core import from_json

from services.intake.tokens.verify import tokens_of
from shared.access.keys import ApiKey, KeyRing, Scope
from shared.access.keys_file import new_key
from shared.contract.events import EscalationRequested, decode_event
from shared.runtime.kafka import partition_for
from tests.support.escalator_service import Escalator, a_stage, at, escalating, post, until_taken
from tests.support.intake_service import Door, intake_here
from tests.support.kafka_topics import a_topic, all_records
from tests.support.oidc_provider import an_rsa_key, jwk_of, oidc_provider
from tests.support.ticket_events import opened, replied
from tests.support.ticket_lives import FORMS

NOW: Final = "2026-03-02T11:00:00Z"
LACKING: Final = ("steps_to_reproduce_and_result", "tried_and_outcome", "specific_ask")
WHOLE: Final = FORMS["t1_to_t2"]
THIN: Final = {name: text for name, text in WHOLE.items() if name not in LACKING}
ASKED: Final = {"type": "escalation.requested", "by": "olga", "role": "t1_agent", "to_tier": 2}
PATH: Final = "/v1/tickets/desk:A/acts"


def data_of(value: bytes | None) -> dict[str, Any]:
    found: dict[str, Any] = from_json(value or b"")["data"]
    return found


@pytest.fixture
async def topic(kafka: str, topic_prefix: str) -> str:
    return await a_topic(kafka, f"{topic_prefix}acted", partitions=12)


@pytest.fixture
async def escalator(kafka: str, topic_prefix: str, database: str) -> AsyncIterator[Escalator]:
    """An escalator that has decided on desk:A, a P3 in tier 1."""
    stage = await a_stage(kafka, topic_prefix, database, at(NOW))
    await post(stage, [opened("2026-03-02T10:00:00Z"), replied("2026-03-02T10:05:00Z")])
    async with escalating(stage) as running:
        await until_taken(running.database, 2)
        yield running


async def test_an_accepted_act_lies_where_the_answer_says_and_its_fate_has_an_address(
    kafka: str, topic: str
) -> None:
    async with intake_here(kafka, topic) as client:
        answer = await client.post(PATH, json={**ASKED, "info": WHOLE})
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    (record,) = await all_records(kafka, topic)
    assert receipt["partition"] == record.partition == partition_for(b"desk:A", 12)
    after = f"{record.partition}:{record.offset}"
    assert receipt["fate"] == f"/v1/acts/{receipt['act_id']}?after={after}&wait_ms=2000"
    assert receipt["checked"] is False
    event = decode_event(record.value, record.headers)
    assert (event.id, event.source, event.subject) == (receipt["act_id"], "desk", "A")
    assert isinstance(event.data, EscalationRequested)
    assert (event.data.by, event.data.to_tier, event.data.info) == ("olga", 2, WHOLE)


async def test_two_acts_that_say_the_same_are_two_unless_they_have_one_id(
    kafka: str, topic: str
) -> None:
    taken = {"type": "escalation.acknowledged", "by": "tess", "role": "t2_oncall"}
    async with intake_here(kafka, topic) as client:
        ids = [(await client.post(PATH, json=taken)).json()["act_id"] for _ in range(2)]
        named = {"idempotency-key": "click-7"}
        again = [(await client.post(PATH, json=taken, headers=named)).json() for _ in range(2)]
        bad = await client.post(PATH, json=taken, headers={"idempotency-key": "a b"})
    assert len(set(ids)) == 2
    assert {one["act_id"] for one in again} == {"click-7"}
    assert bad.status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({**ASKED, "type": "escalation.ask"}, 422, "unknown_act", id="no such act"),
        pytest.param({"by": "olga"}, 422, "unknown_act", id="no act"),
        pytest.param({"type": "ticket.opened", "by": "x"}, 422, "unknown_act", id="a fact"),
        pytest.param({**ASKED, "to_tier": "2"}, 422, "invalid_field", id="not a number"),
        pytest.param({**ASKED, "urgent": True}, 422, "invalid_field", id="a key too many"),
        pytest.param({**ASKED, "time": "noon"}, 422, "invalid_field", id="no time"),
        pytest.param({**ASKED, "id": "a b"}, 422, "invalid_field", id="no id"),
        pytest.param({**ASKED, "by": ""}, 422, "missing_information", id="nobody"),
        pytest.param({"type": "case.flagged", "by": "x"}, 422, "missing_information", id="no flag"),
        pytest.param([], 422, "invalid_field", id="a list"),
    ],
)
async def test_what_the_act_alone_shows_to_be_wrong_is_refused_and_nothing_is_published(
    kafka: str, topic: str, body: object, status: int, code: str
) -> None:
    async with intake_here(kafka, topic) as client:
        answer = await client.post(PATH, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["do"]
    assert await all_records(kafka, topic) == []


async def test_what_is_missing_is_listed_with_why(kafka: str, topic: str) -> None:
    async with intake_here(kafka, topic) as client:
        problem = (await client.post(PATH, json={"type": "case.snoozed", "by": "olga"})).json()
        unknown = (await client.post(PATH, json={"type": "escalation.request"})).json()
    (missing,) = problem["missing"]
    assert missing["field"] == "until"
    assert "When the silence ends" in missing["why"]
    assert "escalation.requested" in unknown["allowed"]
    assert "escalation.requested" in unknown["do"]


async def test_only_json_that_says_so_is_taken(kafka: str, topic: str) -> None:
    async with intake_here(kafka, topic) as client:
        plain = await client.post(PATH, content=b"{}", headers={"content-type": "text/plain"})
        broken = await client.post(
            PATH, content=b"{", headers={"content-type": "application/json; charset=utf-8"}
        )
        large = await client.post(PATH, json={**ASKED, "reason": "x" * 70_000})
        nowhere = await client.post("/v1/tickets/desk/acts", json=ASKED)
    assert (plain.status_code, plain.json()["code"]) == (415, "unsupported_media_type")
    assert (broken.status_code, broken.json()["code"]) == (400, "not_json")
    assert large.status_code == 413
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown_ticket")


async def test_h18_a_form_that_lacks_fields_is_refused_at_once_and_its_draft_is_kept(
    kafka: str, topic: str, escalator: Escalator
) -> None:
    """H18: the list at once, nothing raised, the draft kept."""
    thin = {**ASKED, "info": THIN}
    async with intake_here(kafka, topic, Door(escalator=escalator.client)) as client:
        answer = await client.post(PATH, json=thin)
        again = await client.post(PATH, json={**thin, "id": "another-try"})
        whole = await client.post(PATH, json={**ASKED, "info": WHOLE})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "missing_information"), problem
    assert [one["field"] for one in problem["missing"]] == list(LACKING)
    assert {one["why"] for one in problem["missing"]} == {
        "the form `t1_to_t2` of the policy's required_info asks for it"
    }
    assert problem["draft"]["form"]["info"] == THIN
    assert problem["draft"]["fate"] == f"/v1/acts/{problem['draft']['id']}"
    assert again.json()["draft"]["id"] == problem["draft"]["id"]
    assert (whole.status_code, whole.json()["checked"]) == (202, True)
    records = await all_records(kafka, topic)
    drafts = [one for one in records if dict(one.headers)["ce_type"] == b"act.drafted"]
    assert {decode_event(one.value, one.headers).id for one in drafts} == {problem["draft"]["id"]}
    assert data_of(drafts[0].value)["form"]["info"] == THIN
    requests = [one for one in records if dict(one.headers)["ce_type"] == b"escalation.requested"]
    assert len(requests) == 1


async def test_whoever_has_no_right_is_told_who_has(
    kafka: str, topic: str, escalator: Escalator
) -> None:
    async with intake_here(kafka, topic, Door(escalator=escalator.client)) as client:
        answer = await client.post(PATH, json={**ASKED, "role": "passer_by", "info": WHOLE})
        skip = await client.post(PATH, json={**ASKED, "to_tier": 3, "info": FORMS["t2_to_t3"]})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "not_permitted")
    assert "t1_agent" in problem["allowed"]
    assert (skip.status_code, skip.json()["code"]) == (403, "tier_skip_not_allowed")
    assert skip.json()["allowed"] == ["t2", "approval"]


async def test_what_depends_on_what_others_do_is_decided_in_the_order_of_the_log(
    kafka: str, topic: str, escalator: Escalator
) -> None:
    """A refused acknowledgement is kept as a remark, so it must be in the log."""
    taken = {"type": "escalation.acknowledged", "by": "olga", "role": "t1_agent"}
    async with intake_here(kafka, topic, Door(escalator=escalator.client)) as client:
        known = await client.post(PATH, json=taken)
        unknown = await client.post("/v1/tickets/desk:new/acts", json=taken)
    assert (known.status_code, known.json()["checked"]) == (202, True)
    assert (unknown.status_code, unknown.json()["checked"]) == (202, False)


async def test_while_the_escalator_is_away_acts_are_published_unasked(
    kafka: str, topic: str
) -> None:
    async with (
        httpx2.AsyncClient(base_url="http://127.0.0.1:9", timeout=2) as nobody,
        intake_here(kafka, topic, Door(escalator=nobody)) as client,
    ):
        answer = await client.post(PATH, json={**ASKED, "info": THIN})
    assert (answer.status_code, answer.json()["checked"]) == (202, False)
    assert len(await all_records(kafka, topic)) == 1


async def test_keys_act_for_their_source_in_their_roles(kafka: str, topic: str) -> None:
    bot, desk, reader = new_key("bot"), new_key("desk"), new_key("reader")
    ring = KeyRing(
        [
            ApiKey("bot", bot.sha256, "desk", frozenset({Scope.ACT}), frozenset({"t1_agent"})),
            ApiKey("desk", desk.sha256, "desk", frozenset({Scope.INGEST})),
            ApiKey("reader", reader.sha256, None, frozenset({Scope.READ})),
        ]
    )
    async with intake_here(kafka, topic, Door(keys=ring)) as client:

        async def act(key: str | None, path: str = PATH, **more: Any) -> tuple[int, str]:
            headers = {} if key is None else {"authorization": f"Bearer {key}"}
            answer = await client.post(path, json={**ASKED, **more}, headers=headers)
            return answer.status_code, answer.json().get("code", "")

        assert await act(bot.text) == (202, "")
        assert await act(bot.text, role="t2_lead") == (403, "not_permitted")
        assert await act(bot.text, "/v1/tickets/other:A/acts") == (403, "foreign_source")
        # A source that only looks like its own is another one.
        assert await act(bot.text, "/v1/tickets/desk%253Ax:A/acts") == (403, "foreign_source")
        assert await act(desk.text, role="t2_lead") == (202, "")
        assert await act(reader.text) == (403, "missing_scope")
        assert await act(None) == (401, "unknown_key")
        events = await client.post(
            "/v1/events",
            json={"specversion": "1.0", "type": "ticket.unmerged", "subject": "A", "data": {}},
            headers={
                "content-type": "application/cloudevents+json",
                "authorization": f"Bearer {bot.text}",
            },
        )
        assert events.json()["code"] == "missing_scope"
    assert len(await all_records(kafka, topic)) == 2


async def test_a_person_with_a_token_acts_as_themselves(kafka: str, topic: str) -> None:
    signer = an_rsa_key()
    async with oidc_provider() as provider, tokens_of([provider.trusted()]) as tokens:
        provider.keys = [jwk_of("k1", signer)]
        door = Door(keys=KeyRing([]), tokens=tokens)
        async with intake_here(kafka, topic, door) as client:

            async def act(token: str, path: str = PATH, **body: Any) -> httpx2.Response:
                headers = {"authorization": f"Bearer {token}"}
                said = {"type": "escalation.requested", **body}
                return await client.post(path, json=said, headers=headers)

            good = provider.token(signer)
            assert (await act(good)).status_code == 202
            assert (await act(good, by="tom")).json()["code"] == "not_permitted"
            assert (await act(good, role="t2_lead")).json()["allowed"] == ["t1_agent"]
            elsewhere = await act(good, "/v1/tickets/hr:A/acts")
            assert elsewhere.json()["code"] == "foreign_source"
            guest = await act(provider.token(signer, realm_access={"roles": []}))
            assert (guest.status_code, guest.json()["code"]) == (403, "missing_scope")
            old = await act(provider.token(signer, exp=1))
            assert (old.status_code, old.json()["code"]) == (401, "token_expired")
            assert 'error="invalid_token"' in old.headers["www-authenticate"]
            events = await client.post(
                "/v1/events",
                json={},
                headers={
                    "content-type": "application/cloudevents+json",
                    "authorization": f"Bearer {good}",
                },
            )
            assert events.status_code == 401  # events come with keys
    (record,) = await all_records(kafka, topic)
    assert data_of(record.value) == {"by": "olga", "role": "t1_agent"}


async def test_while_the_provider_is_away_a_token_is_answered_with_try_again(
    kafka: str, topic: str
) -> None:
    signer = an_rsa_key()
    async with oidc_provider() as provider, tokens_of([provider.trusted()]) as tokens:
        provider.away = True
        door = Door(keys=KeyRing([]), tokens=tokens)
        async with intake_here(kafka, topic, door) as client:
            headers = {"authorization": f"Bearer {provider.token(signer)}"}
            answer = await client.post(PATH, json=ASKED, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_away")
    assert int(answer.headers["retry-after"]) >= 1


async def test_guessed_tokens_are_counted_like_guessed_keys(kafka: str, topic: str) -> None:
    forged = an_rsa_key()
    async with oidc_provider() as provider, tokens_of([provider.trusted()]) as tokens:
        provider.keys = [jwk_of("k1", an_rsa_key())]
        door = Door(keys=KeyRing([]), tokens=tokens)
        async with intake_here(kafka, topic, door) as client:
            headers = {"authorization": f"Bearer {provider.token(forged)}"}
            statuses = [
                (await client.post(PATH, json=ASKED, headers=headers)).status_code
                for _ in range(12)
            ]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    assert provider.asked == 1

"""Nobody gets in by default: every route, every kind of caller, as a process with its settings."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from shared.access.keys import ApiKey, KeyRing, Scope, digest_of
from shared.access.keys_file import new_key
from shared.runtime.clock import real_now
from tests.support.intake_service import STRUCTURED, Door, intake_here, intake_process
from tests.support.kafka_topics import a_topic, all_records
from tests.support.oidc_provider import Provider, an_rsa_key, jwk_of, oidc_provider

OPEN_TO_ALL: Final = {"/health/live", "/health/ready", "/metrics", "/openapi.json"}
MUST_BE_SHOWN: Final = {
    ("POST", "/v1/events"): {Scope.INGEST},
    ("POST", "/v1/hooks/{source}"): {Scope.INGEST},
    ("GET", "/v1/hooks/{source}/last"): {Scope.OPERATE},
    ("POST", "/v1/tickets/{key}/acts"): {Scope.INGEST, Scope.ACT},
    ("POST", "/v1/policies"): {Scope.ADMIN},
    ("POST", "/v1/policies/check"): {Scope.READ},
    ("GET", "/v1/keys"): {Scope.ADMIN},
}
"""The scopes of which each route asks for one."""


@pytest.fixture
async def door(
    kafka: str, topic_prefix: str
) -> AsyncIterator[tuple[httpx2.AsyncClient, dict[Scope, str]]]:
    texts = {scope: new_key("x") for scope in Scope}
    ring = KeyRing(
        ApiKey(str(one), key.sha256, None, frozenset({one})) for one, key in texts.items()
    )
    topics = [
        f"{topic_prefix}{name}" for name in ("tickets.events", "policies", "keys.used", "refused")
    ]
    for topic in topics:
        await a_topic(kafka, topic, partitions=1)
    given = Door(keys=ring, policies=topics[1], uses_topic=topics[2], refused_topic=topics[3])
    async with intake_here(kafka, topics[0], given) as client:
        yield client, {scope: key.text for scope, key in texts.items()}


async def test_every_route_asks_for_a_key_and_for_its_own_scope(
    door: tuple[httpx2.AsyncClient, dict[Scope, str]],
) -> None:
    client, texts = door
    described = (await client.get("/openapi.json")).json()["paths"]
    routes = {
        (method.upper(), path)
        for path, methods in described.items()
        for method in methods
        if path not in OPEN_TO_ALL
    }
    assert routes == set(MUST_BE_SHOWN)
    for (method, path), scopes in MUST_BE_SHOWN.items():
        address = path.replace("{source}", "generic").replace("{key}", "desk:1")

        async def ask(key: str | None, method: str = method, address: str = address) -> Any:
            headers = {"content-type": "application/json", "ce-specversion": "1.0"}
            shown = {} if key is None else {"authorization": f"Bearer {key}"}
            return await client.request(
                method, address, content=b"{}", headers={**headers, **shown}
            )

        assert (await ask(None)).status_code == 401, path
        for scope, key in texts.items():
            answer = await ask(key)
            refused = answer.status_code == 403 and answer.json()["code"] == "missing_scope"
            assert refused is (scope not in scopes), (path, scope, answer.text)


async def test_a_key_of_one_source_posts_to_no_other_by_any_route(
    kafka: str, topic_prefix: str
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    key = new_key("desk")
    both = frozenset({Scope.INGEST, Scope.ACT, Scope.OPERATE})
    ring = KeyRing([ApiKey("desk", key.sha256, "desk", both)])
    event = {"specversion": "1.0", "type": "ticket.unmerged", "subject": "1", "data": {}}
    act = {"type": "escalation.acknowledged", "by": "x"}
    shown = {"authorization": f"Bearer {key.text}"}
    async with intake_here(kafka, topic, Door(keys=ring)) as client:
        answers = [
            await client.post("/v1/events", json={**event, "source": "hr"}, headers={**shown, **STRUCTURED}),
            await client.post(
                "/v1/events",
                json={},
                headers={
                    **shown, "ce-specversion": "1.0", "ce-type": "ticket.unmerged", "ce-subject": "1",
                    "ce-source": "hr", "ce-id": "1",
                },
            ),
            await client.post("/v1/tickets/hr:1/acts", json=act, headers=shown),
            await client.post("/v1/tickets/group:a/b/c/d/1/acts", json=act, headers=shown),
            await client.post("/v1/hooks/generic", json={"ticket": "1"}, headers=shown),
            await client.get("/v1/hooks/generic/last", headers=shown),
        ]  # fmt: skip
        batch = await client.post(
            "/v1/events",
            json=[{**event, "source": "hr"}, {**event, "id": "ours"}],
            headers={**shown, "content-type": "application/cloudevents-batch+json"},
        )
    assert [one.status_code for one in answers] == [403] * len(answers)
    assert [one["status"] for one in batch.json()] == [403, 202]
    (record,) = await all_records(kafka, topic)
    assert record.key == b"desk:1"


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    genuine = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return genuine(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    key = new_key("desk")
    ring = KeyRing([ApiKey("desk", key.sha256, None, frozenset({Scope.INGEST}))])
    assert ring.find(f"Bearer {key.text}", real_now()) is not None
    assert compared == [(key.sha256, digest_of(key.text))]
    # What is compared is a hash of what was sent, never the secret; and of another key's there is
    # nothing to compare with.
    assert ring.find(f"Bearer {key.text}x", real_now()) is None
    assert all(len(one) == 64 for pair in compared for one in pair)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with oidc_provider() as one:
        yield one


async def test_intake_takes_tokens_as_a_process_by_its_settings(
    kafka: str, topic_prefix: str, tmp_path: Path, provider: Provider
) -> None:
    topic = await a_topic(kafka, f"{topic_prefix}tickets.events", partitions=12)
    signer = an_rsa_key()
    provider.keys = [jwk_of("k1", signer)]
    file = tmp_path / "issuers.yaml"
    file.write_text(
        f"issuers:\n  - issuer: {provider.issuer}\n    audience: [tierline]\n"
        "    person: preferred_username\n    groups: [realm_access.roles]\n"
        "    roles: {tier-1: [t1_agent]}\n",
        encoding="utf-8",
    )
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TIERLINE_TOPIC_PREFIX": topic_prefix,
        "INTAKE_ALLOW_ANONYMOUS": "",
        "INTAKE_ISSUERS_FILE": str(file),
    }
    act = {"type": "escalation.acknowledged"}
    path = "/v1/tickets/desk:1/acts"
    async with intake_process(environ) as intake:
        shown = {"authorization": f"Bearer {provider.token(signer)}"}
        taken = await intake.client.post(path, json=act, headers=shown)
        nobody = await intake.client.post(path, json=act)
        key = {"authorization": f"Bearer {new_key('x').text}"}
        unknown = await intake.client.post(path, json=act, headers=key)
    assert (taken.status_code, nobody.status_code, unknown.status_code) == (202, 401, 401)
    assert len(await all_records(kafka, topic)) == 1

"""Signatures: what a product signs is taken, and nothing else."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from standardwebhooks.webhooks import Webhook

from services.intake.core.hooks.shape import HookMapping, Signature
from services.intake.core.hooks.signing import Request, SignatureRefusedError, key_of, verify
from tests.unit.intake.hooks.conftest import PRODUCTS, document

SIGNED: Final = [one for one in PRODUCTS if "signed" in document(one)]
URL: Final = "https://intake.example.org/v1/sources/hubspot/main"
NOW: Final = datetime(2026, 11, 2, 9, 30, 52, tzinfo=UTC)
WHSEC: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture(params=SIGNED)
def product(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def signature_of(mappings: Mapping[str, HookMapping], product: str) -> Signature:
    found = mappings[product].signature
    assert found is not None
    return found


def genuine(signature: Signature, vector: Mapping[str, Any]) -> Request:
    """Return the request that the vector of a product is the signature of."""
    headers = {signature.header.lower(): vector["signature"]}
    if signature.timestamp is not None:
        headers[signature.timestamp.header.lower()] = vector["timestamp"]
    return Request("POST", vector.get("uri", URL), headers, vector["raw_body"].encode())


def with_header(request: Request, name: str, text: str) -> Request:
    return Request(
        request.method, request.url, {**request.headers, name.lower(): text}, request.body
    )


def refusal(signature: Signature, request: Request, key: bytes, now: datetime = NOW) -> str:
    with pytest.raises(SignatureRefusedError) as refused:
        verify(signature, request, [key], now=now)
    assert refused.value.remedy
    return refused.value.code


@pytest.fixture
def case(mappings: Mapping[str, HookMapping], product: str) -> tuple[Signature, Request, bytes]:
    signature, vector = signature_of(mappings, product), document(product)["signed"]
    return signature, genuine(signature, vector), key_of(vector["secret"], signature)


Case = tuple[Signature, Request, bytes]


def test_the_documented_signature_is_taken(case: Case) -> None:
    signature, request, key = case
    verify(signature, request, [key], now=NOW)


def test_either_secret_is_taken_while_one_replaces_the_other(case: Case) -> None:
    signature, request, key = case
    verify(signature, request, [b"the next one", key], now=NOW)
    verify(signature, request, [key, b"the one before"], now=NOW)


def test_another_body_is_refused(case: Case) -> None:
    signature, request, key = case
    other = Request(request.method, request.url, request.headers, request.body + b" ")
    assert refusal(signature, other, key) == "signature_wrong"


def test_another_secret_is_refused(case: Case) -> None:
    signature, request, _ = case
    assert refusal(signature, request, b"guessed") == "signature_wrong"


@pytest.mark.parametrize("text", ["", "sha256=", "é", "v1,AAAA", "sha1=" + "0" * 40, "0" * 9000])
def test_a_signature_that_is_none_is_refused(case: Case, text: str) -> None:
    signature, request, key = case
    assert (
        refusal(signature, with_header(request, signature.header, text), key) == "signature_wrong"
    )


def test_a_request_without_signature_is_refused(case: Case) -> None:
    signature, request, key = case
    bare = Request(request.method, request.url, {}, request.body)
    assert refusal(signature, bare, key) == "signature_missing"


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(minutes=-6), timedelta(days=400)])
def test_an_old_request_is_refused_where_it_bears_a_time(case: Case, off: timedelta) -> None:
    signature, request, key = case
    if signature.timestamp is None:
        verify(signature, request, [key], now=NOW + off)
    else:
        assert refusal(signature, request, key, NOW + off) == "signature_stale"


def test_a_time_that_was_made_younger_is_refused(case: Case) -> None:
    signature, request, key = case
    if signature.timestamp is None:
        return
    later = {
        "iso": "2026-11-02T10:30:52Z",
        "seconds": "1793615452",
        "milliseconds": "1793615452000",
    }
    forged = with_header(request, signature.timestamp.header, later[signature.timestamp.format])
    assert refusal(signature, forged, key, NOW + timedelta(hours=1)) == "signature_wrong"


def test_the_address_is_part_of_what_hubspot_signs(mappings: Mapping[str, HookMapping]) -> None:
    signature = signature_of(mappings, "hubspot")
    vector = document("hubspot")["signed"]
    request = genuine(signature, vector)
    other = Request("POST", "https://intake.example.org/other", request.headers, request.body)
    assert refusal(signature, other, vector["secret"].encode()) == "signature_wrong"


def test_a_time_that_cannot_be_read_is_refused_however_well_it_is_signed(
    mappings: Mapping[str, HookMapping],
) -> None:
    signature = signature_of(mappings, "zendesk")
    digest = hmac.new(b"key", b"nan{}", "sha256").digest()
    headers = {
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": "nan",
    }
    assert refusal(signature, Request("POST", URL, headers, b"{}"), b"key") == "signature_stale"


def test_standard_webhooks_is_signed_as_its_own_library_signs(
    mappings: Mapping[str, HookMapping],
) -> None:
    signature = signature_of(mappings, "generic")
    body = '{"ticket":"217"}'
    made = Webhook(WHSEC).sign("msg_1", NOW, body)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": f"v1,AAAA {made}",
    }
    request = Request("POST", URL, headers, body.encode())
    verify(signature, request, [key_of(WHSEC, signature)], now=NOW)
    other = with_header(request, "webhook-id", "msg_2")
    assert refusal(signature, other, key_of(WHSEC, signature)) == "signature_wrong"


def test_a_secret_that_is_no_base64_is_told_at_once(mappings: Mapping[str, HookMapping]) -> None:
    with pytest.raises(ValueError, match="base64"):
        key_of("whsec_not base64!", signature_of(mappings, "generic"))

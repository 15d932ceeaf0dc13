"""People's tokens, checked with the keys of a provider that really answers over HTTP."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import httpx2
import pytest

from services.intake.core.callers import Caller
from services.intake.tokens.issuers_file import Issuer
from services.intake.tokens.provider import AWAY_S, FRESH_S, STALE_S, UNKNOWN_S, ProviderAwayError
from services.intake.tokens.provider import Provider as Keys
from services.intake.tokens.verify import TokenRefusedError, Tokens, token_in, tokens_of
from shared.access.keys import Scope
from shared.runtime.clock import real_now
from tests.support.oidc_provider import (
    AUDIENCE,
    Provider,
    a_curve_key,
    an_rsa_key,
    jwk_of,
    oidc_provider,
    public_pem,
)

KEY: Final = an_rsa_key()
OTHER: Final = an_rsa_key()
CURVE: Final = a_curve_key()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with oidc_provider() as one:
        one.keys = [jwk_of("k1", KEY), jwk_of("c1", CURVE)]
        yield one


async def verified(provider: Provider, token: str, **changes: Any) -> Caller:
    async with tokens_of([provider.trusted(**changes)]) as tokens:
        return await tokens.verify(token)


@contextmanager
def refused_as(code: str) -> Iterator[None]:
    with pytest.raises(TokenRefusedError) as refused:
        yield
    assert refused.value.code == code
    assert refused.value.remedy


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """Return a token as no library would make it."""

    def packed(part: object) -> str:
        text = json.dumps(part, default=lambda at: int(at.timestamp())).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    signed = f"{packed(header)}.{packed(claims)}"
    made = b"" if secret is None else hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


async def test_a_good_token_says_who_it_is_and_in_which_roles(provider: Provider) -> None:
    expected = Caller(
        "person olga", frozenset({"desk"}), frozenset({Scope.ACT}), frozenset({"t1_agent"}), "olga"
    )
    assert await verified(provider, provider.token(KEY)) == expected
    assert await verified(provider, provider.token(CURVE, kid="c1", alg="ES256")) == expected
    groups = {"roles": ["leads", "admins"]}
    lead = await verified(provider, provider.token(KEY, realm_access=groups))
    assert (lead.roles, lead.scopes) == ({"t1_lead", "t2_lead"}, {Scope.ACT, Scope.ADMIN})


async def test_whoever_is_in_no_group_that_is_listed_may_do_nothing(provider: Provider) -> None:
    nobody = await verified(provider, provider.token(KEY, realm_access={"roles": ["guests"]}))
    assert (nobody.scopes, nobody.roles) == (frozenset(), frozenset())
    without = await verified(provider, provider.token(KEY, realm_access="tier-1"))
    assert without.scopes == frozenset()


async def test_the_clocks_may_differ_by_a_little(provider: Provider) -> None:
    lately = real_now() - timedelta(seconds=30)
    assert (await verified(provider, provider.token(KEY, exp=lately))).person == "olga"
    with refused_as("token_expired"):
        await verified(provider, provider.token(KEY, exp=lately), leeway_s=0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": -3600}, "token_expired"),
        ({"nbf": 3600}, "token_not_yet"),
        ({"iat": 3600}, "token_not_yet"),
        ({"aud": "another"}, "token_audience"),
        ({"aud": None}, "token_unreadable"),
        ({"exp": None}, "token_unreadable"),
        ({"sub": None}, "token_unreadable"),
        ({"iss": "https://elsewhere.example"}, "token_issuer"),
        ({"preferred_username": None}, "token_person"),
        ({"preferred_username": 7}, "token_person"),
    ],
)
async def test_a_token_that_does_not_hold_is_refused_by_what_is_wrong_with_it(
    provider: Provider, changes: dict[str, Any], code: str
) -> None:
    given: dict[str, Any] = {
        name: real_now() + timedelta(seconds=value)
        if isinstance(value, int) and name in {"exp", "nbf", "iat"}
        else value
        for name, value in changes.items()
    }
    with refused_as(code):
        await verified(provider, provider.token(KEY, **given))


async def test_one_of_several_audiences_is_enough(provider: Provider) -> None:
    token = provider.token(KEY, aud=["other", AUDIENCE])
    assert (await verified(provider, token)).person == "olga"


async def test_a_token_that_nobody_signed_is_refused(provider: Provider) -> None:
    for alg in ("none", "None", ""):
        with refused_as("token_algorithm"):
            await verified(provider, by_hand({"alg": alg, "kid": "k1"}, provider.claims(), None))


async def test_the_public_key_is_no_secret_to_sign_with(provider: Provider) -> None:
    forged = by_hand({"alg": "HS256", "kid": "k1"}, provider.claims(), public_pem(KEY))
    with refused_as("token_algorithm"):
        await verified(provider, forged)
    # Not even where somebody has asked for it: the kinds of key do not fit.
    provider.keys.append({"kty": "oct", "kid": "s1", "k": "c2VjcmV0"})
    with refused_as("token_key"):
        token = by_hand({"alg": "RS256", "kid": "s1"}, provider.claims(), b"secret")
        await verified(provider, token)


async def test_a_signature_by_another_key_is_refused(provider: Provider) -> None:
    with refused_as("token_signature"):
        await verified(provider, provider.token(OTHER))
    whole = provider.token(KEY)
    head, claims, signature = whole.split(".")
    for changed in (f"{head}.{claims[:-2]}AA.{signature}", f"{head}.{claims}.{signature[:-4]}AAAA"):
        with pytest.raises(TokenRefusedError):
            await verified(provider, changed)


async def test_a_key_signs_only_with_what_it_is_for(provider: Provider) -> None:
    with refused_as("token_algorithm"):
        await verified(provider, provider.token(KEY, alg="RS512"))
    provider.keys = [jwk_of("k1", KEY, alg="RS512")]
    with refused_as("token_key"):
        await verified(provider, provider.token(KEY))
    provider.keys = [jwk_of("k1", KEY, use="enc")]
    with refused_as("token_key"):
        await verified(provider, provider.token(KEY))


async def test_a_token_that_names_no_key_means_the_only_one(provider: Provider) -> None:
    unnamed = provider.token(KEY, kid=None)
    with refused_as("token_key"):
        await verified(provider, unnamed)
    provider.keys = [jwk_of("k1", KEY)]
    assert (await verified(provider, unnamed)).person == "olga"


@pytest.mark.parametrize("text", ["a.b.c", "..", "x" * 20_000 + ".y.z", "a.b.\udc80"])
async def test_what_is_no_token_is_refused_without_asking_anybody(
    provider: Provider, text: str
) -> None:
    with pytest.raises(TokenRefusedError):
        await verified(provider, text)
    assert provider.peer.got == []


def test_a_token_is_told_from_a_key() -> None:
    assert token_in("Bearer a.b.c") == "a.b.c"
    assert token_in("bearer  a.b.c ") == "a.b.c"
    for other in (None, "", "Basic a.b.c", "Bearer tl_a.b.c", "Bearer tl_desk_x", "Bearer a.b"):
        assert token_in(other) is None


class Watch:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def watched(provider: Provider) -> AsyncIterator[tuple[Tokens, Watch]]:
    watch = Watch()
    async with httpx2.AsyncClient(timeout=10) as client:
        trusted: Issuer = provider.trusted()
        yield Tokens([(trusted, Keys(trusted.issuer, client, now=watch))]), watch


async def test_keys_are_fetched_once_whatever_number_of_tokens_comes(
    provider: Provider, watched: tuple[Tokens, Watch]
) -> None:
    tokens, watch = watched
    await asyncio.gather(*(tokens.verify(provider.token(KEY)) for _ in range(20)))
    assert provider.asked == 1
    watch.at += FRESH_S
    await tokens.verify(provider.token(KEY))
    assert provider.asked == 2


async def test_an_unknown_key_is_asked_for_once_and_not_with_every_request(
    provider: Provider, watched: tuple[Tokens, Watch]
) -> None:
    tokens, watch = watched
    await tokens.verify(provider.token(KEY))
    watch.at += UNKNOWN_S
    for _ in range(10):
        with refused_as("token_key"):
            await tokens.verify(provider.token(OTHER, kid="k2"))
    assert provider.asked == 2


async def test_a_new_key_is_known_within_a_minute_and_an_old_one_forgotten(
    provider: Provider, watched: tuple[Tokens, Watch]
) -> None:
    tokens, watch = watched
    await tokens.verify(provider.token(KEY))
    provider.keys = [jwk_of("k2", OTHER)]
    watch.at += UNKNOWN_S
    assert (await tokens.verify(provider.token(OTHER, kid="k2"))).person == "olga"
    with refused_as("token_key"):
        await tokens.verify(provider.token(KEY))


async def test_while_the_provider_is_away_keys_that_are_known_still_count(
    provider: Provider, watched: tuple[Tokens, Watch]
) -> None:
    tokens, watch = watched
    await tokens.verify(provider.token(KEY))
    provider.away = True
    watch.at += STALE_S - 1
    assert (await tokens.verify(provider.token(KEY))).person == "olga"
    watch.at += 1
    with pytest.raises(ProviderAwayError):
        await tokens.verify(provider.token(KEY))


async def test_a_provider_that_is_away_is_left_in_peace_for_a_moment(
    provider: Provider, watched: tuple[Tokens, Watch]
) -> None:
    tokens, watch = watched
    provider.away = True
    for _ in range(5):
        with pytest.raises(ProviderAwayError):
            await tokens.verify(provider.token(KEY))
    assert len(provider.peer.got) == 1
    provider.away = False
    watch.at += AWAY_S
    assert (await tokens.verify(provider.token(KEY))).person == "olga"


async def test_a_provider_that_calls_itself_otherwise_is_not_believed(provider: Provider) -> None:
    provider.name = "https://somebody.else.example"
    with pytest.raises(ProviderAwayError, match="calls itself"):
        await verified(provider, provider.token(KEY))

"""A person's token: who issued it, for whom, until when, and whether the signature is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2
import jwt

from services.intake.core.callers import Caller
from services.intake.core.people import NobodyError, person_of
from services.intake.tokens.issuers_file import Issuer
from services.intake.tokens.provider import Jwk, Provider
from shared.contract.errors import PermanentError, Reason

MAX_TOKEN: Final = 16 * 1024
"""The longest token, in characters."""

PATIENCE_S: Final = 5.0
"""Real time in which a provider has to answer."""

_BEARER: Final = "bearer "
_DOTS: Final = 2
_FAMILIES: Final[Mapping[str, str]] = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_REQUIRED: Final = ("exp", "iss", "aud", "sub")


class TokenRefusedError(PermanentError):
    """A token proves nothing; *code* is a word for programs, *remedy* says what to do."""

    reason = Reason.INVALID_FIELD

    def __init__(self, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.code = code
        self.remedy = remedy


def token_in(authorization: str | None) -> str | None:
    """Return the token that the header *authorization* bears, if it looks like one."""
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        return None
    text = authorization[len(_BEARER) :].strip()
    return text if text.count(".") == _DOTS and not text.startswith("tl_") else None


class Tokens:
    """Checks tokens; made by `tokens_of`."""

    def __init__(self, issuers: Iterable[tuple[Issuer, Provider]]) -> None:
        self._by_name = {issuer.issuer: (issuer, provider) for issuer, provider in issuers}

    async def verify(self, token: str) -> Caller:
        """Return whose token it is.

        Raises:
            TokenRefusedError: It proves nothing here.
            ProviderAwayError: It cannot be checked just now.
        """
        if len(token) > MAX_TOKEN:
            raise _refused("token_too_long", f"more than {MAX_TOKEN} characters")
        if not token.isascii():
            raise _refused("token_unreadable", "it holds what no token does")
        try:
            header = jwt.get_unverified_header(token)
            claimed = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise _refused("token_unreadable", f"it cannot be read: {error}") from None
        known = self._by_name.get(str(claimed.get("iss")))
        if known is None:
            raise _refused("token_issuer", "nobody trusts its issuer here")
        issuer, provider = known
        algorithm = str(header.get("alg"))
        if algorithm not in issuer.algorithms:
            listed = ", ".join(issuer.algorithms)
            raise _refused(
                "token_algorithm", f"it is signed with {algorithm[:20]!r}, not with {listed}"
            )
        kid = header.get("kid")
        jwk = await provider.key(None if kid is None else str(kid))
        if jwk is None or not _fits(jwk, algorithm):
            raise _refused("token_key", "its issuer has no such key for that signature")
        claims = _proven(token, jwk, algorithm, issuer)
        try:
            return person_of(claims, issuer.reading)
        except NobodyError as error:
            raise _refused("token_person", str(error)) from None


@asynccontextmanager
async def tokens_of(issuers: Iterable[Issuer]) -> AsyncIterator[Tokens]:
    """Give what checks the tokens of *issuers*; each provider is asked when its first token comes."""
    async with httpx2.AsyncClient(
        timeout=PATIENCE_S, follow_redirects=False, trust_env=False
    ) as client:
        yield Tokens([(one, Provider(one.issuer, client)) for one in issuers])


def _fits(jwk: Jwk, algorithm: str) -> bool:
    named = jwk.get("alg")
    return jwk.get("kty") == _FAMILIES[algorithm[:2]] and named in (None, algorithm)


def _proven(token: str, jwk: Jwk, algorithm: str, issuer: Issuer) -> Mapping[str, Any]:
    try:
        key = jwt.PyJWK(dict(jwk), algorithm=algorithm)
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=list(issuer.audience),
            issuer=issuer.issuer,
            leeway=issuer.leeway_s,
            options={"require": list(_REQUIRED)},
        )
    except jwt.ExpiredSignatureError:
        raise _refused("token_expired", "it has expired") from None
    except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        raise _refused("token_not_yet", "it is not valid yet") from None
    except jwt.InvalidAudienceError:
        listed = ", ".join(issuer.audience)
        raise _refused("token_audience", f"it is not meant for {listed}") from None
    except jwt.MissingRequiredClaimError as error:
        raise _refused("token_unreadable", f"the claim {error.claim} is missing") from None
    except jwt.PyJWTError:
        raise _refused("token_signature", "the signature is not its issuer's") from None
    return claims


_REMEDIES: Final[Mapping[str, str]] = {
    "token_expired": "Sign in again, and send the new token.",
    "token_not_yet": "Check the clocks of both machines; then sign in again.",
    "token_audience": "Ask the provider for a token for this audience.",
}
_SIGN_IN: Final = "Sign in with a provider that INTAKE_ISSUERS_FILE lists, and send its token."


def _refused(code: str, detail: str) -> TokenRefusedError:
    return TokenRefusedError(code, detail, _REMEDIES.get(code, _SIGN_IN))

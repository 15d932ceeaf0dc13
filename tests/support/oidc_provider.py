"""An OpenID Connect provider on the loopback: a discovery document, keys, and whatever tokens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_curve_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.intake.core.people import Reading
from services.intake.tokens.issuers_file import Issuer
from shared.access.keys import Scope
from shared.runtime.clock import real_now
from tests.support.http_peer import CUT, Answer, Peer, Request, http_peer

AUDIENCE: Final = "tierline"

Signer = RSAPrivateKey | EllipticCurvePrivateKey


def an_rsa_key() -> RSAPrivateKey:
    """Return a fresh key; it takes a tenth of a second."""
    return new_rsa_key(public_exponent=65537, key_size=2048)


def a_curve_key() -> EllipticCurvePrivateKey:
    """Return a fresh key on the curve P-256."""
    return new_curve_key(SECP256R1())


def public_pem(key: Signer) -> bytes:
    """Return the public half of *key* as everybody may have it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk_of(kid: str, key: Signer, **more: Any) -> dict[str, Any]:
    """Return the public half of *key* as a provider lists it."""
    algorithm = jwt.get_algorithm_by_name("RS256" if isinstance(key, RSAPrivateKey) else "ES256")
    plain: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return {**plain, "kid": kid, "use": "sig", **more}


@dataclass
class Provider:
    """The provider: its keys, which may be replaced at any time, and who asked for them."""

    peer: Peer
    keys: list[dict[str, Any]] = field(default_factory=list)
    away: bool = False
    name: str | None = None

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        return f"{self.peer.url}/realms/support"

    @property
    def asked(self) -> int:
        """How often its keys were fetched."""
        return sum(one.path.endswith("/keys") for one in self.peer.got)

    async def respond(self, request: Request) -> Answer:
        """Answer as a provider does."""
        if self.away:
            return CUT
        if request.path.endswith("/.well-known/openid-configuration"):
            document = {"issuer": self.name or self.issuer, "jwks_uri": f"{self.peer.url}/keys"}
            return Answer(body=json.dumps(document).encode())
        return Answer(body=json.dumps({"keys": self.keys}).encode())

    def trusted(self, **changes: Any) -> Issuer:
        """Return it as intake trusts it."""
        reading = Reading(
            person="preferred_username",
            groups=("realm_access.roles",),
            roles={"tier-1": ("t1_agent",), "leads": ("t1_lead", "t2_lead")},
            scopes={"admins": (Scope.ADMIN,)},
            sources=frozenset({"desk"}),
        )
        given = {
            "issuer": self.issuer,
            "audience": (AUDIENCE,),
            "algorithms": ("RS256", "ES256"),
            "leeway_s": 60,
            "reading": reading,
        }
        return Issuer(**{**given, **changes})

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of olga, who works in tier 1; None leaves a claim out."""
        now = real_now()
        given = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "7f3c",
            "preferred_username": "olga",
            "realm_access": {"roles": ["tier-1", "offline_access"]},
            "iat": now,
            "exp": now + timedelta(minutes=5),
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    def token(
        self, key: Signer, *, kid: str | None = "k1", alg: str = "RS256", **changes: Any
    ) -> str:
        """Return a token that *key* has signed."""
        headers = None if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**changes), key, algorithm=alg, headers=headers)


@asynccontextmanager
async def oidc_provider() -> AsyncIterator[Provider]:
    """Run a provider without keys."""
    async with http_peer() as peer:
        provider = Provider(peer)
        peer.respond = provider.respond
        yield provider

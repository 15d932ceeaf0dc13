"""Signed answer links: bound to one person and one escalation, good for a few days."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt
from pydantic import SecretStr

from services.notifier.core.answering import Seal
from shared.contract.errors import PermanentError, Reason

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "tierline:answer"
SHORTEST_KEY: Final = 32
"""Bytes of a key that signs; a shorter one can be guessed."""


class BadLinkError(PermanentError):
    """An answer link that was not made here, or is no longer good."""

    reason = Reason.INVALID_FIELD

    def __init__(self, why: str, *, expired: bool = False) -> None:
        super().__init__(why)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class AnswerLinks:
    """Makes and reads answer links.

    Attributes:
        base: Where people reach the notifier.
        key: Signs; at least `SHORTEST_KEY` bytes.
        good_for: How long a link can be used, by the policy's clock.
    """

    base: str
    key: SecretStr
    good_for: timedelta

    def link(self, seal: Seal, *, since: datetime) -> str:
        """Return the link for *seal*; the same one whenever it is made, so that repeats are alike."""
        claims = {
            **asdict(seal),
            "aud": _AUDIENCE,
            "exp": int((since + self.good_for).timestamp()),
        }
        token = jwt.encode(claims, self.key.get_secret_value(), algorithm=_ALGORITHM)
        return f"{self.base.rstrip('/')}/v1/answers/{token}"

    def read(self, token: str, *, now: datetime) -> Seal:
        """Return what *token* is bound to.

        Args:
            token: The last part of a link.
            now: The instant of the policy's clock, by which it expires.

        Raises:
            BadLinkError: It is forged, broken or expired.
        """
        try:
            claims = jwt.decode(
                token,
                self.key.get_secret_value(),
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                # The clock of the policy decides, which may run fast; PyJWT knows only its own.
                options={"require": ["exp", "aud"], "verify_exp": False},
            )
            ends = datetime.fromtimestamp(int(claims["exp"]), UTC)
            seal = Seal(*(str(claims[name]) for name in ("ticket", "escalation", "person", "role")))
        except (jwt.InvalidTokenError, KeyError, ValueError, OverflowError) as error:
            msg = "this link was not made here, or a part of it is missing"
            raise BadLinkError(msg) from error
        if now > ends:
            msg = f"this link was good until {ends:%Y-%m-%d %H:%M} UTC"
            raise BadLinkError(msg, expired=True)
        return seal

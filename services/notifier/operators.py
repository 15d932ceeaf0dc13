"""Who may change the ledger by hand."""

import hmac
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from shared.runtime.problems import Problem

REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "The operator key is needed."},
    403: {"description": "No operator key is set, and not only this machine can connect."},
}
"""How whoever is no operator is answered."""


@dataclass(frozen=True, slots=True)
class Operators:
    """Operators show the shared *key*; without one, whoever is *local* (on loopback) is trusted."""

    key: SecretStr | None
    local: bool

    def check(self, authorization: str | None) -> None:
        """Let an operator pass.

        Raises:
            Problem: 401 without the key, 403 where no key is set and not only this machine can
                connect.
        """
        if self.key is None:
            if self.local:
                return
            raise Problem(
                status=403,
                code="operators_unknown",
                title="Nobody may do this here",
                detail="the service listens beyond this machine, and no operator key is set",
                do="Set NOTIFIER_OPERATOR_KEY, and send it as Authorization: Bearer <key>.",
            )
        kind, _, given = (authorization or "").partition(" ")
        expected = self.key.get_secret_value().encode()
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
            raise Problem(
                status=401,
                code="unauthorized",
                title="This needs the operator key",
                detail="no key, or not the one that is set",
                do="Send Authorization: Bearer <NOTIFIER_OPERATOR_KEY>.",
                headers={"www-authenticate": "Bearer"},
            )

"""The way back: hands in acts at intake, people's answers and roles that nobody was reached for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx2
from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.core.answering import Objection
from services.notifier.core.message import LONGEST_LINE, cut, plain
from services.notifier.core.retry import Accepted, Failed, Outcome, Refused, http_outcome

_MOST_NAMES: Final = 20


class Intake:
    """Posts acts. Intake is configured by the operator, not by a roster."""

    shows_lines: Final = False

    def __init__(
        self, url: str, key: SecretStr | None, *, now: Callable[[], datetime], timeout_s: float
    ) -> None:
        self._url = url.rstrip("/")
        self._now = now
        headers = {"user-agent": "tierline-notifier"}
        if key is not None:
            headers["authorization"] = f"Bearer {key.get_secret_value()}"
        self._client = httpx2.AsyncClient(
            headers=headers, timeout=timeout_s, follow_redirects=False, trust_env=False
        )

    async def send(self, notice: Notice) -> Outcome:
        """Post the alert; its id is the delivery's, so that a repeat has no effect."""
        answer = await self._post(notice.decision.ticket, alert(notice))
        return answer if isinstance(answer, Failed) else self._outcome(answer)

    async def post(self, ticket: str, act: Mapping[str, Any]) -> Accepted | Failed | Objection:
        """Hand in *act* on *ticket* once; a refusal says why, and what would be accepted."""
        answer = await self._post(ticket, act)
        if isinstance(answer, Failed):
            return answer
        outcome = self._outcome(answer)
        return _objection(answer, outcome.why) if isinstance(outcome, Refused) else outcome

    async def _post(self, ticket: str, act: Mapping[str, Any]) -> httpx2.Response | Failed:
        try:
            return await self._client.post(
                f"{self._url}/v1/tickets/{quote(ticket, safe='')}/acts",
                content=json.dumps(act),
                headers={"content-type": "application/json"},
            )
        except httpx2.HTTPError as error:
            return Failed(type(error).__name__)

    def _outcome(self, answer: httpx2.Response) -> Outcome:
        return http_outcome(answer.status_code, answer.headers.get("retry-after"), now=self._now())

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


def alert(notice: Notice) -> dict[str, object]:
    """Return the act that *notice* stands for."""
    return {
        "type": "escalation.unreached",
        "id": f"unreached-{notice.id}",
        "time": notice.planned_at.isoformat().replace("+00:00", "Z"),
        "causationid": str(notice.decision.id),
        "escalation_id": notice.decision.escalation,
        "role": notice.role,
        "code": notice.code,
    }


def _objection(answer: httpx2.Response, otherwise: str) -> Objection:
    """Read a problem document; *otherwise* is said when it says nothing."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, Mapping):
        return Objection(otherwise, otherwise)
    said = [str(document[name]) for name in ("detail", "do") if document.get(name)]
    return Objection(
        code=str(document.get("code") or otherwise),
        said=cut(plain("; ".join(said)), LONGEST_LINE) if said else otherwise,
        missing=_names(document.get("missing"), "field"),
        allowed=_names(document.get("allowed"), "name"),
    )


def _names(listed: object, key: str) -> tuple[str, ...]:
    """Return the names in a list of names, or of objects that have theirs under *key*."""
    if not isinstance(listed, list):
        return ()
    named = (one.get(key) if isinstance(one, Mapping) else one for one in listed[:_MOST_NAMES])
    return tuple(cut(plain(str(one)), LONGEST_LINE) for one in named if one)

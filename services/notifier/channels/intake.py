"""The way back: hands in acts at intake, people's answers and roles that nobody was reached for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx2
from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.core.message import LONGEST_LINE, cut, plain
from services.notifier.core.retry import Failed, Outcome, Refused, http_outcome
from shared.contract.ids import split_key


class Intake:
    """Posts acts. Intake is configured by the operator, not by a roster."""

    def __init__(
        self, url: str, key: SecretStr | None, *, now: Callable[[], datetime], timeout_s: float
    ) -> None:
        self._url = f"{url.rstrip('/')}/v1/events"
        self._now = now
        headers = {"user-agent": "tierline-notifier"}
        if key is not None:
            headers["authorization"] = f"Bearer {key.get_secret_value()}"
        self._client = httpx2.AsyncClient(
            headers=headers, timeout=timeout_s, follow_redirects=False, trust_env=False
        )

    async def send(self, notice: Notice) -> Outcome:
        """Post the alert; its id is the delivery's, so that a repeat has no effect."""
        answer = await self._post(event(notice))
        if isinstance(answer, Failed):
            return answer
        return self._outcome(answer)

    async def post(self, event: Mapping[str, Any]) -> Outcome:
        """Hand in *event* once; a refusal says in intake's own words why, and what to do."""
        answer = await self._post(event)
        if isinstance(answer, Failed):
            return answer
        outcome = self._outcome(answer)
        if isinstance(outcome, Refused):
            return replace(outcome, why=_in_words(answer) or outcome.why)
        return outcome

    async def _post(self, event: Mapping[str, Any]) -> httpx2.Response | Failed:
        try:
            return await self._client.post(
                self._url,
                content=json.dumps(event),
                headers={"content-type": "application/cloudevents+json"},
            )
        except httpx2.HTTPError as error:
            return Failed(type(error).__name__)

    def _outcome(self, answer: httpx2.Response) -> Outcome:
        return http_outcome(answer.status_code, answer.headers.get("retry-after"), now=self._now())

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


def _in_words(answer: httpx2.Response) -> str | None:
    """Return what a problem document says is wrong, and what to do about it."""
    try:
        document = answer.json()
    except ValueError:
        return None
    if not isinstance(document, Mapping):
        return None
    said = [str(document[name]) for name in ("detail", "do") if document.get(name)]
    return cut(plain("; ".join(said)), LONGEST_LINE) if said else None


def event(notice: Notice) -> dict[str, object]:
    """Return the CloudEvent that *notice* stands for."""
    source, subject = split_key(notice.decision.ticket)
    return {
        "specversion": "1.0",
        "id": f"unreached-{notice.id}",
        "source": source,
        "type": "escalation.unreached",
        "subject": subject,
        "time": notice.planned_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "causationid": str(notice.decision.id),
        "data": {
            "escalation_id": notice.decision.escalation,
            "role": notice.role,
            "code": notice.code,
        },
    }

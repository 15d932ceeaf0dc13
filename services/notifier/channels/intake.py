"""The way back: tells the engine, through intake, of a role that nobody could be reached for."""

import json
from collections.abc import Callable
from datetime import datetime

import httpx2
from pydantic import SecretStr

from services.notifier.channels.base import Notice
from services.notifier.core.retry import Failed, Outcome, http_outcome
from shared.contract.ids import split_key


class Intake:
    """Posts ``escalation.unreached``. Intake is configured by the operator, not by a roster."""

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
        try:
            answer = await self._client.post(
                self._url,
                content=json.dumps(event(notice)),
                headers={"content-type": "application/cloudevents+json"},
            )
        except httpx2.HTTPError as error:
            return Failed(type(error).__name__)
        return http_outcome(answer.status_code, answer.headers.get("retry-after"), now=self._now())

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


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

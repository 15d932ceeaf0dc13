"""Slack's Web API over HTTP: one call, and what its answer means for a delivery."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Final

import httpx2
from pydantic import SecretStr

from services.notifier.core.retry import Failed, Refused, http_outcome

LARGEST_ANSWER: Final = 1 << 20
_PASSING: Final = frozenset(
    {
        *("ratelimited", "rate_limited", "service_unavailable", "fatal_error", "internal_error"),
        *("request_timeout", "team_added_to_org", "message_limit_exceeded"),
        # The app must be mended; until then its messages wait instead of being lost.
        *("invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed"),
        *("missing_scope", "no_permission", "ekm_access_denied", "accesslimited"),
    }
)


class SlackError(Exception):
    """A call that Slack did not take; *outcome* is what that means for a delivery."""

    def __init__(self, outcome: Failed | Refused) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome
        self.code = outcome.why.removeprefix("slack_")


class SlackApi:
    """Calls methods of the Web API as our app. No redirect is followed, no proxy used."""

    def __init__(
        self, url: str, token: SecretStr, *, now: Callable[[], datetime], timeout_s: float
    ) -> None:
        """Make an API.

        Args:
            url: Where its methods are, ``https://slack.com/api``.
            token: The app's bot token.
            now: The real time, against which ``Retry-After`` is measured.
            timeout_s: How long an answer may take.
        """
        self._url = url.rstrip("/")
        self._now = now
        self._client = httpx2.AsyncClient(
            headers={
                "authorization": f"Bearer {token.get_secret_value()}",
                "user-agent": "tierline-notifier",
            },
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    async def call(self, method: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call *method* with *given* and return its answer.

        Raises:
            SlackError: It was not done, or nobody knows whether it was.
        """
        return await self._answer(method, json=dict(given))

    async def pages(
        self, method: str, given: Mapping[str, Any]
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the pages that *method*, which lists something, answers to *given*.

        Raises:
            SlackError: A page was not had.
        """
        cursor = ""
        while True:
            # A form, since not every method that lists has always taken JSON.
            said = await self._answer(method, data={**given, "cursor": cursor})
            yield said
            after = said.get("response_metadata")
            cursor = str(after.get("next_cursor") or "") if isinstance(after, Mapping) else ""
            if not cursor:
                return

    async def _answer(self, method: str, **body: Any) -> Mapping[str, Any]:
        try:
            answer = await self._client.post(f"{self._url}/{method}", **body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise SlackError(Failed(type(error).__name__)) from error
        except httpx2.HTTPError as error:
            raise SlackError(Failed(type(error).__name__, unclear=True)) from error
        outcome = http_outcome(
            answer.status_code, answer.headers.get("retry-after"), now=self._now()
        )
        if isinstance(outcome, Failed | Refused):
            raise SlackError(outcome)
        return _taken(answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


def _taken(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        said = answer.json() if len(answer.content) <= LARGEST_ANSWER else None
    except ValueError:
        said = None
    if not isinstance(said, Mapping):
        raise SlackError(Failed("slack_unreadable", unclear=True))
    if said.get("ok") is not True:
        code = str(said.get("error") or "unknown_error")[:100]
        why = f"slack_{code}"
        raise SlackError(Failed(why) if code in _PASSING else Refused(why))
    return said

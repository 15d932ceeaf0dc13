"""One POST to an address that a person wrote: checked, pinned, bounded, never redirected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import httpx2

from services.notifier.channels.egress import (
    CheckedTransport,
    Egress,
    ForbiddenDestinationError,
    UnresolvedNameError,
)
from services.notifier.core.retry import Failed, Outcome, Refused, http_outcome

LARGEST_ANSWER: Final = 64 * 1024


class Posting:
    """Posts bodies to addresses that `Egress` lets through."""

    def __init__(self, egress: Egress, *, now: Callable[[], datetime], timeout_s: float) -> None:
        self._now = now
        self._client = httpx2.AsyncClient(
            transport=CheckedTransport(egress),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, url: str, body: str, headers: Mapping[str, str]) -> Outcome:
        """Post *body* to *url* once, and return what became of it."""
        given = {"user-agent": "tierline-notifier", **headers}
        try:
            async with self._client.stream("POST", url, content=body, headers=given) as answer:
                await _read_a_little(answer)
                return http_outcome(
                    answer.status_code, answer.headers.get("retry-after"), now=self._now()
                )
        except ForbiddenDestinationError as error:
            return Refused(f"forbidden_destination: {error.why}")
        except UnresolvedNameError:
            return Failed("name_not_resolved")
        except (httpx2.InvalidURL, UnicodeError):
            return Refused("invalid_url")
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return Failed(type(error).__name__)
        except httpx2.HTTPError as error:
            # The request was under way: whether the receiver has it all is not known.
            return Failed(type(error).__name__, unclear=True)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


async def _read_a_little(answer: httpx2.Response) -> None:
    """Read the answer's body up to a bound, so that the far side sees it taken."""
    taken = 0
    async for chunk in answer.aiter_raw():
        taken += len(chunk)
        if taken > LARGEST_ANSWER:
            return

"""The escalator, asked what it would say to an act before the act is in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx2
import structlog
from pydantic import ValidationError

from services.intake import metrics
from shared.contract.envelope import CONTENT_TYPE
from shared.contract.judgements import Judgement

log = structlog.get_logger()

PATIENCE_S: Final = 2.0
"""Real time in which the escalator has to answer; then the act is published unasked."""


class Foresight:
    """Asks the escalator; made by `foresight_of`."""

    def __init__(self, client: httpx2.AsyncClient | None) -> None:
        self._client = client

    async def judge(self, act: bytes) -> Judgement | None:
        """Return what the escalator would say to *act*, an event; None where it says nothing.

        Nothing hangs on the answer: an act that nobody was asked about is published, and refused
        afterwards, if it has to be.
        """
        if self._client is None:
            return None
        try:
            answer = await self._client.post(
                "/v1/acts/check", content=act, headers={"content-type": CONTENT_TYPE}
            )
            answer.raise_for_status()
            return Judgement.model_validate_json(answer.content)
        except (httpx2.HTTPError, ValidationError) as error:
            metrics.UNCHECKED_ACTS.inc()
            log.warning("act not checked beforehand", why=type(error).__name__)
            return None


@asynccontextmanager
async def foresight_of(url: str | None) -> AsyncIterator[Foresight]:
    """Give the foresight of the escalator at *url*; without one there is none."""
    if url is None:
        yield Foresight(None)
        return
    base = url.rstrip("/")
    async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE_S, trust_env=False) as client:
        yield Foresight(client)

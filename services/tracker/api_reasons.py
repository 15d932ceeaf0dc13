"""The tracker over HTTP: why, and what comes next, as the escalator tells it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from services.tracker.access import Access, Who
from services.tracker.api import FAR, NOT_FOUND, REFUSALS, Key, only_seen
from services.tracker.explaining import Escalator
from shared.contract.explanations import Explanation, Plan, View
from shared.contract.times import EPOCH
from shared.runtime.questions import only_known

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {**REFUSALS, **NOT_FOUND}

AsOf = Annotated[
    AwareDatetime | None,
    Query(
        ge=EPOCH,
        lt=FAR,
        description="The moment to look from; by default now, at most 31 days ahead.",
    ),
]
Seen = Annotated[
    View,
    Query(description="`then`: what had been heard by then; `now`: all that was heard since, too."),
]


def reasons(escalator: Escalator, access: Access) -> APIRouter:
    """Return the routes that ask *escalator*; to be added before those that take any key."""
    first = [Depends(access.let_in), Depends(only_known)]
    router = APIRouter(prefix="/v1", tags=["read"], dependencies=first)

    @router.get("/tickets/{key:path}/explain", responses=_ANSWERS)
    async def explain(
        reader: Who, key: Key, as_of: AsOf = None, view: Seen = View.THEN
    ) -> Explanation:
        """Tell how a ticket stands, by which rules, what comes, why not, and what would have."""
        only_seen(reader, key)
        return await escalator.explanation(key, as_of, view)

    @router.get("/tickets/{key:path}/plan", responses=_ANSWERS)
    async def plan(reader: Who, key: Key, as_of: AsOf = None, view: Seen = View.THEN) -> Plan:
        """Tell what happens next, to whom and when, if nothing else is heard."""
        only_seen(reader, key)
        return await escalator.plan(key, as_of, view)

    return router

"""The tracker over HTTP: why, and what comes next, as the escalator tells it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from services.tracker.api import FAR, Key
from services.tracker.explaining import Escalator
from shared.contract.explanations import Explanation, Plan, View
from shared.contract.times import EPOCH

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "Nothing was decided on it, or not by then."},
    422: {"description": "A parameter is not what it should be; `do` says how to mend it."},
    503: {"description": "The escalator, which alone knows, is away; try again."},
}

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


def reasons(escalator: Escalator) -> APIRouter:
    """Return the routes that ask *escalator*; to be added before those that take any key."""
    router = APIRouter(prefix="/v1", tags=["read"])

    @router.get("/tickets/{key:path}/explain", responses=_ANSWERS)
    async def explain(key: Key, as_of: AsOf = None, view: Seen = View.THEN) -> Explanation:
        """Tell how a ticket stands, by which rules, what comes, why not, and what would have."""
        return await escalator.explanation(key, as_of, view)

    @router.get("/tickets/{key:path}/plan", responses=_ANSWERS)
    async def plan(key: Key, as_of: AsOf = None, view: Seen = View.THEN) -> Plan:
        """Tell what happens next, to whom and when, if nothing else is heard."""
        return await escalator.plan(key, as_of, view)

    return router

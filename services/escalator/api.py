"""The escalator over HTTP: where a case stands, for who has missed a decision."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from services.escalator.core.decide import snapshot
from services.escalator.policies import Policies
from services.escalator.store import begin_turn, read_case, share_policies
from shared.contract.times import instant
from shared.runtime.database import Database
from shared.runtime.health import Problem

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "Nothing was decided on such a ticket."},
    503: {"description": "The database is away; try again."},
}

Key = Annotated[
    str,
    Path(
        max_length=1100, pattern=r"^[^\x00]*$", description="source:ticket, such as desk:INC0001."
    ),
]


def routes(database: Database, policies: Policies) -> APIRouter:
    """Return the escalator's routes, which read *database*."""
    router = APIRouter(prefix="/v1", tags=["read"])

    @router.get("/tickets/{key:path}/state", responses=_ANSWERS)
    async def state(key: Key) -> dict[str, Any]:
        """Tell where a case stands: what `case.snapshot` says, `version` being its last decision's.

        It includes decisions that are not on the topic yet.
        """
        async with database.transaction() as conn:
            await share_policies(conn)
            turn = await begin_turn(conn)
            case = await read_case(conn, key)
        if case is None or case.version == 0:
            raise Problem(
                status=404,
                code="unknown_ticket",
                title="Nothing was decided on such a ticket",
                detail=f"no decision speaks of {key!r}",
                do="Write the key as source:ticket; a ticket just reported takes a moment.",
            )
        return snapshot(case, instant(turn.now), await policies.known(turn.epoch))

    return router

"""The escalator over HTTP: where a case stands, why, and what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime

from services.escalator.core.decide import Heard, snapshot
from services.escalator.core.explaining import explain, plan
from services.escalator.core.judging import judge
from services.escalator.core.views import NothingKnownError
from services.escalator.glance import Glance
from services.escalator.policies import Policies
from services.escalator.store import begin_turn, read_case, share_policies
from services.escalator.store_events import histories
from shared.contract.errors import InvalidEventError
from shared.contract.events import decode_event
from shared.contract.explanations import Explanation, Plan, View
from shared.contract.judgements import Judgement
from shared.contract.times import EPOCH, Instant, instant, rfc3339
from shared.policy.document import PolicyTimeline
from shared.runtime.database import Database
from shared.runtime.health import Problem

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "Nothing was decided on such a ticket, or not by then."},
    503: {"description": "The database is away; try again."},
}

_CHECKED: Final[dict[int | str, dict[str, Any]]] = {
    422: {"description": "The body is no event of the contract."},
    503: {"description": "The database is away; try again."},
}
_AN_ACT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": {"type": "object", "title": "CloudEvent"}}
        },
    }
}

Key = Annotated[
    str,
    Path(
        max_length=1100, pattern=r"^[^\x00]*$", description="source:ticket, such as desk:INC0001."
    ),
]

At = Annotated[
    AwareDatetime | None,
    Query(ge=EPOCH, description="The moment to look from; by default now, at most 31 days ahead."),
]
Seen = Annotated[
    View,
    Query(description="`then`: what had been heard by then; `now`: all that was heard since, too."),
]
AHEAD: Final = timedelta(days=31)
"""As far ahead may be asked; to whom nobody answers is called for ever."""

Answer = TypeVar("Answer", Explanation, Plan)
Question = Callable[[str, Sequence[Heard], PolicyTimeline, Instant, View], Answer]


def routes(database: Database, policies: Policies) -> APIRouter:
    """Return the escalator's routes, which read *database*."""
    router = APIRouter(prefix="/v1", tags=["read"])
    # A long history takes a while to go through again; deciding must not wait for it.
    one_at_a_time = asyncio.Semaphore(1)

    async def asked(
        question: Question[Answer], key: str, at: datetime | None, view: View
    ) -> Answer:
        async with database.transaction() as conn:
            await share_policies(conn)
            turn = await begin_turn(conn)
            heard = (await histories(conn, [key]))[key]
        moment = instant(at or turn.now)
        if moment > instant(turn.now + AHEAD):
            raise _too_far(turn.now)
        known = await policies.known(turn.epoch)
        async with one_at_a_time:
            try:
                return await asyncio.to_thread(question, key, heard, known, moment, view)
            except NothingKnownError as error:
                raise _not_yet(key, moment, error.opened_at) from error

    @router.get("/tickets/{key:path}/explain", responses=_ANSWERS)
    async def explanation(key: Key, at: At = None, view: Seen = View.THEN) -> Explanation:
        """Tell how a ticket stands, by which rules, what comes, why not, and what would have."""
        return await asked(explain, key, at, view)

    @router.get("/tickets/{key:path}/plan", responses=_ANSWERS)
    async def next_steps(key: Key, at: At = None, view: Seen = View.THEN) -> Plan:
        """Tell what happens next, to whom and when, if nothing else is heard."""
        return await asked(plan, key, at, view)

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
            raise _unknown(key)
        return snapshot(case, instant(turn.now), await policies.known(turn.epoch))

    @router.post("/acts/check", responses=_CHECKED, openapi_extra=_AN_ACT)
    async def check(request: Request) -> Judgement:
        """Tell whether an act would be refused if it were made now; nothing is changed."""
        try:
            act = decode_event(await request.body())
        except InvalidEventError as error:
            raise _no_act(error) from error
        async with database.transaction() as conn:
            await share_policies(conn)
            turn = await begin_turn(conn)
        known = await policies.known(turn.epoch)
        async with one_at_a_time, database.transaction() as conn:
            glance = Glance(conn)
            return await glance.ask(lambda: judge(glance, act, known, instant(turn.now)))

    return router


def _no_act(error: InvalidEventError) -> Problem:
    return Problem(
        status=422,
        code=str(error.reason),
        title="The body is no event of the contract",
        detail=str(error),
        do="Send the act as intake would publish it, as one CloudEvent in JSON.",
    )


def _unknown(key: str) -> Problem:
    return Problem(
        status=404,
        code="unknown_ticket",
        title="Nothing was decided on such a ticket",
        detail=f"no decision speaks of {key!r}",
        do="Write the key as source:ticket; a ticket just reported takes a moment.",
    )


def _not_yet(key: str, at: Instant, opened_at: Instant | None) -> Problem:
    if opened_at is None:
        return _unknown(key)
    return Problem(
        status=404,
        code="not_yet_known",
        title="Nothing was known of it then",
        detail=f"at {rfc3339(at)} nothing was known of {key!r}",
        do=f"Ask about a later moment; it was opened at {rfc3339(opened_at)}.",
    )


def _too_far(now: datetime) -> Problem:
    return Problem(
        status=422,
        code="too_far_ahead",
        title="Nobody can look so far ahead",
        detail=f"`at` is more than {AHEAD.days} days after now, {rfc3339(instant(now))}",
        do=f"Ask about a moment up to {rfc3339(instant(now + AHEAD))}.",
    )

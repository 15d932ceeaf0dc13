"""Dead letters over HTTP: look at them, replay them, discard them.

Looking is open to whoever reaches the service, like the ledger itself; changing asks for an operator
(`operators`), who says who they are and why.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from services.notifier.answers import ActDone, Cause, DeadRecord, Letter, Letters, Result
from services.notifier.api import NO_NUL, Cursor, Limit, Ticket, bad_cursor, page, with_attempts
from services.notifier.letters import (
    RECORD,
    Act,
    NoDeadLetterError,
    NotReplayableError,
    Office,
    delivery_id_of,
    number_of,
)
from services.notifier.operators import REFUSED, Operators
from services.notifier.store_letters import acts_on, record_of, unsettled_records
from services.notifier.store_reading import decision_of, delivery_of
from shared.runtime.database import Connection
from shared.runtime.health import Problem
from shared.runtime.questions import only_known

Kind = Annotated[
    Literal["notice", "record"],
    Query(description="Notices that were given up, or records that nobody could read."),
]
Why = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=NO_NUL,
        description="Only letters whose `why` is this word, such as smtp_552.",
    ),
]


class ActBody(BaseModel):
    """Who acts, and why; kept for ever."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    actor: str = Field(min_length=1, max_length=200, pattern=NO_NUL, description="A person's name.")
    reason: str = Field(
        min_length=1, max_length=2000, pattern=NO_NUL, description="Why, in their own words."
    )


def letter_routes(office: Office, operators: Operators) -> APIRouter:
    """Return the routes on the dead letters of *office*; *operators* says who may change them."""
    router = APIRouter(
        prefix="/v1/dead-letters", tags=["dead letters"], dependencies=[Depends(only_known)]
    )
    _add_looking(router, office)
    _add_acting(router, office, operators)
    return router


def _add_looking(router: APIRouter, office: Office) -> None:
    @router.get("", responses={400: {"description": "Not a cursor of ours."}})
    async def read_letters(
        kind: Kind = "notice",
        ticket: Ticket = None,
        why: Why = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Letters:
        """Return dead letters that nobody has dealt with, newest first.

        A record that cannot be read belongs to no ticket: with `ticket` there is none.
        """
        async with office.database.transaction() as conn:
            if kind == "record":
                if ticket is not None:
                    return Letters(letters=[], cursor=None)
                return await _records(conn, why, cursor, limit)
            found = await page(
                conn, ticket=ticket, state="dead", why=why, cursor=cursor, limit=limit
            )
            return Letters(letters=await _notices(conn, found.rows), cursor=found.cursor)

    @router.get("/{letter}", responses={404: {"description": "There is none."}})
    async def read_letter(letter: str) -> Letter:
        """Return one dead letter, also after somebody has dealt with it."""
        async with office.database.transaction() as conn:
            found = await _found(conn, letter)
        if found is None:
            raise _not_there(letter)
        return found


def _add_acting(router: APIRouter, office: Office, operators: Operators) -> None:
    async def operator(authorization: Annotated[str | None, Header()] = None) -> None:
        operators.check(authorization)

    @router.post(
        "/{letter}/replay",
        dependencies=[Depends(operator)],
        responses={
            **REFUSED,
            404: {"description": "There is none."},
            409: {"description": "In vain."},
        },
    )
    async def replay(letter: str, body: ActBody) -> Result:
        """Try it again, under the same id."""
        try:
            said = await office.replay(letter, Act(body.actor, body.reason))
        except NoDeadLetterError as error:
            raise _not_there(letter) from error
        except NotReplayableError as error:
            raise Problem(
                status=409,
                code="not_replayable",
                title="Replaying would be in vain",
                detail=str(error),
                do="Mend that first, or discard the letter.",
            ) from error
        return Result(id=letter, result=said)

    @router.post(
        "/{letter}/discard",
        dependencies=[Depends(operator)],
        responses={**REFUSED, 404: {"description": "There is none."}},
    )
    async def discard(letter: str, body: ActBody) -> Result:
        """Give it up for good."""
        try:
            said = await office.discard(letter, Act(body.actor, body.reason))
        except NoDeadLetterError as error:
            raise _not_there(letter) from error
        return Result(id=letter, result=said)


async def _found(conn: Connection, letter: str) -> Letter | None:
    try:
        if letter.startswith(RECORD):
            row = await record_of(conn, number_of(letter))
            return None if row is None else (await _shown_records(conn, [row]))[0]
        found = await delivery_of(conn, delivery_id_of(letter))
    except NoDeadLetterError:
        return None
    if found is None or not (found["state"] == "dead" or await acts_on(conn, [letter])):
        return None
    cause = await decision_of(conn, found["decision_id"])
    shown = (await _notices(conn, [found]))[0]
    return shown.model_copy(update={"decision": Cause.model_validate(dict(cause))})


async def _notices(conn: Connection, rows: Sequence[Mapping[Any, Any]]) -> list[Letter]:
    acts = await acts_on(conn, [str(row["id"]) for row in rows])
    return [
        Letter(
            id=str(one.id),
            kind="notice",
            why=one.reason or one.last_error or one.state,
            at=one.planned_at,
            delivery=one,
            acts=[ActDone.model_validate(dict(act)) for act in acts.get(str(one.id), ())],
        )
        for one in await with_attempts(conn, rows)
    ]


async def _records(conn: Connection, why: str | None, cursor: str | None, limit: int) -> Letters:
    try:
        below = None if cursor is None else number_of(cursor)
    except NoDeadLetterError as error:
        raise bad_cursor() from error
    rows = await unsettled_records(conn, why=why, below=below, limit=limit + 1)
    more = f"{RECORD}{rows[limit - 1]['id']}" if len(rows) > limit else None
    return Letters(letters=await _shown_records(conn, rows[:limit]), cursor=more)


async def _shown_records(conn: Connection, rows: Sequence[Mapping[Any, Any]]) -> list[Letter]:
    acts = await acts_on(conn, [f"{RECORD}{row['id']}" for row in rows])
    return [
        Letter(
            id=f"{RECORD}{row['id']}",
            kind="record",
            why=row["error_class"],
            at=row["created_at"],
            record=DeadRecord.model_validate(
                {**row, "text": (row["raw"] or b"").decode(errors="backslashreplace")}
            ),
            acts=[ActDone.model_validate(dict(a)) for a in acts.get(f"{RECORD}{row['id']}", ())],
        )
        for row in rows
    ]


def _not_there(letter: str) -> Problem:
    return Problem(
        status=404,
        code="no_dead_letter",
        title="There is no such dead letter",
        detail=f"{letter!r} is none, or somebody has dealt with it already",
        do="List them: `tierline dead-letters list`, or GET /v1/dead-letters, also with kind=record.",
    )

"""Acts of people over HTTP: plain JSON in, refused at once where it can be, else into the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic_core import to_json

from services.intake import problems
from services.intake.access import Access
from services.intake.core.acts import (
    ACTS,
    NoTicketError,
    RefusedActError,
    UnknownActError,
    act_event,
    draft_event,
)
from services.intake.core.callers import Caller
from services.intake.core.limits import MAX_EVENT_BYTES, parse
from services.intake.core.report import Accepted, accept
from services.intake.events import published, read_body, stamp
from services.intake.foresight import Foresight
from services.intake.ingest import Ingest
from shared.access.keys import Scope
from shared.contract.decisions import RefusalCode
from shared.contract.errors import InvalidEventError
from shared.contract.judgements import Refused
from shared.runtime.clock import new_id
from shared.runtime.kafka import Landed
from shared.runtime.problems import Problem

_AT_ONCE: Final = frozenset(
    {
        RefusalCode.MISSING_INFORMATION,
        RefusalCode.NOT_PERMITTED,
        RefusalCode.TIER_SKIP_NOT_ALLOWED,
        RefusalCode.APPROVAL_BY_SELF,
        RefusalCode.APPROVAL_EXPIRED,
    }
)
"""What a right or a form decides. Everything else depends on what others do at the same time: it is
decided in the order of the log, and stays there as a remark."""

_JSON: Final = "application/json"
_WAIT_MS: Final = 2000
_DOCUMENTED: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
            "description": "The act's id where the body has none; the same id is the same act.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {
                "schema": {
                    "type": "object",
                    "title": "Act",
                    "required": ["type"],
                    "properties": {
                        "type": {"type": "string", "enum": list(ACTS)},
                        "id": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
                        "time": {"type": "string", "format": "date-time"},
                        "by": {"type": "string"},
                        "role": {"type": "string"},
                    },
                    "description": "`type`, and beside it the keys of that event's data.",
                },
                "example": {
                    "type": "escalation.acknowledged",
                    "by": "tess",
                    "role": "t2_specialist",
                },
            }
        },
    },
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    202: {"description": "Every in-sync replica has it: act_id, and where its fate is read."},
    400: {"description": "Not JSON."},
    401: {"description": "No known API key or token."},
    403: {"description": "Not this caller's source, person or role; or the policy forbids it."},
    404: {"description": "The address names no ticket."},
    408: {"description": "The body did not arrive."},
    413: {"description": "Larger than allowed."},
    415: {"description": "Not JSON by its content type."},
    422: {"description": "No such act, or something is missing: `missing` says what and why."},
    429: {"description": "More than this caller's share."},
    503: {"description": "Kafka does not take it just now; send it again with the same id."},
}

Key = Annotated[
    str,
    Path(max_length=1100, pattern=r"^[^\x00]*$", description="source:ticket, such as desk:INC7."),
]


@dataclass(frozen=True, slots=True)
class Acts:
    """What taking acts needs.

    Attributes:
        access: The door.
        ingest: The way into the log of record.
        drafts: The same way, for forms that were refused.
        foresight: What the escalator would say.
        now: The time, virtual.
    """

    access: Access
    ingest: Ingest
    drafts: Ingest
    foresight: Foresight
    now: Callable[[], datetime]

    async def take(self, key: str, request: Request) -> dict[str, Any]:
        """Publish the act in *request* on the ticket *key*, and return the receipt.

        Raises:
            Problem: Who sends it may not, it would be refused, or Kafka is away.
        """
        caller = await self.access.admit(
            request.headers.get("authorization"), request.scope["client"], Scope.ACT, Scope.INGEST
        )
        body = await _body(request)
        received_at = stamp(self.now())
        event = _event(body, key, caller, request.headers.get("idempotency-key"))
        if not caller.speaks_for(event["source"]):
            raise problems.foreign_ticket(event["source"], caller)
        act = _accepted(event, received_at)
        self.access.count(caller, 1)
        judgement = await self.foresight.judge(act.value)
        if judgement is not None and judgement.refused is not None:
            refused = judgement.refused
            if refused.code in _AT_ONCE:
                raise await self._refusal(event, refused, received_at)
        (landed,) = await published(self.ingest, [act])
        checked = judgement is not None and judgement.version > 0
        return _receipt(act, landed, received_at, checked=checked)

    async def _refusal(self, event: dict[str, Any], refused: Refused, received_at: str) -> Problem:
        detail = f"{event['type']} by {event['data'].get('by')}: {refused.code.replace('_', ' ')}"
        if refused.code != RefusalCode.MISSING_INFORMATION:
            return problems.refused_act(detail, refused)
        draft = _accepted(draft_event(event, refused), received_at)
        try:
            await published(self.drafts, [draft])
        except Problem:
            # The list is what the person needs; the form is in the answer, and at the sender.
            return problems.refused_act(detail, refused, draft={"id": None, "form": event["data"]})
        return problems.refused_act(
            detail, refused, draft={"id": draft.id, "form": event["data"], **_fate(draft.id)}
        )


def act_routes(acts: Acts) -> APIRouter:
    """Return the route of acts."""
    router = APIRouter(prefix="/v1", tags=["acts"])

    @router.post(
        "/tickets/{key:path}/acts", status_code=202, responses=_ANSWERS, openapi_extra=_DOCUMENTED
    )
    async def post_act(key: Key, request: Request) -> Response:
        """Take what a person does to a case: ask, acknowledge, return, decline, flag, …."""
        return Response(to_json(await acts.take(key, request)), 202, media_type=_JSON)

    return router


async def _body(request: Request) -> object:
    kind, _, _ = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != _JSON:
        # A form of another site could be posted without asking; this cannot.
        raise problems.not_json_by_type()
    announced = request.headers.get("content-length")
    body = await read_body(
        None if announced is None else announced.encode(), request.receive, MAX_EVENT_BYTES
    )
    try:
        return parse(body)
    except InvalidEventError as error:
        raise problems.invalid(error) from None


def _event(body: object, key: str, caller: Caller, idempotency_key: str | None) -> dict[str, Any]:
    # Not derived from what it says: two acts that say the same are two, unless they have one id.
    act_id = idempotency_key or f"act-{new_id()}"
    try:
        return act_event(body, key, caller, act_id)
    except NoTicketError as error:
        raise problems.no_ticket(error) from None
    except UnknownActError as error:
        raise problems.unknown_act(error, ACTS) from None
    except InvalidEventError as error:
        raise problems.invalid(error) from None
    except RefusedActError as error:
        raise problems.refused_act(str(error), error.refused) from None


def _accepted(event: dict[str, Any], received_at: str) -> Accepted:
    try:
        return accept(event, received_at=received_at)
    except InvalidEventError as error:
        raise problems.invalid(error) from None


def _receipt(act: Accepted, landed: Landed, received_at: str, *, checked: bool) -> dict[str, Any]:
    after = f"{landed.partition}:{landed.offset}"
    return {
        "act_id": act.id,
        "ticket": act.ticket,
        "partition": landed.partition,
        "offset": landed.offset,
        "received_at": received_at,
        "checked": checked,
        **_fate(act.id, f"?after={after}&wait_ms={_WAIT_MS}"),
    }


def _fate(act_id: str, query: str = "") -> dict[str, str]:
    return {"fate": f"/v1/acts/{act_id}{query}"}

"""Policies over HTTP: check one, activate one. The body is the file itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime
from pydantic_core import to_json

from services.intake import problems
from services.intake.access import ANONYMOUS, Access
from services.intake.core.activation import Wish, activation
from services.intake.core.callers import Caller
from services.intake.core.report import Accepted, IdFrom
from services.intake.ingest import Ingest
from shared.access.keys import Scope
from shared.contract.envelope import encode, headers
from shared.contract.errors import InvalidEventError, TransientError
from shared.contract.policies import MAX_POLICY_BYTES, PolicyActivated, PolicyEvent, decode_policy
from shared.contract.times import EPOCH
from shared.policy.report import Report, report_on
from shared.policy.succession import RefusedActivationError
from shared.runtime.kafka import (
    Incoming,
    Landed,
    PublisherBrokenError,
    PublishFailedError,
    read_whole,
)
from shared.runtime.problems import Problem
from shared.runtime.settings import KafkaAccess

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string", "maxLength": MAX_POLICY_BYTES}}
        },
    }
}
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "No known API key."},
    403: {"description": "Not this key's scope."},
    413: {"description": "Larger than a policy may be."},
    429: {"description": "Too many guesses."},
}
_ACTIVATED: Final[dict[int | str, dict[str, Any]]] = {
    202: {"description": "Every in-sync replica has it: version, digest, active_from, offset."},
    409: {"description": "The number is taken or too low, or another version begins later."},
    422: {"description": "No policy that could be activated; `errors` has every line."},
    503: {"description": "Kafka does not take it just now; send it again."},
    **_REFUSED,
}
_FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)
_SHORT: Final = r"^[^\x00-\x1f\x7f]*$"


@dataclass(slots=True)
class Policies:
    """What activating policies needs.

    Attributes:
        access: The door.
        ingest: The way into the topic of policies.
        kafka: How to reach Kafka, to read what was activated so far.
        topic: The full name of that topic.
        now: The time, virtual.
    """

    access: Access
    ingest: Ingest
    kafka: KafkaAccess
    topic: str
    now: Callable[[], datetime]
    # A check is half a second of computing: one at a time leaves the rest to events. The same for
    # two activations at once, of which the second has to see the first.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, request: Request) -> dict[str, Any]:
        """Return the report on the policy in *request*.

        Raises:
            Problem: The key may not, or the body is too large.
        """
        await self._admit(request, Scope.READ)
        text = await _text(request)
        async with self._turn:
            return (await asyncio.to_thread(report_on, text)).document()

    async def activate(self, request: Request, wish: Wish) -> dict[str, Any]:
        """Publish the activation of the policy in *request*, and return the receipt.

        Raises:
            Problem: The key may not, the policy cannot be activated, or Kafka is away.
        """
        key = await self._admit(request, Scope.ADMIN)
        text = await _text(request)
        async with self._turn:
            report = await asyncio.to_thread(report_on, text)
            if report.policy is None:
                raise _broken(report)
            try:
                known = await self._known()
                wish = Wish(wish.active_from, wish.by or _holder(key), wish.note)
                said = [event.data for _, event in known]
                event = activation(report.policy, wish, self.now(), said)
                if event is None:
                    offset, event = next(
                        one for one in known if one[1].data.version == report.policy.version
                    )
                    return _receipt(report, event.data, Landed(0, offset), repeated=True)
                (landed,) = await self.ingest.take([_accepted(event)])
            except RefusedActivationError as error:
                raise _refused(error) from error
            except TransientError as error:
                raise problems.away(error) from error
            except PublisherBrokenError as error:
                # The process ends over it; the sender's remedy is the same.
                raise problems.away(PublishFailedError(str(error))) from error
        return _receipt(report, event.data, landed, repeated=False)

    async def _admit(self, request: Request, scope: Scope) -> Caller:
        authorization = request.headers.get("authorization")
        return await self.access.admit(authorization, request.scope["client"], scope)

    async def _known(self) -> list[tuple[int, PolicyEvent]]:
        """Return every activation so far with its offset; of one version, the first counts."""
        first: dict[int, tuple[int, PolicyEvent]] = {}
        for record in await read_whole(self.kafka, self.topic):
            event = _decoded(record)
            if event is not None:
                first.setdefault(event.data.version, (record.offset, event))
        return list(first.values())


def routes(policies: Policies) -> APIRouter:
    """Return the routes for policies."""
    router = APIRouter(prefix="/v1/policies", tags=["policies"])

    @router.post("/check", responses=_REFUSED, openapi_extra=_BODY)
    async def check(request: Request) -> dict[str, Any]:
        """Say everything that is wrong with a policy; nothing is changed."""
        return await policies.check(request)

    @router.post("", status_code=202, responses=_ACTIVATED, openapi_extra=_BODY)
    async def activate(
        request: Request,
        active_from: Annotated[
            AwareDatetime | None,
            Query(ge=EPOCH, lt=_FAR, description="From when it holds; at once where not given."),
        ] = None,
        by: Annotated[
            str | None,
            Query(min_length=1, max_length=256, pattern=_SHORT, description="Who activates it."),
        ] = None,
        note: Annotated[
            str | None,
            Query(min_length=1, max_length=256, pattern=_SHORT, description="Why, in a sentence."),
        ] = None,
    ) -> Response:
        """Activate a policy version; the same version again changes nothing and is 202 too."""
        receipt = await policies.activate(request, Wish(active_from, by, note))
        return Response(to_json(receipt), 202, media_type="application/json")

    return router


async def _text(request: Request) -> bytes:
    text = await request.body()
    if len(text) > MAX_POLICY_BYTES:
        raise problems.body_too_large(MAX_POLICY_BYTES)
    return text


def _holder(caller: Caller) -> str | None:
    return None if caller.name == ANONYMOUS.name else caller.person or caller.name


def _decoded(record: Incoming) -> PolicyEvent | None:
    try:
        return decode_policy(record.value, record.headers)
    except InvalidEventError:
        return None  # whoever applies the topic parks it and says so


def _accepted(event: PolicyEvent) -> Accepted:
    return Accepted(event.id, IdFrom.DERIVED, event.subject, encode(event), headers(event))


def _receipt(
    report: Report, said: PolicyActivated, landed: Landed, *, repeated: bool
) -> dict[str, Any]:
    return {
        "name": said.name,
        "version": said.version,
        "digest": said.digest,
        "active_from": said.active_from,
        "partition": landed.partition,
        "offset": landed.offset,
        "repeated": repeated,
        "warnings": report.document()["warnings"],
    }


def _broken(report: Report) -> Problem:
    told = report.document()
    return problems.refused(
        status=422,
        code="policy_invalid",
        title="The policy cannot be activated",
        detail=f"errors: {len(report.errors)}; the first: {report.errors[0].text('policy')}",
        do="Correct what `errors` names by line and key; POST /v1/policies/check says it again.",
        extra={"errors": told["errors"], "warnings": told["warnings"]},
    )


def _refused(error: RefusedActivationError) -> Problem:
    return problems.refused(
        status=422 if error.code == "activation_in_the_past" else 409,
        code=error.code,
        title="This version cannot be activated so",
        detail=error.message,
        do=error.do,
    )

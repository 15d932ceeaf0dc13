"""Policies over HTTP: which hold and have held, and what a new one would change. Only reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime
from pydantic_core import to_json

from services.escalator.core.preview import preview, proposed
from services.escalator.policies import Policies
from services.escalator.store import Turn, begin_turn, share_policies
from services.escalator.store_open import Page, count_open, open_page
from services.escalator.store_policies import Held, read_history, read_text
from shared.contract.policies import MAX_POLICY_BYTES
from shared.contract.times import EPOCH, Instant, instant, rfc3339
from shared.policy.difference import difference
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.report import report_on
from shared.runtime.database import Database
from shared.runtime.health import Problem, retry_after

NDJSON: Final = "application/x-ndjson"
_FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)
_PAGE: Final = 200
# Deciding is computing: every so many cases the engine has its turn.
_CASES_AT_A_STRETCH: Final = 3

_AWAY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"description": "The database is away, or another preview is under way; try again."}
}
_ONE: Final = {**_AWAY, 404: {"description": "No such version was ever activated."}}
_PREVIEWED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {NDJSON: {}},
        "description": "One JSON a line: `begin`, then `case` for each that would change and"
        " `progress` after each page, and `end` if all were looked at.",
    },
    413: {"description": "Larger than a policy may be."},
    422: {"description": "No policy that could be activated; `errors` has every line."},
    **_AWAY,
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string", "maxLength": MAX_POLICY_BYTES}}
        },
    }
}


@dataclass(slots=True)
class History:
    """The versions that this escalator decides by.

    Attributes:
        database: The escalator's own.
        policies: What this process knows of them.
    """

    database: Database
    policies: Policies
    _summaries: dict[int, str] = field(default_factory=dict)
    _previewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def all(self) -> dict[str, Any]:
        """Return every version, the newest first, and which one is in force."""
        now, timeline, held = await self._known()
        return {
            "at": rfc3339(instant(now)),
            "active": timeline.at(instant(now)).version,
            "policies": [await self._told(one, held, timeline) for one in held],
        }

    async def one(self, which: str) -> dict[str, Any]:
        """Return the version *which*, a number or `active`, with its text.

        Raises:
            Problem: There is none.
        """
        now, timeline, held = await self._known()
        number = timeline.at(instant(now)).version if which == "active" else int(which)
        found = next((one for one in held if one.version == number), None)
        if found is None:
            raise _unknown(number, held)
        async with self.database.transaction() as conn:
            text = await read_text(conn, number)
        return {**await self._told(found, held, timeline), "text": text}

    async def preview(
        self, policy: Policy, active_from: datetime | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield what *policy* would change for each open case, were it activated.

        The engine goes on meanwhile: cases are read without a lock, a page at a time, and a few
        are thought through at a stretch.
        """
        async with self._previewing:
            looked_at = changed = 0
            turn, count = await self._beginning()
            if not turn.epoch:
                raise _unsettled()
            now = instant(turn.now)
            at = Instant(max(now + 1, now if active_from is None else instant(active_from)))
            yield _begins(policy, await self.policies.known(turn.epoch), at, count)
            after: str | None = ""
            while after is not None:
                epoch, page = await self._page(after)
                # Another version may be activated meanwhile, and cases opened under it.
                timeline = await self.policies.known(epoch)
                new = proposed(timeline, policy, at)
                for n, case in enumerate(page.cases, start=1):
                    if n % _CASES_AT_A_STRETCH == 0:
                        await asyncio.sleep(0)
                    looked_at += case.is_open
                    found = preview(case, timeline, new, at)
                    if found is not None:
                        changed += 1
                        yield {"type": "case", **found.document()}
                after = page.last
                kind = "end" if after is None else "progress"
                yield {"type": kind, "looked_at": looked_at, "changed": changed}

    @property
    def is_previewing(self) -> bool:
        """Whether a preview is under way."""
        return self._previewing.locked()

    async def _known(self) -> tuple[datetime, PolicyTimeline, list[Held]]:
        async with self.database.transaction() as conn:
            # In this order: a version may be recorded in between, and what is listed must be known.
            held = await read_history(conn)
            turn = await begin_turn(conn)
        if not held:
            raise _unsettled()
        return turn.now, await self.policies.known(turn.epoch), held

    async def _beginning(self) -> tuple[Turn, int]:
        async with self.database.transaction() as conn:
            return await begin_turn(conn), await count_open(conn)

    async def _page(self, after: str) -> tuple[int, Page]:
        async with self.database.transaction() as conn:
            await share_policies(conn)
            turn = await begin_turn(conn)
            return turn.epoch, await open_page(conn, after, most=_PAGE)

    async def _told(
        self, one: Held, held: Sequence[Held], timeline: PolicyTimeline
    ) -> dict[str, Any]:
        before = max((other.version for other in held if other.version < one.version), default=None)
        if before is not None and one.version not in self._summaries:
            await asyncio.sleep(0)
            told = difference(timeline.version(before), timeline.version(one.version))
            self._summaries[one.version] = told.summary()
        return {**one._asdict(), "changes": self._summaries.get(one.version)}


def policy_routes(history: History) -> APIRouter:
    """Return the routes on the versions of *history*."""
    router = APIRouter(prefix="/v1/policies", tags=["policies"])

    @router.get("", responses=_AWAY)
    async def versions() -> dict[str, Any]:
        """List every version, the newest first: since when, by whom, and what changed."""
        return await history.all()

    @router.get("/{version}", responses=_ONE)
    async def version(
        version: Annotated[
            str, Path(pattern=r"^(active|[1-9]\d{0,8})$", description="A number, or `active`.")
        ],
    ) -> dict[str, Any]:
        """Return one version with its whole text."""
        return await history.one(version)

    @router.post(
        "/preview", responses=_PREVIEWED, openapi_extra=_BODY, response_class=StreamingResponse
    )
    async def previewed(
        request: Request,
        active_from: Annotated[
            AwareDatetime | None,
            Query(ge=EPOCH, lt=_FAR, description="From when it would hold; default: now."),
        ] = None,
    ) -> StreamingResponse:
        """Say for which open cases deadlines or people would change; nothing is changed by it."""
        if history.is_previewing:
            raise _busy()
        report = await asyncio.to_thread(report_on, await _text(request))
        if report.policy is None:
            told = report.document()
            raise Problem(
                status=422,
                code="policy_invalid",
                title="The policy could not be activated",
                detail=f"errors: {len(report.errors)}; the first: {report.errors[0].text('policy')}",
                do="Correct what `errors` names by line and key.",
                extra={"errors": told["errors"], "warnings": told["warnings"]},
            )
        lines = history.preview(report.policy, active_from)
        # Asked for before anything is said, so that an error is still one.
        first = await anext(lines)
        return StreamingResponse(_lines(first, lines), media_type=NDJSON)

    return router


async def _lines(
    first: dict[str, Any], rest: AsyncIterator[dict[str, Any]]
) -> AsyncIterator[bytes]:
    yield to_json(first) + b"\n"
    async for one in rest:
        yield to_json(one) + b"\n"


async def _text(request: Request) -> bytes:
    text = await request.body()
    if len(text) > MAX_POLICY_BYTES:
        raise Problem(
            status=413,
            code="too_large",
            title="The body is larger than allowed",
            detail=f"more than {MAX_POLICY_BYTES} bytes",
            do=f"A policy has at most {MAX_POLICY_BYTES} bytes.",
        )
    return text


def _begins(policy: Policy, timeline: PolicyTimeline, at: Instant, count: int) -> dict[str, Any]:
    return {
        "type": "begin",
        "at": rfc3339(at),
        "policy": policy.reference,
        "active": timeline.at(at).reference,
        "to_look_at": count,
    }


def _unknown(number: int, held: Sequence[Held]) -> Problem:
    known = ", ".join(str(one.version) for one in held) or "none"
    return Problem(
        status=404,
        code="unknown_version",
        title="No such version was ever activated",
        detail=f"there is no version {number}; there is: {known}",
        do="Ask GET /v1/policies for the versions that there are.",
    )


def _unsettled() -> Problem:
    return Problem(
        status=503,
        code="no_policy_yet",
        title="It is not settled yet by which policies is decided",
        detail="this escalator has not read the topic of policies to its end so far",
        do="Try again after the seconds that Retry-After names.",
        headers=retry_after(),
    )


def _busy() -> Problem:
    return Problem(
        status=503,
        code="busy",
        title="Another preview is under way",
        detail="previews are made one at a time, so that the engine has its time",
        do="Try again after the seconds that Retry-After names.",
        headers=retry_after(),
    )

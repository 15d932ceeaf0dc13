"""Reviews beside the board: the folder that `tierline review --into` writes into, as it is.

To reckon a month is minutes of a processor on a large desk, so it is no question's business: a job
makes the review once, and here it is read.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field
from pydantic_core import from_json

from services.tracker.access import Access, Who, for_all
from services.tracker.api import REFUSALS
from services.tracker.examples import problem
from services.tracker.replies import Reply
from shared.runtime.problems import Problem
from shared.runtime.questions import only_known

_MONTH: Final = r"^\d{4}-(0[1-9]|1[0-2])$"
_STYLE: Final = re.compile(rb"<style>(.*?)</style>", re.DOTALL)
_POLICY: Final = (
    "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {
    404: problem("no_review", "Nobody has made a review of that month here.")
}

Month = Annotated[str, Path(pattern=_MONTH)]


class ReviewOfMonth(Reply):
    """The review of a month, as it was made."""

    month: str = Field(examples=["2026-10"])
    made_at: datetime
    others: list[str] = Field(description="Months of which there is a review too, newest first.")
    review: dict[str, Any] = Field(description="What `tierline review --json` prints.")


class Made(NamedTuple):
    """A review that is there: of which month, and when it was made."""

    month: str
    at: datetime


class Reviews:
    """The reviews in a folder; there are none where it is None or does not exist."""

    def __init__(self, folder: FilePath | None) -> None:
        self._folder = folder

    async def made(self) -> list[Made]:
        """Return the reviews that are there, the newest month first."""
        return await asyncio.to_thread(self._made)

    async def numbers(self, month: str) -> Mapping[str, Any]:
        """Return what the review of *month* says, for programs.

        Raises:
            Problem: 404.
        """
        found: Mapping[str, Any] = from_json(await self._read(f"{month}.json"))
        return found

    async def page(self, month: str) -> bytes:
        """Return the page of the review of *month*.

        Raises:
            Problem: 404.
        """
        return await self._read(f"{month}.html")

    def _made(self) -> list[Made]:
        if self._folder is None or not self._folder.is_dir():
            return []
        files = sorted(self._folder.glob("*.json"), reverse=True)
        return [
            Made(one.stem, datetime.fromtimestamp(one.stat().st_mtime, UTC))
            for one in files
            if re.match(_MONTH, one.stem)
        ]

    async def _read(self, name: str) -> bytes:
        if self._folder is not None:
            try:
                return await asyncio.to_thread((self._folder / name).read_bytes)
            except FileNotFoundError:
                pass
        raise _none()


def review_routes(reviews: Reviews, access: Access) -> APIRouter:
    """Return the routes that read *reviews*."""
    router = APIRouter(dependencies=[Depends(access.let_in)])

    @router.get(
        "/v1/review",
        tags=["read"],
        dependencies=[Depends(only_known)],
        responses={**_NOT_FOUND, **REFUSALS},
    )
    async def of_month(
        reader: Who,
        month: Annotated[
            str | None, Query(pattern=_MONTH, description="By default the newest that was made.")
        ] = None,
    ) -> ReviewOfMonth:
        """Give the numbers of a month's review, which `tierline review --into` has made."""
        for_all(reader)
        made = {one.month: one.at for one in await reviews.made()}
        wanted = month or next(iter(made), None)
        if wanted is None or wanted not in made:
            raise _none()
        others = [one for one in made if one != wanted]
        said = dict(await reviews.numbers(wanted))
        return ReviewOfMonth(month=wanted, made_at=made[wanted], others=others, review=said)

    @router.get("/review/{month}", include_in_schema=False)
    async def page(reader: Who, month: Month) -> Response:
        for_all(reader)
        whole = await reviews.page(month)
        (style,) = _STYLE.findall(whole) or (b"",)
        digest = b64encode(sha256(style).digest()).decode()
        headers = {
            "content-security-policy": _POLICY.format(digest=digest),
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }
        return Response(whole, media_type="text/html", headers=headers)

    return router


def _none() -> Problem:
    return Problem(
        status=404,
        code="no_review",
        title="No such review",
        detail="nobody has made a review of that month here",
        do="Make it: tierline review --month 2026-10 --into the folder that TRACKER_REVIEWS names.",
    )

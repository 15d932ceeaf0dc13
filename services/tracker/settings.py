"""The tracker's settings, each read from ``TRACKER_<NAME>``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from annotated_types import Gt
from pydantic import Field

from shared.runtime.settings import DatabaseSettings

Positive = Annotated[timedelta, Gt(timedelta(0))]


class Settings(DatabaseSettings):
    """What the tracker is told."""

    prefix = "TRACKER_"

    http_port: int = Field(
        default=8084, ge=0, le=65535, description="The port; 0 takes a free one."
    )
    handbook: Path | None = Field(
        default=None,
        description="Folder that `tierline handbook build` wrote; it is served under `/handbook`.",
    )
    reviews: Path | None = Field(
        default=None,
        description="Folder that `tierline review --into` writes into; it is served under `/review`.",
    )
    late_after: Positive = Field(
        default=timedelta(seconds=1),
        description="Real time after which a decision counts as late, such as PT1S.",
    )
    readers: int = Field(
        default=5, gt=0, le=100, description="Database connections for answering questions."
    )
    stats_age: Positive = Field(
        default=timedelta(seconds=1), description="How old, in real time, answered sums may be."
    )
    board_refresh: Positive = Field(
        default=timedelta(seconds=15), description="How often the pages load themselves anew."
    )
    escalator_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where the escalator is; it is asked why, and what comes next.",
    )
    intake_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where intake is; acts from the pages are handed on to it.",
    )
    keys_file: Path | None = Field(
        default=None,
        description="The file of API keys; without one everybody may read who reaches it.",
    )
    rate_per_s: float = Field(
        default=500, gt=0, description="Questions a second of one key, or of one address."
    )
    rate_burst: float = Field(default=2000, ge=1, description="Questions of one at once.")
    watchdog_grace: Positive = Field(
        default=timedelta(seconds=8),
        description="Real time after which what should have happened is an alarm, such as PT8S.",
    )

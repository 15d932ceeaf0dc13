"""The last body of each source, for who sets a helpdesk up; in memory, and nothing secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.core.hooks.redaction import redacted, shown_headers
from services.intake.core.hooks.shape import HookMapping
from services.intake.core.hooks.telling import Story
from services.intake.core.hooks.unread import unread


@dataclass(frozen=True, slots=True)
class Last:
    """What came last from a source.

    Attributes:
        at: When it reached us.
        headers: Of the request, as they may be shown.
        body: As it may be shown.
        story: What was told of it.
        unread: Places that the mapping does not read.
    """

    at: datetime
    headers: Mapping[str, str]
    body: Any
    story: Story
    unread: Sequence[str]


class Latest:
    """The last body of each source since this process began; other processes have their own."""

    def __init__(self) -> None:
        self._by_source: dict[str, Last] = {}

    def note(
        self,
        source: str,
        at: datetime,
        headers: Mapping[str, str],
        body: Any,
        told: tuple[HookMapping, Story],
    ) -> None:
        """Remember what came from *source*, and what was *told* of it by which mapping."""
        mapping, story = told
        bodies = body if mapping.batch and isinstance(body, list) else [body]
        places = dict.fromkeys(place for one in bodies for place, _ in unread(mapping, one))
        self._by_source[source] = Last(
            at, shown_headers(headers), redacted(body), story, tuple(places)
        )

    def of(self, source: str) -> Last | None:
        """Return what came last from *source*; None where nothing has."""
        return self._by_source.get(source)

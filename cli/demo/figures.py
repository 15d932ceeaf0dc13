"""What the services say of themselves while the demo runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2


@dataclass(frozen=True, slots=True)
class Figures:
    """The tracker's sums (`/v1/stats`), as far as the demo shows them.

    Attributes:
        tiers: Open tickets by tier.
        open: Open tickets.
        total: All tickets.
        raised: Escalations raised.
        triggers: Those by trigger.
        notices: Notices by state.
        suppressed: Why those that were never sent were not.
        promises: By promise, how many were `met` and `breached`.
        events: Events that are in the read model.
        decisions: Decisions that are in it.
        late: Decisions made more than a real second late.
        gaps: Tickets of which a version is missing.
        dead: Records that nobody could read.
        lag_ms: How far the read model is behind, real milliseconds; None until it knows.
    """

    tiers: Mapping[str, int] = field(default_factory=dict)
    open: int = 0
    total: int = 0
    raised: int = 0
    triggers: Mapping[str, int] = field(default_factory=dict)
    notices: Mapping[str, int] = field(default_factory=dict)
    suppressed: Mapping[str, int] = field(default_factory=dict)
    promises: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    events: int = 0
    decisions: int = 0
    late: int = 0
    gaps: int = 0
    dead: int = 0
    lag_ms: int | None = None


async def read_figures(client: httpx2.AsyncClient, tracker_url: str) -> Figures | None:
    """Return the figures of now; None while the tracker does not answer.

    Raises:
        httpx2.HTTPStatusError: It answers, and refuses.
    """
    try:
        answer = await client.get(f"{tracker_url}/v1/stats")
    except httpx2.TransportError:
        return None
    if answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
        return None
    answer.raise_for_status()
    return figures_of(answer.json())


def figures_of(stats: Mapping[str, Any]) -> Figures:
    """Return the figures in an answer of `/v1/stats`."""
    return Figures(
        tiers=stats["tickets"]["by_tier"],
        open=stats["tickets"]["open"],
        total=stats["tickets"]["total"],
        raised=stats["escalations"]["raised"],
        triggers=stats["escalations"]["by_trigger"],
        notices=stats["notices"],
        suppressed=stats["suppressed"],
        promises=stats["promises"],
        events=stats["events"],
        decisions=stats["decisions"],
        late=stats["late_decisions"],
        gaps=stats["tickets_with_gaps"],
        dead=stats["dead_letters"],
        lag_ms=stats["lag_ms"],
    )

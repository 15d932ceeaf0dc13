"""What the pages stand on, and how an answer becomes a page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.tracker.acting import Intake
from services.tracker.core.places import told
from services.tracker.core.wording import late, plain
from services.tracker.dashboard import looks
from services.tracker.dashboard.assets import Asset, read_assets
from services.tracker.desk import Desk
from services.tracker.explaining import Escalator
from services.tracker.freshness import Freshness
from services.tracker.reviews import Reviews
from services.tracker.watchdog import Watchdog
from shared.contract.errors import TransientError
from shared.contract.lengths import hours, span
from shared.contract.sentences import (
    called,
    clock,
    closed_day,
    counted,
    moment,
    sentence,
    target,
    why,
    words,
)
from shared.runtime.health import Problem, retry_after

_TEMPLATES: Final = Path(__file__).parent / "templates"
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "cache-control": "no-store",
    # A form's origin is told to ourselves, and no address to anybody else.
    "referrer-policy": "same-origin",
}

Answer = Callable[[], Awaitable[tuple[dict[str, Any], Freshness | None]]]
"""Returns what a template is given, and how fresh that is."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages stand on.

    Attributes:
        desk: Where they ask.
        escalator: Where they ask why, and what comes next; a page does without where it is away.
        intake: Where acts go.
        refresh: How often, in real time, a page without scripts loads itself anew.
        late_after_s: A decision made more virtual seconds after its effective time is late.
        watchdog: What it sees is on the board.
        has_handbook: Whether the handbook is served here, for cases to point to.
        reviews: What the page of reviews lists.
        assets: What the pages load.
    """

    desk: Desk
    escalator: Escalator
    intake: Intake
    refresh: timedelta
    late_after_s: float
    watchdog: Watchdog
    has_handbook: bool = False
    reviews: Reviews = field(default_factory=lambda: Reviews(None))
    assets: Mapping[str, Asset] = field(default_factory=read_assets)

    async def page(
        self,
        name: str,
        answer: Answer,
        *,
        here: str,
        again: str | None = None,
        live: bool = False,
        still: bool = False,
        status: int = 200,
    ) -> Response:
        """Return the page *name* of *answer*.

        Args:
            name: Its template.
            answer: Asked for what the template is given.
            here: Its address.
            again: The address that shows it anew, where that is another.
            live: Whether it follows what happens.
            still: Whether it has been asked to keep still all the same.
            status: Its status, where all is well.
        """
        following = {
            "live": live,
            "still": still,
            "here": here,
            "again": again or here,
            "place": "",
        }
        try:
            given, freshness = await answer()
        except Problem as problem:
            return self._problem(problem, {**following, "live": False})
        except TransientError:
            return self._problem(_away(), following)
        page = self._rendered(
            name,
            {
                **following,
                **given,
                "place": "" if freshness is None else told(freshness.places),
                "now": None if freshness is None else freshness.now,
                "lag_s": None if freshness is None else freshness.behind_s,
            },
        )
        headers = {**_HEADERS, **({} if freshness is None else freshness.headers())}
        return Response(page, status, headers=headers, media_type="text/html")

    def _problem(self, problem: Problem, following: dict[str, Any]) -> Response:
        given = {**following, "problem": problem, "now": None, "lag_s": None}
        headers = {**_HEADERS, **problem.headers}
        page = self._rendered("problem.html", given)
        return Response(page, problem.status, headers=headers, media_type="text/html")

    def _rendered(self, name: str, given: dict[str, Any]) -> str:
        environment = _environment(self.late_after_s)
        return environment.get_template(name).render(
            assets={name: one.address for name, one in self.assets.items()},
            refresh_s=round(self.refresh.total_seconds()),
            **given,
        )


_ENVIRONMENTS: Final[dict[float, Environment]] = {}


def _environment(late_after_s: float) -> Environment:
    known = _ENVIRONMENTS.get(late_after_s)
    if known is not None:
        return known
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        # Whatever is printed passes here before it is escaped; what is markup by now stays.
        finalize=lambda shown: plain(shown) if type(shown) is str else shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": moment,
        "time": _time,
        "counted": counted,
        "filled": looks.filled,
        "hours": hours,
        "span": span,
        "words": words,
        "target": target,
        "link": looks.link,
        "web": looks.web,
        "due": looks.due,
        "urgency": looks.urgency,
        "step": looks.step,
        "priority": looks.priority,
        "clock": clock,
        "bar": looks.bar,
    }
    environment.globals |= {
        "sentence": sentence,
        "why": why,
        "called": called,
        "closed_day": closed_day,
        "late": lambda data: late(data, late_after_s),
    }
    _ENVIRONMENTS[late_after_s] = environment
    return environment


def _time(at: datetime) -> Markup:
    """Return *at* as people read it in UTC; a script shows it in the reader's own zone."""
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), moment(at))


def _away() -> Problem:
    return Problem(
        status=503,
        code="database_unavailable",
        title="The board is away for a moment",
        detail="its database does not answer",
        do="This page tries again by itself; nothing that was reported is lost.",
        headers=retry_after(),
    )

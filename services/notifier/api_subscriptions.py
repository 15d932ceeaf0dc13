"""Subscriptions over HTTP: who wants to hear what.

Looking is open to whoever reaches the service; changing asks for an operator (`operators`).
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.notifier.api import NO_NUL
from services.notifier.core.subscriptions import (
    TOLD,
    TOLD_BY_DEFAULT,
    TOPIC,
    Quiet,
    Subscription,
)
from services.notifier.operators import REFUSED, Operators
from services.notifier.rosters import Rosters
from services.notifier.schedule_shape import DAYS, parse_only
from services.notifier.store import now
from services.notifier.store_subscriptions import (
    drop_subscription,
    keep_subscription,
    load_subscriptions,
)
from shared.policy.notation import parse_positive_duration, parse_zone
from shared.runtime.database import Database
from shared.runtime.problems import Problem
from shared.runtime.questions import only_known

Topic = Annotated[str, Field(pattern=f"^({TOPIC})$")]
Priority = Literal["P1", "P2", "P3", "P4"]
Mode = Literal["page", "chat", "email", "digest"]
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Its name.")]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuietHours(_Plain):
    """When nothing is to come."""

    zone: str = Field(description="Where the clock is read: Europe/Vienna.")
    hours: dict[str, str] = Field(
        description='`{"weekdays": "18:00-08:00", "weekend": "00:00-24:00"}`'
    )


class SubscriptionBody(_Plain):
    """What is wanted."""

    subscriber: str = Field(description="A person or group of the roster, by key.")
    topics: list[Topic] = Field(
        min_length=1,
        max_length=50,
        description="Any of them is enough: `all`, `tier3`, `severity.S1`, `component.billing`, …",
    )
    events: list[str] = Field(
        default=list(TOLD_BY_DEFAULT), min_length=1, description=f"Some of {', '.join(TOLD)}."
    )
    priorities: list[Priority] = Field(default=[], description="Only these; none: all.")
    mode: Mode = Field(default="email", description="How it is told.")
    every: str | None = Field(
        default=None, description="Bundled: one message at every full `1h`, `24h`; none: at once."
    )
    quiet: QuietHours | None = Field(default=None, description="When nothing is to come.")
    urgent: list[Priority] = Field(
        default=[], description="What neither waits for quiet hours nor for a bundle."
    )
    urgent_mode: Mode = Field(default="page", description="How that is told.")
    actor: str = Field(
        min_length=1, max_length=200, pattern=NO_NUL, description="Who sets it up: a name."
    )


class SubscriptionShown(_Plain):
    """A subscription as it is kept."""

    name: str
    subscriber: str
    topics: list[str]
    events: list[str]
    priorities: list[str]
    mode: str
    every_s: int | None
    quiet: dict[str, Any] | None
    urgent: list[str]
    urgent_mode: str


class SubscriptionsShown(_Plain):
    """All subscriptions."""

    subscriptions: list[SubscriptionShown]


def subscription_routes(database: Database, rosters: Rosters, operators: Operators) -> APIRouter:
    """Return the routes on subscriptions; *operators* says who may change them."""
    router = APIRouter(
        prefix="/v1/subscriptions", tags=["subscriptions"], dependencies=[Depends(only_known)]
    )

    def operator(authorization: Annotated[str | None, Header()] = None) -> None:
        operators.check(authorization)

    guarded = [Depends(operator)]

    @router.get("")
    async def read_subscriptions(
        subscriber: Annotated[str | None, Query(description="Only this one's.")] = None,
    ) -> SubscriptionsShown:
        """Return subscriptions, by name."""
        async with database.transaction() as conn:
            found = await load_subscriptions(conn)
        kept = [one for one in found if subscriber in (None, one.subscriber)]
        return SubscriptionsShown(subscriptions=[_shown(one) for one in kept])

    @router.put(
        "/{name}",
        dependencies=guarded,
        responses={
            **REFUSED,
            201: {"description": "It is new."},
            422: {"description": "Says why."},
        },
    )
    async def keep(name: Name, body: SubscriptionBody, response: Response) -> SubscriptionShown:
        """Subscribe, or change a subscription: 201 when it is new. It counts from the next decision on."""
        wanted = _wanted(name, body, rosters)
        async with database.transaction() as conn:
            new = await keep_subscription(conn, wanted, actor=body.actor, moment=await now(conn))
        response.status_code = 201 if new else 200
        return _shown(wanted)

    @router.delete(
        "/{name}",
        status_code=204,
        dependencies=guarded,
        responses={**REFUSED, 404: {"description": "There is none."}},
    )
    async def drop(name: Name) -> None:
        """Unsubscribe. What is planned already still goes."""
        async with database.transaction() as conn:
            if not await drop_subscription(conn, name):
                raise Problem(
                    status=404,
                    code="no_such_subscription",
                    title="There is no such subscription",
                    detail=f"nothing is kept under {name}",
                    do="Look at GET /v1/subscriptions.",
                )

    return router


def _wanted(name: str, body: SubscriptionBody, rosters: Rosters) -> Subscription:
    if body.subscriber not in rosters.current.contacts:
        msg = f"{body.subscriber!r} is neither a person nor a group of the roster"
        raise _refused(
            msg,
            "Name somebody by their key in the roster, or add them there.",
        )
    unknown = sorted(set(body.events) - set(TOLD))
    if unknown:
        msg = f"{', '.join(unknown)} cannot be subscribed to"
        raise _refused(msg, f"Name {', '.join(TOLD)}.")
    try:
        every = (
            None if body.every is None else timedelta(seconds=parse_positive_duration(body.every))
        )
        quiet = None
        if body.quiet is not None:
            quiet = Quiet(parse_zone(body.quiet.zone), parse_only(body.quiet.hours))
    except ValueError as error:
        raise _refused(
            str(error), 'Write every as "1h", a zone as Europe/Vienna, hours as 18:00-08:00.'
        ) from error
    return Subscription(
        name=name,
        subscriber=body.subscriber,
        topics=tuple(dict.fromkeys(body.topics)),
        events=tuple(dict.fromkeys(body.events)),
        priorities=tuple(body.priorities),
        mode=body.mode,
        every=every,
        quiet=quiet,
        urgent=tuple(body.urgent),
        urgent_mode=body.urgent_mode,
    )


def _refused(detail: str, do: str) -> Problem:
    return Problem(
        status=422,
        code="subscription_refused",
        title="This cannot be subscribed to",
        detail=detail,
        do=do,
    )


def _shown(one: Subscription) -> SubscriptionShown:
    quiet = None
    if one.quiet is not None:
        hours = {DAYS[day]: list(spans) for day, spans in one.quiet.windows.items()}
        quiet = {"zone": one.quiet.zone.key, "hours_s": hours}
    return SubscriptionShown(
        name=one.name,
        subscriber=one.subscriber,
        topics=list(one.topics),
        events=list(one.events),
        priorities=list(one.priorities),
        mode=one.mode,
        every_s=None if one.every is None else int(one.every.total_seconds()),
        quiet=quiet,
        urgent=list(one.urgent),
        urgent_mode=one.urgent_mode,
    )

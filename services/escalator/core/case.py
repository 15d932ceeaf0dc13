"""The case: everything the engine knows of one ticket, as a value that can be stored.

Every instant is a whole number of seconds since 1970-01-01T00:00:00Z (`shared.contract.times`).
A `Case` is never changed in place by its users: `decide` works on a copy and returns it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic_core import from_json, to_json

from shared.contract.times import Instant, Seconds

Share: TypeAlias = int | Fraction
"""An exact number of seconds: whole wherever it can be, a fraction after a change of allowance."""

Order: TypeAlias = tuple[int, int, int]
"""Place in a case's history: effective instant, class (0 source, 1 human, 2 timers), receipt."""

SOURCE_EVENT: Final = 0
HUMAN_ACT: Final = 1
TIMERS: Final = 2
BEGINNING: Final[Order] = (-(2**62), 0, 0)

CLOSED_STATUSES: Final = frozenset({"resolved", "closed", "merged", "cancelled"})


class Timer(NamedTuple):
    """One promise to the customer, as it runs, stands still or has ended.

    `used` is the allowance used up to `since` (running) or for good (otherwise); `due` is the
    earliest instant at which the allowance is used up and `next_at` the next instant at which a
    warning or the breach is due, both None unless running.
    """

    name: str
    calendar: str
    allowance: Seconds
    used: Share
    since: Instant | None
    state: str  # running, paused, met, stopped
    breached: bool = False
    mark: int = 0
    due: Instant | None = None
    next_at: Instant | None = None


class Call(NamedTuple):
    """The next call of an escalation: *mark* seconds of ladder time after the raise."""

    mark: Seconds
    step: int
    due: Instant


class Debt(NamedTuple):
    """Information that an escalation owes, and until when."""

    fields: tuple[str, ...]
    due: Instant


class Escalation(NamedTuple):
    """One open escalation and how far its calls have come."""

    id: str
    track: str
    target: str
    tier: int
    raised_at: Instant
    priority: str
    policy_version: int
    calendar: str
    ack_due: Instant | None
    triggers: tuple[str, ...]
    ladder: str | None  # P1..P4, "exec", or None where the same people are called again
    people: tuple[str, ...]
    mode: str
    renotify: Seconds | None
    called: tuple[tuple[str, Instant], ...]
    step: int = 0
    skipped: Seconds = Seconds(0)
    call: Call | None = None
    debt: Debt | None = None
    acknowledged_by: str | None = None
    acknowledged_role: str | None = None
    acknowledged_at: Instant | None = None
    binding: bool = False

    @property
    def identity(self) -> tuple[str, str, int]:
        """What makes two foldings speak of the same escalation."""
        return (self.track, self.target, self.raised_at)


@dataclass
class Case:
    """The state of one ticket. Copies share everything that is frozen."""

    ticket: str
    version: int = 0
    horizon: Order = BEGINNING
    waiting: int = 0  # events that came before the opening
    opened_at: Instant | None = None
    status: str = "new"
    facts: dict[str, Any] = field(default_factory=dict)
    severity: str = "S3"
    users: int | None = None
    orgs: int | None = None
    share: float | None = None
    org_wide: bool = False
    impact: str = "I1"
    plan: str = "standard"
    vip: bool = False
    region: str | None = None
    promise_version: int = 0
    rules_version: int = 0
    rules_since: Instant = Instant(0)
    priority: str = "P3"
    highest_priority: str = "P4"
    tier: int = 1
    tier_entered: Instant = Instant(0)
    dwell_limit: Seconds | None = None
    dwell_due: Instant | None = None
    dwell_grace: Instant | None = None
    dwell_fired: bool = False
    pauses: tuple[tuple[Instant, Instant | None], ...] = ()
    timers: dict[str, Timer] = field(default_factory=dict)
    escalations: tuple[Escalation, ...] = ()
    flags: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    first_reply_at: Instant | None = None
    last_reply_at: Instant | None = None
    question_at: Instant | None = None
    status_since: Instant | None = None
    waiting_step: int = 0
    waiting_due: Instant | None = None
    resume_at: Instant | None = None
    resolved_at: Instant | None = None
    resolver_tier: int = 1
    exec_base: Instant | None = None
    exec_inform_due: Instant | None = None
    exec_decide_due: Instant | None = None
    exec_informed: bool = False
    exec_decided: bool = False
    reopens: int = 0
    hops: int = 0
    returns: int = 0
    duplicates: int = 0
    retracted: int = 0
    paused_s: int = 0
    withdrawn: tuple[tuple[str, str, int], ...] = ()
    restored: tuple[tuple[tuple[str, str, int], Instant], ...] = ()

    def copy(self) -> Case:
        """Return a copy that can be worked on without changing this one."""
        twin = object.__new__(Case)
        twin.__dict__.update(self.__dict__)
        twin.timers = dict(self.timers)
        return twin

    @property
    def is_open(self) -> bool:
        """Whether the case has been opened and has not ended."""
        return self.opened_at is not None and self.status not in CLOSED_STATUSES

    @property
    def cell(self) -> str:
        """The cell as people write it, `S3/I1`."""
        return f"{self.severity}/{self.impact}"

    def open_on(self, track: str) -> Escalation | None:
        """Return the open escalation of *track* (functional or hierarchical), if any."""
        return next((one for one in self.escalations if one.track == track), None)


def swap(case: Case, old: Escalation, new: Escalation) -> None:
    """Put *new* where *old* stands among the open escalations of the working copy *case*."""
    case.escalations = tuple(new if one is old else one for one in case.escalations)


# --- storing ----------------------------------------------------------------------------------

_TUPLES: Final = tuple(f.name for f in fields(Case) if str(f.type).startswith(("tuple", "Order")))


def dump(case: Case) -> bytes:
    """Return *case* as JSON; `restore` gives it back exactly, fractions included."""
    timers = [[_plain(value) for value in timer] for timer in case.timers.values()]
    return to_json(case.__dict__ | {"timers": timers})


def restore(text: bytes | str) -> Case:
    """Return the case that `dump` wrote."""
    plain = from_json(text)
    timers = (Timer(*(_share(value) for value in values)) for values in plain["timers"])
    plain["timers"] = {timer.name: timer for timer in timers}
    for name in _TUPLES:
        plain[name] = _frozen(plain[name])
    plain["escalations"] = tuple(_escalation(Escalation(*one)) for one in plain["escalations"])
    return Case(**plain)


def _escalation(one: Escalation) -> Escalation:
    return one._replace(
        call=None if one.call is None else Call(*one.call),
        debt=None if one.debt is None else Debt(*one.debt),
    )


def _plain(value: Any) -> Any:
    return [value.numerator, value.denominator] if isinstance(value, Fraction) else value


def _share(value: Any) -> Any:
    return Fraction(*value) if isinstance(value, list) else value


def _frozen(value: Any) -> Any:
    """Return *value* with every list in it made a tuple again."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value

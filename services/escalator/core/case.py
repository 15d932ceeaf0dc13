"""The case: everything the engine knows of one ticket, as a value that can be stored.

Every instant is a whole number of seconds since 1970-01-01T00:00:00Z (`shared.contract.times`).
A `Case` is never changed in place by its users: `decide` works on a copy and returns it.

A group of tickets is a case of its own, and so that everything that crosses tickets can be reached
by key, a few records that are no ticket are kept as cases too; `kind` tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

from services.escalator.core import keys
from shared.contract.times import Instant, Seconds

Share: TypeAlias = int | Fraction
"""An exact number of seconds: whole wherever it can be, a fraction after a change of allowance."""

Order: TypeAlias = tuple[int, int, int, int]
"""Place in a case's history: effective instant, class, receipt, and how far from the cause.

Classes: 0 what the helpdesk says, 1 acts of people, 2 timers.
"""

SOURCE_EVENT: Final = 0
HUMAN_ACT: Final = 1
TIMERS: Final = 2
BEGINNING: Final[Order] = (-(2**62), 0, 0, 0)

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

    def halted(self, state: str, used: Share, due: Instant | None = None) -> Timer:
        """Return it in *state* with *used*, waiting for nothing; *due* is when it would have been."""
        # Made anew: timers change several times an event, and `_replace` takes five times as long.
        return Timer(
            self.name,
            self.calendar,
            self.allowance,
            used,
            None,
            state,
            self.breached,
            self.mark,
            due,
        )

    def awaiting(self, mark: int, due: Instant | None, next_at: Instant | None) -> Timer:
        """Return it with what it waits for: the breach at *due*, and its next announcement."""
        return Timer(
            self.name,
            self.calendar,
            self.allowance,
            self.used,
            self.since,
            self.state,
            self.breached,
            mark,
            due,
            next_at,
        )


class Clocks(NamedTuple):
    """The clocks of a case as they stand: the promises, and the stay in the tier."""

    promises: dict[str, Timer]
    stay: tuple[Instant | None, Seconds | None, bool, bool]


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
    from_tier: int = 1  # where a return would send the case
    step: int = 0
    skipped: Seconds = Seconds(0)
    call: Call | None = None
    debt: Debt | None = None
    acknowledged_by: str | None = None
    acknowledged_role: str | None = None
    acknowledged_at: Instant | None = None
    binding: bool = False
    declines: int = 0  # of the request that this belongs to
    overdue: bool = False  # nobody of the department acknowledged in time, and that was said
    update_due: Instant | None = None  # when the department that took it must report
    unreached: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str, int]:
        """What makes two foldings speak of the same escalation."""
        return (self.track, self.target, self.raised_at)

    def awaiting(self, step: int, call: Call | None) -> Escalation:
        """Return it in *step*, with *call* as its next."""
        # `_replace` takes thrice as long, and people are called again and again.
        values = list(self)
        values[_STEP], values[_CALL] = step, call
        return Escalation._make(values)


_STEP: Final = Escalation._fields.index("step")
_CALL: Final = Escalation._fields.index("call")


class Fanout(NamedTuple):
    """What a group tells all its members: `reply`, `priority` or `over`."""

    kind: str
    order: Order
    data: dict[str, Any]
    gone: bool = False


class Crowd(NamedTuple):
    """What a group knows of its members, in a size that does not grow with their number.

    `requesters` (count of affected people by hashed requester) and `orgs` are kept only until the
    widest impact band is reached; more could not change anything.
    """

    members: int = 0
    open_members: int = 0
    taken_out: int = 0
    requesters: dict[str, int] = {}  # noqa: RUF012  never changed in place
    orgs: tuple[str, ...] = ()
    confirmed: int = 0  # what a person confirmed for the group as a whole
    told: tuple[Fanout, ...] = ()
    customers: tuple[str, ...] = ()  # whose tickets the members are, the first so many, sorted
    changed_at: Instant = Instant(0)  # when what counts of the members last changed anything


class Watch(NamedTuple):
    """What is known of one fingerprint: its latest tickets, and its groups so far."""

    recent: tuple[tuple[str, Instant, dict[str, Any]], ...] = ()
    groups: int = 0
    open_since: Instant | None = None  # while a group is open
    proposed_at: Instant | None = None


class Left(NamedTuple):
    """A tier that the case left downwards, when, and the priority it had."""

    tier: int
    at: Instant
    priority: str


@dataclass
class Case:
    """The state of one ticket. Copies share all that they hold, so none of it is changed in place.

    A case may remember when it has something to do (`agenda.next_timer`), and so do its copies;
    whatever lets it go through something makes it forget.
    """

    due_known: ClassVar[tuple[object, Instant | None] | None] = None

    ticket: str
    kind: str = keys.TICKET
    version: int = 0
    horizon: Order = BEGINNING
    waiting: int = 0  # what came before the opening
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
    fix_by: Seconds | None = None
    left: tuple[Left, ...] = ()
    pauses: tuple[tuple[Instant, Instant | None], ...] = ()
    timers: dict[str, Timer] = field(default_factory=dict)
    escalations: tuple[Escalation, ...] = ()
    flags: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    observed: dict[str, Any] = field(default_factory=dict)
    first_reply_at: Instant | None = None
    question_at: Instant | None = None
    news_at: Instant | None = None  # the last message of the customer or rise of a count
    status_since: Instant | None = None
    waiting_step: int = 0
    waiting_due: Instant | None = None
    resume_at: Instant | None = None
    resolved_at: Instant | None = None
    resolver_tier: int = 1
    stale_since: Instant | None = None
    stale_due: Instant | None = None
    snoozed_until: Instant | None = None
    exec_base: Instant | None = None
    exec_flagged: Instant | None = None
    exec_inform_due: Instant | None = None
    exec_decide_due: Instant | None = None
    exec_informed: bool = False
    exec_decided: bool = False
    exec_raised_at: Instant | None = None  # the last raise to executives, while it cools down
    reopens: int = 0
    hops: int = 0
    hops_without_news: int = 0
    returns: int = 0
    duplicates: int = 0
    retracted: int = 0  # withdrawn because the ticket was cancelled or merged
    retracted_late: int = 0  # withdrawn because an event came late
    paused_s: int = 0
    moves: tuple[tuple[int, int], ...] = ()
    withdrawn: tuple[tuple[str, str, int], ...] = ()
    restored: tuple[tuple[tuple[str, str, int], Instant], ...] = ()
    merged_into: str | None = None
    to_undo: str | None = None  # the event that merged or cancelled it
    to_undo_at: Instant | None = None
    successor: str | None = None
    recurrence_of: str | None = None
    watched: str | None = None
    watched_since: Instant | None = None
    group: str | None = None
    group_priority: str | None = None
    group_open: bool = False
    crowd: Crowd | None = None
    pending: tuple[Fanout, ...] = ()
    pending_from: int = 0
    indexed: int = 0
    watch: Watch | None = None
    roster: tuple[str, ...] = ()
    future_stamps: tuple[Instant, ...] = ()
    skewed_since: Instant | None = None

    def copy(self) -> Case:
        """Return a copy that can be worked on without changing this one."""
        twin = object.__new__(Case)
        # The whole dictionary at once; setting all attributes anew would take ten times as long.
        twin.__dict__ = self.__dict__.copy()
        return twin

    def put(self, timer: Timer) -> None:
        """Let *timer* be the promise of its name in this working copy."""
        self.timers = {**self.timers, timer.name: timer}

    def drop(self, name: str) -> None:
        """Let this working copy have no promise *name*."""
        self.timers = {other: timer for other, timer in self.timers.items() if other != name}

    @property
    def is_open(self) -> bool:
        """Whether the case has been opened and has not ended."""
        return self.opened_at is not None and self.status not in CLOSED_STATUSES

    @property
    def is_group(self) -> bool:
        """Whether this is a group of tickets."""
        return self.crowd is not None

    @property
    def cell(self) -> str:
        """The cell as people write it, `S3/I1`."""
        return f"{self.severity}/{self.impact}"

    @property
    def clocks(self) -> Clocks:
        """Its clocks as they stand, whatever becomes of the case."""
        stay = (self.dwell_due, self.dwell_limit, self.dwell_fired, self.is_open)
        return Clocks(self.timers, stay)

    def open_on(self, track: str) -> Escalation | None:
        """Return the open escalation of *track* (functional or hierarchical), if any."""
        for one in self.escalations:
            if one.track == track:
                return one
        return None

    def department(self, name: str) -> Escalation | None:
        """Return the open external escalation of the department *name* (or `orphan`), if any."""
        for one in self.escalations:
            if one.track == "external" and one.target == name:
                return one
        return None

    def by_id(self, escalation_id: str) -> Escalation | None:
        """Return the open escalation of that id, if any."""
        for one in self.escalations:
            if one.id == escalation_id:
                return one
        return None


def swap(case: Case, old: Escalation, new: Escalation) -> None:
    """Put *new* where *old* stands among the open escalations of the working copy *case*."""
    case.escalations = tuple([new if one is old else one for one in case.escalations])

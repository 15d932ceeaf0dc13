"""A policy as the engine asks it: immutable, and quick to look things up in.

Instants are whole seconds of UTC and durations whole seconds of the calendar that they count in
(`shared.contract.times`). Severities, priorities and the like are plain text; the contract's
enums compare equal to it. `shared.policy.load` makes a `Policy` of a file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from shared.contract.times import Instant, Seconds
from shared.policy.calendars import Calendar
from shared.policy.ladders import Agreement, Department, Ladder, LadderStep, Row
from shared.policy.matrix import Cell, ImpactBands, Modifier, Override, Promise, shortened
from shared.policy.notation import Addressee
from shared.policy.pauses import Pause, Wait
from shared.policy.roles import Right
from shared.policy.shape.file import PolicyFile

__all__ = [
    "Addressee",
    "Agreement",
    "Cell",
    "Department",
    "Ladder",
    "LadderStep",
    "Modifier",
    "Override",
    "Policy",
    "PolicyTimeline",
    "Promise",
    "Row",
]


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Policy:
    """One version of a policy.

    Attributes:
        name: Its name.
        version: Its number, from 1.
        digest: sha256 of its content; comments and layout do not count.
        text: The file as it was read.
        file: Everything that the file says, section by section.
        reference: `name`, `version` and `digest`, as every decision names them.
        past_due_grace: What a limit gets that a change of policy left in the past.
        future_skew_tolerance: How far in the future an event may claim to be.
        late_event_window: How late an event may come and still count when it happened.
        warn_at: The shares of a promise at which rows look, exact.
        reopen_window: Wall time after a resolution in which a message reopens the case.
        exec_cooldown: Wall time after a raise to executives in which requests are refused.
        undo_merge_within: Wall time in which a merge or a cancellation can be undone.
        approval_expires: Wall time for which the approval of a skip holds.
        dwell_floor: The shortest limit of a stay in a tier.
        overrides: What each flag asks for.
        departments: The departments by name.
        ladders: By priority, and `exec`.
        info_debt_due: By priority, until when owed information must come.
        return_fix_by: By priority, the stay in the sending tier after a return.
        stale_ack_after: By priority, how long an acknowledged escalation may be silent.
        observe_window: By priority, how long a case must be stable before it leaves a tier.
        recurrence_memory: By priority, how long a case is remembered by the tier it left.
        orphan_assign_by: By priority, until when an orphan must have an owner.
        first_customer_notice: By priority; None where the first response is that notice.
        forms: The fields of each form, by its name in `required_info`.
        ack_by: Who may acknowledge, with words such as `target_oncall` still open.
    """

    name: str
    version: int
    digest: str
    text: str
    file: PolicyFile
    reference: Mapping[str, str | int]
    past_due_grace: Seconds
    future_skew_tolerance: Seconds
    late_event_window: Seconds
    warn_at: tuple[Fraction, ...]
    reopen_window: Seconds
    exec_cooldown: Seconds
    undo_merge_within: Seconds
    approval_expires: Seconds
    dwell_floor: Seconds
    overrides: Mapping[str, Override]
    departments: Mapping[str, Department]
    ladders: Mapping[str, Ladder]
    info_debt_due: Mapping[str, Seconds]
    return_fix_by: Mapping[str, Seconds]
    stale_ack_after: Mapping[str, Seconds]
    observe_window: Mapping[str, Seconds]
    recurrence_memory: Mapping[str, Seconds]
    orphan_assign_by: Mapping[str, Seconds]
    first_customer_notice: Mapping[str, Seconds | None]
    forms: Mapping[str, tuple[str, ...]]
    ack_by: tuple[str, ...]
    _cells: Mapping[tuple[str, str], Cell]
    _promises: Mapping[tuple[str, str], Promise]
    _modifiers: Mapping[tuple[str, bool], Modifier]
    _rows: Mapping[tuple[str, str], Row | None]
    _bands: ImpactBands
    _calendars: Mapping[str, Calendar]
    _regions: Mapping[str, Calendar]
    _business: Calendar
    _promise_calendars: Mapping[tuple[str, str], Calendar | None]
    _internal_calendars: Mapping[tuple[str, str, str], Calendar | None]
    _department_of: Mapping[str, str]
    _treatments: Mapping[tuple[str, str], str]
    _pauses: Mapping[str, Pause]
    _waits: Mapping[tuple[str, str], Wait]
    _updates: Mapping[tuple[str, int], bool]
    _rights: Mapping[str, Right]

    # --- the matrix ---------------------------------------------------------------------------

    def cell(self, severity: str, impact: str) -> Cell:
        """Return the cell of *severity* and *impact* (Cells)."""
        return self._cells[severity, impact]

    def impact_band(
        self,
        users: int | None,
        orgs: int | None,
        share: float | None,
        *,
        org_wide: bool,
        severity: str,
    ) -> str:
        """Return the impact band of these counts; None is an unknown count (Impact bands)."""
        return self._bands.band(users, orgs, share, org_wide=org_wide, severity=severity)

    def promise(self, plan: str, priority: str) -> Promise:
        """Return what *plan* promises the customer at *priority* (Promises and warnings)."""
        return self._promises[plan, priority]

    def modifier(self, plan: str, *, vip: bool) -> Modifier:
        """Return what *plan* and *vip* change; `extra_notify` has every priority."""
        return self._modifiers[plan, vip]

    def dwell(self, limit: Seconds, plan: str, *, vip: bool) -> Seconds:
        """Return the stay of a cell, *limit*, as it holds for *plan* and *vip* (Dwell)."""
        return shortened(limit, self._modifiers[plan, vip].dwell_factor, self.dwell_floor)

    # --- calling people -----------------------------------------------------------------------

    def trigger(self, trigger_id: str, priority: str) -> Row | None:
        """Return the row of `T01` to `T22` at *priority*, or None where nothing happens."""
        return self._rows[trigger_id, priority]

    def ladder(self, name: str) -> Ladder:
        """Return the ladder of a priority, or `exec`."""
        return self.ladders[name]

    def department(self, name: str) -> Department:
        """Return the department *name*."""
        return self.departments[name]

    def department_of_duty(self, role: str) -> str | None:
        """Return the department whose duty *role* is, or None."""
        return self._department_of.get(role)

    # --- calendars ----------------------------------------------------------------------------

    def calendar(self, name: str) -> Calendar:
        """Return the calendar *name* (Calendars, quiet hours and held notices)."""
        return self._calendars[name]

    def business_calendar(self, region: str | None) -> Calendar:
        """Return the business calendar of a contract's *region*; the default for an unknown one."""
        return self._regions.get(region, self._business) if region else self._business

    def calendar_for(self, priority: str, plan: str, region: str | None) -> Calendar:
        """Return the calendar in which the promise to the customer counts."""
        return self._promise_calendars[priority, plan] or self.business_calendar(region)

    def internal_calendar(
        self, severity: str, priority: str, plan: str, region: str | None
    ) -> Calendar:
        """Return the calendar in which dwell, ladders and notices count."""
        fixed = self._internal_calendars[severity, priority, plan]
        return fixed or self.business_calendar(region)

    def department_calendar(self, department: str, priority: str, region: str | None) -> Calendar:
        """Return the calendar in which a department's agreement counts."""
        hours = self.departments[department].hours[priority]
        return self._calendars["always"] if hours == "always" else self.business_calendar(region)

    # --- timers and statuses ------------------------------------------------------------------

    def treatment(self, status: str, timer: str) -> str:
        """Return `run`, `pause` or `stop`: what *timer* does in *status* (Pauses)."""
        return self._treatments[status, timer]

    def update_runs_for(self, priority: str, tier: int) -> bool:
        """Return whether the customer is promised regular news at *priority* in *tier*."""
        return self._updates[priority, tier]

    def pause_needs(self, status: str) -> tuple[str, ...]:
        """Return what must be given to put a case into *status*; nothing where it is no pause."""
        pause = self._pauses.get(status)
        return () if pause is None else pause.needs

    def longest_pause(self, status: str) -> Seconds | None:
        """Return how long a case may stay in *status* in wall time, or None for any time."""
        pause = self._pauses.get(status)
        return None if pause is None else pause.longest

    def ends_on_customer_message(self, status: str) -> bool:
        """Return whether a customer's message ends *status*."""
        pause = self._pauses.get(status)
        return pause is not None and pause.ends_on_customer_message

    def waiting_customer_steps(self, priority: str, region: str | None) -> Wait:
        """Return what is done while the customer is silent, and in which calendar."""
        found = self._waits.get((priority, region or ""))
        return found or self._waits[priority, ""]

    # --- people -------------------------------------------------------------------------------

    def may(self, role: str | None, permission: str, *, tier: int | None = None) -> bool:
        """Return whether *role* has *permission*.

        Args:
            role: Who acts; None has only what everybody may.
            permission: A key of `permissions`, `lower_impact`, or `approve_skip`.
            tier: The receiving tier, for rights that belong to it.
        """
        return self._rights[permission].held_by(role, tier)

    def permitted(self, permission: str) -> tuple[str, ...]:
        """Return the roles that have *permission*, `tier_lead` and the like spelt out."""
        return self._rights[permission].listed

    def missing_information(self, tier: int, given: Iterable[str]) -> tuple[str, ...]:
        """Return the fields that a raise to *tier* still owes, in the order of the form."""
        form = {2: self.forms["t1_to_t2"], 3: self.forms["t2_to_t3"]}.get(tier, ())
        known = frozenset(given)
        return tuple(name for name in form if name not in known)


class PolicyTimeline:
    """The versions of a policy by the instant at which each begins to hold (Policy versions).

    Args:
        versions: Instant and policy, in any order; of two at one instant the later one holds.

    Raises:
        ValueError: There is none, or two have the same number.
    """

    __slots__ = ("_by_number", "_instants", "_only", "_policies")

    def __init__(self, versions: Iterable[tuple[Instant, Policy]]) -> None:
        ordered = sorted(versions, key=lambda one: (one[0], one[1].version))
        if not ordered:
            msg = "a timeline needs a policy"
            raise ValueError(msg)
        self._instants = [at for at, _ in ordered]
        self._policies = [policy for _, policy in ordered]
        self._by_number = {policy.version: policy for policy in self._policies}
        if len(self._by_number) < len(ordered):
            numbers = ", ".join(str(policy.version) for policy in self._policies)
            msg = f"two policies of a timeline have the same version: {numbers}"
            raise ValueError(msg)
        self._only = self._policies[0] if len(ordered) == 1 else None

    def at(self, at: Instant) -> Policy:
        """Return the version in force at *at*; before the first activation, the first."""
        if self._only is not None:
            return self._only
        return self._policies[max(0, bisect_right(self._instants, at) - 1)]

    def version(self, number: int) -> Policy:
        """Return the version *number*.

        Raises:
            KeyError: There is none.
        """
        return self._by_number[number]

    @property
    def newest(self) -> Policy:
        """The version with the highest number, whether or not it is in force yet."""
        return self._by_number[max(self._by_number)]

    def versions(self) -> list[tuple[Instant, Policy]]:
        """Return every version with the instant from which it holds, in that order."""
        return list(zip(self._instants, self._policies, strict=True))

    def next_activation(self, after: Instant) -> Instant | None:
        """Return the first activation after *after*, or None."""
        index = bisect_right(self._instants, after)
        return self._instants[index] if index < len(self._instants) else None

"""The whole file: every section of a policy, in the order in which people read it."""

from __future__ import annotations

from pydantic import Field

from shared.policy.shape.base import Section
from shared.policy.shape.calls import Ladders, Triggers
from shared.policy.shape.life import DeEscalation, Grouping, Merge, Reopen, RequiredInfo, Resolver
from shared.policy.shape.matrix import (
    Cells,
    ImpactSection,
    Modifiers,
    Overrides,
    SeveritySection,
    Targets,
)
from shared.policy.shape.people import (
    Channels,
    Communication,
    DepartmentRules,
    DepartmentShape,
    Permissions,
    Raci,
)
from shared.policy.shape.timing import (
    BusinessCalendarRule,
    CalendarFor,
    CalendarShape,
    Head,
    InternalCalendar,
    PauseGuards,
    Statuses,
    Timers,
    TimeRules,
    WaitingCustomerSteps,
)


class PolicyFile(Section):
    """A policy as it is written; `shared.policy.compiled` makes look-ups of it."""

    policy: Head
    time_rules: TimeRules
    calendars: dict[str, CalendarShape] = Field(min_length=1)
    business_calendar: BusinessCalendarRule
    calendar_for: CalendarFor
    internal_calendar: InternalCalendar
    timers: Timers
    statuses: Statuses
    pause_guards: PauseGuards
    waiting_customer_steps: WaitingCustomerSteps
    severity: SeveritySection
    impact: ImpactSection
    cells: Cells
    overrides: Overrides
    targets: Targets
    modifiers: Modifiers
    ladders: Ladders
    triggers: Triggers
    reopen: Reopen
    resolver: Resolver
    grouping: Grouping
    merge: Merge
    required_info: RequiredInfo
    permissions: Permissions
    de_escalation: DeEscalation
    departments: dict[str, DepartmentShape] = Field(min_length=1)
    department_rules: DepartmentRules
    channels: Channels
    communication: Communication
    roles: dict[str, str] = Field(min_length=1)
    raci: Raci

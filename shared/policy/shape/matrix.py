"""The sections of the matrix: severity, impact, cells, overrides, targets, modifiers."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool

from shared.policy.notation import (
    Duration,
    OptionalDuration,
    Person,
    PositiveDuration,
    Share,
)
from shared.policy.shape.base import (
    ByImpact,
    ByPriority,
    BySeverity,
    Mode,
    Priority,
    Section,
    Tier,
    Track,
)

Bound: TypeAlias = Annotated[int, Field(ge=1, strict=True)]
Impact: TypeAlias = Literal["I1", "I2", "I3", "I4"]


class Level(Section):
    """A severity and how to recognise it."""

    name: str
    test: str


class SeveritySection(BySeverity[Level]):
    """The four severities, and the rules of choosing one."""

    rules: tuple[str, ...]


class Counts(Section):
    """The counts from which on a band holds; any one is enough."""

    users: Bound
    orgs: Bound
    share: Share


class BandShape(Section):
    """An impact band; the lowest has no bounds."""

    name: str
    at_least: Counts | None = None


class Measures(Section):
    """What the counts are taken from."""

    users: str
    orgs: str
    share: str


class LowerImpact(Section):
    """Who may lower an impact band and what they must give."""

    by: tuple[str, ...]
    needs: tuple[Literal["reason", "evidence"], ...]


class ImpactSection(ByImpact[BandShape]):
    """The impact bands and how a case comes into one."""

    measures: Measures
    org_wide_flag_means: Impact
    unknown: BySeverity[Impact]
    raise_: Literal["automatic_and_immediate"] = Field(alias="raise")
    lower: LowerImpact


class CellShape(Section):
    """One cell of the matrix."""

    priority: Priority
    start_tier: Tier
    t1_max: OptionalDuration
    t2_max: OptionalDuration
    exec_inform: OptionalDuration = None
    exec_decide: OptionalDuration = None
    tracks: tuple[Track, ...] = Field(min_length=1)
    notify_at_start: tuple[Person, ...] = Field(min_length=1)
    mode: Mode


Cells: TypeAlias = BySeverity[ByImpact[CellShape]]


class OverrideShape(Section):
    """What a flag asks for beyond the cell."""

    min_priority: Priority
    min_tier: Literal[2, 3, "hold"]
    external: tuple[str, ...]
    notify: tuple[Person, ...]
    exec_inform: OptionalDuration = None
    restricted: StrictBool = False
    grouping: Literal["allowed", "never"] = "allowed"


Overrides: TypeAlias = dict[str, OverrideShape]
"""The flags that a case may carry."""


class Target(Section):
    """The promise of one plan at one priority."""

    first_response: PositiveDuration
    next_response: PositiveDuration
    customer_update: PositiveDuration
    resolve: PositiveDuration


class Targets(Section):
    """The promises to the customer."""

    standard: ByPriority[Target]
    premium: ByPriority[Target]
    enterprise: ByPriority[Target]
    resolve_means: str
    warn_at: tuple[Share, ...]


class ExtraNotify(Section):
    """Who else is told, by priority."""

    P1: tuple[Person, ...] = ()
    P2: tuple[Person, ...] = ()
    P3: tuple[Person, ...] = ()
    P4: tuple[Person, ...] = ()


class ModifierShape(Section):
    """What one plan, with or without VIP, changes."""

    dwell_factor: Share
    extra_notify: ExtraNotify = ExtraNotify()


class Modifiers(Section):
    """The factors of plan and VIP, and the floor under every stay in a tier."""

    standard: ModifierShape
    standard_vip: ModifierShape
    premium: ModifierShape
    premium_vip: ModifierShape
    enterprise: ModifierShape
    enterprise_vip: ModifierShape
    dwell_floor: Duration
    dwell_rounding: Literal["up_to_whole_minute"]

"""The escalator's settings, each read from ``ESCALATOR_<NAME>``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt
from pydantic import Field

from shared.policy.load import DEFAULT_POLICY
from shared.runtime.settings import DatabaseSettings

Duration = Annotated[timedelta, Ge(timedelta(0))]
Positive = Annotated[timedelta, Gt(timedelta(0))]


class Settings(DatabaseSettings):
    """What the escalator is told."""

    prefix = "ESCALATOR_"

    http_port: int = Field(
        default=8082, ge=0, le=65535, description="The port; 0 takes a free one."
    )
    policy_file: Path = Field(
        default=DEFAULT_POLICY,
        description="The policy that holds until one is activated; read by an empty database only.",
    )
    allowance: Duration = Field(
        default=timedelta(seconds=5),
        description="Real time that an event may take to reach us and still be in time.",
    )
    max_hold: Positive = Field(
        default=timedelta(seconds=120),
        description="Real time after which a timer fires though its input was not read so far.",
    )
    cached_cases: int = Field(default=20_000, ge=0, description="Cases that are kept in memory.")
    connections: int = Field(default=10, ge=6, le=100, description="Database connections.")
    remember_events: Positive = Field(
        default=timedelta(days=14), description="How long a repeated event is known as one."
    )

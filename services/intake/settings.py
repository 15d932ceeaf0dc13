"""Intake's settings, each read from ``INTAKE_<NAME>``."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from annotated_types import Gt
from pydantic import Field, model_validator

from services.intake.core.limits import MAX_BATCH_BYTES
from services.intake.gate import MAX_EVENTS
from shared.runtime.settings import RuntimeSettings


class Settings(RuntimeSettings):
    """What intake is told."""

    prefix = "INTAKE_"

    http_port: int = Field(
        default=8081, ge=0, le=65535, description="The port; 0 takes a free one."
    )
    keys_file: Path | None = Field(
        default=None, description="The file of API keys; a change of it holds within a second."
    )
    issuers_file: Path | None = Field(
        default=None, description="The file of OpenID Connect issuers whose tokens people show."
    )
    escalator_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where the escalator is; it is asked whether an act would be refused.",
    )
    allow_anonymous: bool = Field(
        default=False, description="Whether anybody may post; only where nobody else can connect."
    )
    hooks_file: Path | None = Field(
        default=None, description="The file of helpdesks that post webhooks, and their secrets."
    )
    hook_mappings: Path | None = Field(
        default=None,
        description="A folder of mappings of webhooks, beside or instead of those that ship.",
    )
    publish_deadline: Annotated[timedelta, Gt(timedelta(0))] = Field(
        default=timedelta(seconds=5),
        description="How long Kafka has to acknowledge an event, such as PT5S.",
    )
    max_in_flight: int = Field(
        default=500, gt=0, description="Requests that may wait for Kafka at the same time."
    )
    max_events_in_flight: int = Field(
        default=MAX_EVENTS, gt=0, description="Events that may wait for Kafka at the same time."
    )
    max_held_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=MAX_BATCH_BYTES,
        description="Bytes of bodies that may be under way at the same time.",
    )
    rate_per_s: float = Field(
        default=2000, gt=0, description="Events a second that a key may post."
    )
    rate_burst: int = Field(default=4000, gt=0, description="Events that a key may post at once.")

    @model_validator(mode="after")
    def _knows_whom_to_trust(self) -> Settings:
        trusted = self.keys_file is not None or self.issuers_file is not None
        if not trusted and not self.allow_anonymous:
            raise ValueError(
                "INTAKE_KEYS_FILE is not set, so nobody could post. Set it; or, on one's own"
                " machine only, set INTAKE_ALLOW_ANONYMOUS=true"
            )
        if self.allow_anonymous and trusted:
            raise ValueError(
                "INTAKE_ALLOW_ANONYMOUS makes INTAKE_KEYS_FILE and INTAKE_ISSUERS_FILE pointless;"
                " unset one"
            )
        if self.allow_anonymous and not _is_loopback(self.http_host):
            msg = (
                f"INTAKE_ALLOW_ANONYMOUS lets anybody post who reaches {self.http_host}; it is for"
                " INTAKE_HTTP_HOST=127.0.0.1 alone"
            )
            raise ValueError(msg)
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

"""What the notifier answers over HTTP, for itself and for whoever asks it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Attempt(BaseModel):
    """One attempt; without `ended_at` nobody knows how it ended."""

    model_config = ConfigDict(from_attributes=True)

    attempt: int
    channel: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    detail: str | None


class Delivery(BaseModel):
    """One row of the ledger; the address is masked."""

    id: UUID
    decision_id: UUID
    ticket: str
    version: int
    escalation: str | None
    role: str
    person: str | None
    purpose: str
    mode: str
    fyi: bool
    channel: str | None
    address: str | None
    state: str
    reason: str | None
    attempt: int
    planned_at: datetime
    hold_until: datetime | None
    finished_at: datetime | None
    next_at: datetime | None
    last_error: str | None
    digest: UUID | None
    attempts: list[Attempt] = Field(default_factory=list)


class Deliveries(BaseModel):
    """A page of the ledger, newest first."""

    deliveries: list[Delivery]
    cursor: str | None = Field(description="Give it back for the next page; null at the end.")


class Cause(BaseModel):
    """The decision that asked for a notice."""

    id: UUID
    type: str
    at: datetime = Field(description="Its effective time.")
    data: Mapping[str, Any]


class DeadRecord(BaseModel):
    """A record of the topic that could not be read or planned."""

    topic: str
    partition: int
    offset: int
    headers: Mapping[str, str] = Field(description="Its headers, bytes as Latin-1.")
    error_class: str
    error: str
    text: str = Field(description="What it holds, bytes that are no UTF-8 escaped.")
    settled: str | None = Field(description="`replayed` or `discarded`, once somebody did.")


class ActDone(BaseModel):
    """What an operator did to it."""

    act: str
    actor: str
    reason: str
    at: datetime


class Letter(BaseModel):
    """A dead letter: either a `delivery` or a `record`."""

    id: str
    kind: Literal["notice", "record"]
    why: str
    at: datetime = Field(description="When it was planned, or read.")
    delivery: Delivery | None = None
    decision: Cause | None = Field(
        default=None, description="What asked for the notice; only where one letter is asked for."
    )
    record: DeadRecord | None = None
    acts: list[ActDone] = Field(default_factory=list)


class Letters(BaseModel):
    """A page of dead letters, newest first."""

    letters: list[Letter]
    cursor: str | None = Field(description="Give it back for the next page; null at the end.")


class Result(BaseModel):
    """What came of an act."""

    id: str
    result: str

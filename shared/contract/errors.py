"""The error tree: every error of Tierline says whether to try again or to park.

    TierlineError
    ├── TransientError          try again: the world may have changed by then
    └── PermanentError          park: the same input will fail the same way
        └── InvalidEventError   a message that is not an event of the contract

A class names its `Reason`; the same word is the metric label, the log field and the
`error_class` of a dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why something failed: a closed set, so that it can label a metric."""

    # what arrived
    NOT_JSON = "not_json"
    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_FIELD = "invalid_field"
    UNSTORABLE_TEXT = "unstorable_text"
    TOO_LARGE = "too_large"
    # what it led to
    UNKNOWN_TICKET = "unknown_ticket"
    VERSION_GAP = "version_gap"
    VERSION_CONFLICT = "version_conflict"
    HANDLER_CRASHED = "handler_crashed"
    # what we stand on
    KAFKA_UNAVAILABLE = "kafka_unavailable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    DEADLINE_PASSED = "deadline_passed"
    STALE_DATA = "stale_data"
    FOREIGN_DATA = "foreign_data"
    # what people wrote
    POLICY_INVALID = "policy_invalid"
    ROSTER_INVALID = "roster_invalid"
    SETTINGS_INVALID = "settings_invalid"
    # ways out
    CHANNEL_UNAVAILABLE = "channel_unavailable"
    CHANNEL_REFUSED = "channel_refused"
    UNKNOWN_ADDRESS = "unknown_address"


class TierlineError(Exception):
    """Everything Tierline raises on purpose; never raised itself.

    Attributes:
        reason: Set by each class, or by each error where one class has several.
    """

    reason: Reason


class TransientError(TierlineError):
    """The same input may succeed later; the caller tries again."""


class PermanentError(TierlineError):
    """The same input will fail again; the caller parks it and goes on."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a message.

    Attributes:
        path: Where, in dots: `data.customer.vip`; empty for the message as a whole.
        problem: What is wrong there, without a full stop.
        remedy: What the sender should do instead, one sentence.
    """

    path: str
    problem: str
    remedy: str

    def line(self) -> str:
        """Return place, problem and remedy as one line."""
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.problem}. {self.remedy}"


class InvalidEventError(PermanentError):
    """A message is not an event of the contract; each `Flaw` names place and remedy."""

    reason = Reason.INVALID_FIELD

    def __init__(self, flaws: tuple[Flaw, ...], *, reason: Reason = Reason.INVALID_FIELD) -> None:
        super().__init__(" ".join(flaw.line() for flaw in flaws))
        self.flaws = flaws
        self.reason = reason

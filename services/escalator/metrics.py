"""What the escalator says of itself; names and labels are a closed set."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

EVENTS: Final = Counter("tierline_escalator_events_total", "Events taken into their cases.")
DUPLICATES: Final = Counter(
    "tierline_escalator_duplicate_events_total", "Events that were taken before, and dropped."
)
CONFLICTS: Final = Counter(
    "tierline_escalator_event_conflicts_total",
    "Events said again under their id with another content; should be 0.",
)
DECISIONS: Final = Counter("tierline_escalator_decisions_total", "Decisions, by type.", ["type"])
TIMERS: Final = Counter(
    "tierline_escalator_timers_fired_total",
    "Cases whose timers fired; late_input: though input of before may wait unread.",
    ["late_input"],
)
LATENESS: Final = Histogram(
    "tierline_escalator_timer_lateness_seconds",
    "Real time from a timer's due time until it fired.",
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 5, 15, 60, 300, 3600),
)
TIMER_FAILURES: Final = Counter(
    "tierline_escalator_timer_failures_total",
    "Cases put off for a minute since their timers could not be fired; should be 0.",
)
OUTSIDE_ROLE: Final = Counter(
    "tierline_escalator_acts_outside_role_total",
    "Acts that went beyond the role in which they were done, by how.",
    ["how"],
)
STARTED_OVER: Final = Counter(
    "tierline_escalator_started_over_total",
    "Transactions begun anew, by what somebody else had done.",
    ["why"],
)
UNPUBLISHED: Final = Gauge(
    "tierline_escalator_outbox_waiting", "Decisions that are not yet on Kafka."
)
UNPUBLISHED_AGE: Final = Gauge(
    "tierline_escalator_outbox_oldest_seconds", "Real age of the oldest decision not yet on Kafka."
)
OVERDUE: Final = Gauge(
    "tierline_escalator_timers_overdue",
    "Cases whose due time has passed: they wait for unread input, or for their turn.",
)
DEAD_LETTERS: Final = Gauge(
    "tierline_escalator_dead_letters", "Records parked and not replayed; should be 0."
)
POLICY: Final = Gauge("tierline_escalator_policy_version", "The policy version in force.")

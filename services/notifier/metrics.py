"""What the notifier counts. Every label is one of a closed set."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

DECISIONS: Final = Counter(
    "tierline_notifier_decisions_total",
    "Decisions read, by where they stood to what was heard before.",
    ["place"],
)
ATTEMPTS: Final = Counter(
    "tierline_notifier_attempts_total",
    "Attempts to send, by channel and outcome.",
    ["channel", "outcome"],
)
ANSWERS: Final = Counter(
    "tierline_notifier_answers_total",
    "Answers by button or link, by act, the way they came, and what intake said.",
    ["act", "through", "outcome"],
)
LATENCY: Final = Histogram(
    "tierline_notifier_due_to_sent_seconds",
    "Real time from when a notice could go to when its channel took it.",
    ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 1800, 21600),
)
DELIVERIES: Final = Gauge(
    "tierline_notifier_deliveries",
    "Rows of the ledger that are unfinished.",
    ["channel", "state"],
)
DEAD_LETTERS: Final = Gauge(
    "tierline_notifier_dead_letters",
    "Notices given up and records nobody could read, not dealt with yet; should be 0.",
    ["kind"],
)
BREAKERS: Final = Gauge(
    "tierline_notifier_gates", "Gates by the state of their circuit breaker.", ["state"]
)
GAPS: Final = Gauge(
    "tierline_notifier_tickets_with_gaps", "Tickets that wait for a missing version; should be 0."
)
LEDGER_FAULTS: Final = Gauge(
    "tierline_notifier_ledger_faults",
    "Notices missing, doubled, or unfinished past their give-up age; must be 0.",
)
UNPUBLISHED: Final = Gauge(
    "tierline_notifier_outbox_unpublished", "Delivery events not yet on Kafka."
)
ROSTER_VERSION: Final = Gauge(
    "tierline_notifier_roster_version", "The version of the roster in force, as its file says."
)
ROSTER_REFUSED: Final = Gauge(
    "tierline_notifier_roster_refused",
    "1 while the roster's file cannot be used and the one read before stays in force; should be 0.",
)
ACCESS_MISSING: Final = Gauge(
    "tierline_notifier_channel_access_missing",
    "People, roles and lists missing in the dedicated channels at the last look; should be 0.",
)

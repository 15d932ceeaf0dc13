"""What the tracker says of itself; names and labels are a closed set."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

PROJECTED: Final = Counter(
    "tierline_tracker_messages_total", "Messages taken into the read model.", ["topic"]
)
REPEATS: Final = Counter(
    "tierline_tracker_repeats_total", "Messages that were said before, and dropped.", ["topic"]
)
CONFLICTS: Final = Counter(
    "tierline_tracker_conflicts_total",
    "Messages said again with another content; should be 0.",
    ["topic"],
)
STARTED_OVER: Final = Counter(
    "tierline_tracker_started_over_total",
    "Batches begun again since another topic was first with a new ticket.",
)
GAPS: Final = Gauge(
    "tierline_version_gaps", "Tickets of which a decision's version is missing; should be 0."
)
DEAD_LETTERS: Final = Gauge(
    "tierline_tracker_dead_letters", "Records that were parked; should be 0."
)
TICKETS: Final = Gauge("tierline_tracker_open_tickets", "Open tickets by tier.", ["tier"])
STREAM_LISTENERS: Final = Gauge("tierline_tracker_stream_listeners", "Who listens to the stream.")
STREAM_DROPPED: Final = Counter(
    "tierline_tracker_stream_dropped_total",
    "Listeners of the stream that were dropped since they did not keep up.",
)
REFUSED: Final = Counter(
    "tierline_tracker_refused_questions_total",
    "Questions that were not answered: no key, not allowed, or too many.",
    ["code"],
)
ALARMS: Final = Gauge(
    "tierline_watchdog_alarms",
    "What should have happened and has not, by what it is; should be 0.",
    ["kind"],
)
WATCHED: Final = Gauge(
    "tierline_watchdog_watched_tickets", "Tickets on which something is waited for."
)
LOOKED_AT: Final = Gauge(
    "tierline_watchdog_looked_timestamp_seconds", "When the watchdog last looked, real Unix time."
)
KEYS_FILE_BROKEN: Final = Gauge(
    "tierline_tracker_keys_file_broken",
    "1 while the file of keys cannot be used, and the keys before it hold.",
)

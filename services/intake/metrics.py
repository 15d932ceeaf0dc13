"""What intake counts. Every label is one of a closed set."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

ACCEPTED: Final = Counter(
    "tierline_intake_accepted_events_total", "Events answered 202: all in-sync replicas have them."
)
REFUSED: Final = Counter(
    "tierline_intake_refused_events_total", "Events and requests refused, by problem.", ["code"]
)
IN_FLIGHT: Final = Gauge(
    "tierline_intake_requests_in_flight", "Requests that wait for Kafka's acknowledgement."
)
HELD_BYTES: Final = Gauge(
    "tierline_intake_held_bytes", "Bytes of bodies under way, bounded by INTAKE_MAX_HELD_BYTES."
)
FAST_FAILING: Final = Gauge(
    "tierline_intake_fast_failing", "1 while requests are refused at once since Kafka is silent."
)
REFUSED_HOOKS: Final = Counter(
    "tierline_intake_refused_hooks_total",
    "Webhooks that no mapping could read; their bodies are kept.",
)
UNKNOWN_WORDS: Final = Counter(
    "tierline_intake_unknown_words_total",
    "Words in webhooks that their mapping does not know, by what they would have said.",
    ["field"],
)
DRAFTS: Final = Counter(
    "tierline_intake_drafts_total", "Forms refused at once for missing fields, and kept as drafts."
)
UNCHECKED_ACTS: Final = Counter(
    "tierline_intake_unchecked_acts_total",
    "Acts published though the escalator could not be asked about them first.",
)
KEYS_FILE_BROKEN: Final = Gauge(
    "tierline_intake_keys_file_broken",
    "1 while the file of keys cannot be used, and the keys before it hold.",
)

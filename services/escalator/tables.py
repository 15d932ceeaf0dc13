"""The escalator's schema: which table holds what.

`ticket_state`
    One row per case, and per whatever else the engine keeps under a key: ``body`` is all of it
    (`core.decide.dump`), the other columns are what is looked for. ``due_at`` is when it has
    something to do by itself. ``due_token`` is new with every write; a case kept in memory is as
    good as its token. ``topic_partition`` is where its events come from, or `ANYWHERE`. ``epoch``
    is the newest `policy_version` that ``due_at`` takes into account.
`ticket_event`
    What each case has heard, in the order of receipt: a late event folds it again.
`seen_event`
    Source and id of every event of the last days, with a digest of its content.
`outbox`
    Decisions, each with its case's next version; the relay publishes them in the order of ``seq``.
`dead_letter`
    Records that could not be taken, as they came.
`policy_version`
    The policies, each with the instant from which it holds here (`policies`).
`progress`
    How far the topics are applied, and until when everything is (`shared.runtime.progress`).
`ticking`
    Since when some ticker has been at work without a break.
"""

from __future__ import annotations

from typing import Final

SCHEMA: Final = "escalator"

ANYWHERE: Final = -1
"""The partition of a case that hears from several: its timers wait for all of them."""

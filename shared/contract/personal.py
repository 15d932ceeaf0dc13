"""Which keys of messages name a person, and in which people write freely."""

from __future__ import annotations

from typing import Final

PERSONS: Final = frozenset({"by", "author_id", "requester", "owner"})
"""Keys that name a person; a hand-over's `to` does, too."""

TEXTS: Final = frozenset(
    {"title", "text", "reason", "url", "knowledge_url", "restated", "evidence", "tags"}
    | {"customer_agreement_ref"}
)
"""Keys in which people write freely. Of a decision or a delivery, `reason` is a word of the contract."""

FORMS: Final = frozenset({"info", "answers"})
"""Keys of forms: what was filled in, field by field."""

INSTANTS: Final = frozenset({"since", "needed_by", "next_check_at", "decide_by"})
"""Fields of forms that hold a time, and nothing that somebody has written."""

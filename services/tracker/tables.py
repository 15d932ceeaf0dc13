"""The tracker's tables, all in the schema ``tracker``; everything in them follows from the topics.

Times are what policy and people see: the installation's clock, which may run fast.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, UUID

SCHEMA: Final = "tracker"
metadata = MetaData()

INSTANT = DateTime(timezone=True)

progress = Table(
    "progress",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("caught_up_at", INSTANT),
    Column("cluster_id", Text, nullable=False),
)
"""How far each partition is applied (`shared.runtime.progress`)."""

ticket = Table(
    "ticket",
    metadata,
    Column("key", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("priority", Text),
    Column("owner", Text),
    Column("customer", Text),
    Column("title", Text),
    Column("opened_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("next_due", INSTANT, nullable=False),
    Column("teams", Text, nullable=False),
    Column("part_of", Text),
    Column("state", JSON, nullable=False),
)
"""One row per ticket or group: ``state`` is all of it (`core.projection.dump`), the other columns
are what is searched and sorted by. ``tier`` is 0 before the first decision, ``next_due`` infinite
where no promise is known to run, ``opened_at`` equal to ``updated_at`` until it is known, ``teams``
the names of those whose turn it is, with blanks between, ``part_of`` the group that it is in."""

timeline = Table(
    "timeline",
    metadata,
    Column("identity", LargeBinary, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("received_at", INSTANT, nullable=False),
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("message", JSON, nullable=False),
    Column("known_at", INSTANT, nullable=False),
)
"""Every message once, as it came. ``kind`` names the topic (`core.message.Kind`), ``at`` is when it
counts, ``identity`` is `core.message.Message.identity`, ``repeats`` how often it was said again,
``known_at`` when it came into this table, which alone does not follow from the topics."""

repetition = Table(
    "repetition",
    metadata,
    Column("identity", LargeBinary, nullable=False),
    Column("known_at", INSTANT, nullable=False),
    Column("n", Integer, nullable=False),
)
"""When messages were said again, for answers about the past: one row for each batch that did."""

notice = Table(
    "notice",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("said", LargeBinary, nullable=False),
)
"""Every notice at the furthest step of its life that was heard of, when that was, and the identity
of the message in the timeline that said so."""

tally = Table(
    "tally",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)
"""Sums in parts, so that nobody waits for another: whoever has locked the progress of a partition may
write its part. They are added up when read."""

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("raw", LargeBinary),
    Column("headers", JSONB, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False),
)
"""Records that could not be read or projected, as they came."""

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
metadata = MetaData(schema=SCHEMA)

INSTANT = DateTime(timezone=True)

ticket = Table(
    "ticket",
    metadata,
    Column("key", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("tier", SmallInteger),
    Column("priority", Text),
    Column("owner", Text),
    Column("customer", Text),
    Column("title", Text),
    Column("opened_at", INSTANT),
    Column("updated_at", INSTANT, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("next_due", INSTANT),
    Column("state", JSON, nullable=False),
)
"""One row per ticket or group: ``state`` is all of it (`core.projection.dump`), the other columns
are what is searched and sorted by. ``revision`` guards against two writers of one row."""

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
    Column("repeats", Integer, nullable=False),
    Column("message", JSON, nullable=False),
)
"""Every message once, as it came. ``kind`` names the topic (`core.message.Kind`), ``at`` is when it
counts, ``identity`` follows from source and id, ``repeats`` is how often it was said again."""

notice = Table(
    "notice",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("data", JSON, nullable=False),
)
"""Every notice at the furthest step of its life that was heard of."""

tally = Table(
    "tally",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)
"""Sums, each partition its own, so that nobody waits for another; they are added up when read."""

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

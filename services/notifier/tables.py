"""The notifier's tables, all in the schema ``notifier``.

Two kinds of time stand side by side. What policy and people see (``at``, ``planned_at``,
``hold_until``, ``finished_at``) is the schema's ``clock()``, which may run fast. What concerns
the far side and other instances (``next_at``, ``lease_until``, ``first_attempt_at``, everything
of a gate) is real time, ``clock_timestamp()``.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Identity,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

SCHEMA: Final = "notifier"
metadata = MetaData(schema=SCHEMA)

INSTANT = DateTime(timezone=True)

ticket = Table(
    "ticket",
    metadata,
    Column("ticket", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("last_id", UUID),
    Column("status", Text, nullable=False),
    Column("status_version", BigInteger, nullable=False),
    Column("tier", SmallInteger),
    Column("priority", Text),
    Column("restricted", Boolean, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("calls", JSONB, nullable=False),
)
"""Every ticket as far as it has been heard; one row, one `core.known.Known`."""

decision = Table(
    "decision",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("traceparent", Text),
    Column("facts", JSONB, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("planned_at", INSTANT, nullable=False),
)
"""Decisions that ask for deliveries, with what was known of the ticket then.

``rows`` is how many deliveries were planned in the same transaction; the ledger check holds
the ledger against it.
"""

delivery = Table(
    "delivery",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("decision_id", UUID, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("escalation", Text),
    Column("role", Text, nullable=False),
    Column("person", Text),
    Column("purpose", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("fyi", Boolean, nullable=False),
    Column("ladder", Boolean, nullable=False),
    Column("code", Text),
    Column("priority", Text),
    Column("ways", ARRAY(Text), nullable=False),
    Column("way", SmallInteger, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("channel", Text),
    Column("address", Text),
    Column("target", Text),
    Column("gate", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempt", Integer, nullable=False),
    Column("planned_at", INSTANT, nullable=False),
    Column("hold_until", INSTANT),
    Column("finished_at", INSTANT),
    Column("next_at", INSTANT),
    Column("lease_until", INSTANT),
    Column("first_attempt_at", INSTANT),
    Column("provider_ref", Text),
    Column("last_error", Text),
    Column("digest", UUID),
)
"""The ledger: one row per notice, written before anything is sent, kept after.

``ways`` are the channels that have not refused it, ``way`` the one whose turn it is, ``rounds`` how
often all of them have failed. ``digest`` is the message it last went in with others.
"""

attempt = Table(
    "attempt",
    metadata,
    Column("delivery_id", UUID, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("started_at", INSTANT, nullable=False),
    Column("ended_at", INSTANT),
    Column("outcome", Text),
    Column("detail", Text),
)
"""Every attempt; one without an end belongs to a process that died over it."""

gate = Table(
    "gate",
    metadata,
    Column("gate", Text, primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("refilled_at", INSTANT, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("open_until", INSTANT),
    Column("pause", Interval),
    Column("gone", Boolean, nullable=False),
)
"""Rate and circuit breaker of every far side, and the pace of every recipient (``to:…``)."""

early = Table(
    "early",
    metadata,
    Column("ticket", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("id", UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("traceparent", Text),
    Column("heard_at", INSTANT, nullable=False),
)
"""Decisions that came before an earlier version of their ticket: they wait here."""

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, Identity(), primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("id", UUID, nullable=False, unique=True),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("published_at", INSTANT),
    Column("dead_at", INSTANT),
)
"""What is still to be said on ``notifications.deliveries``."""

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
    Column("settled", Text),
)
"""Records of the topic that could not be read or planned, as they came.

``settled`` is what an operator did about it, ``replayed`` or ``discarded``.
"""

operator_act = Table(
    "operator_act",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("letter", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", INSTANT, nullable=False),
)
"""What operators did to dead letters: which, who, and why; never changed."""

card = Table(
    "card",
    metadata,
    Column("place", Text, primary_key=True),
    Column("ticket", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("lease_until", INSTANT),
)
"""The one message that stands for a ticket in a place of a chat, and the version it shows.

``place`` is the address in the roster, or ``room``; ``channel`` and ``message`` are the chat's own
names of them.
"""

room = Table(
    "room",
    metadata,
    Column("ticket", Text, primary_key=True),
    Column("channel", Text),
    Column("state", Text, nullable=False),
    Column("invited", ARRAY(Text), nullable=False),
    Column("lease_until", INSTANT),
)
"""Case rooms: a channel of its own for a P1 or a ticket in tier 3, until it is over."""

digest_slot = Table(
    "digest_slot",
    metadata,
    Column("about", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("goes_at", INSTANT, nullable=False),
)
"""When the newest digest about a group went to a person, or goes, by the policy's clock."""

answer = Table(
    "answer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("escalation", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("through", Text, nullable=False),
    Column("at", INSTANT, nullable=False),
)
"""What people answered by button or link, as it was handed to intake; never changed."""

kept_calendar = Table(
    "kept_calendar",
    metadata,
    Column("address", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("fetched_at", INSTANT, nullable=False),
)
"""The last good text of each calendar that the roster names by an address, and when it was fetched.

``address`` is what the roster writes, a reference where that is one, and never what it leads to.
"""

subscription = Table(
    "subscription",
    metadata,
    Column("name", Text, primary_key=True),
    Column("subscriber", Text, nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("priorities", ARRAY(Text), nullable=False),
    Column("mode", Text, nullable=False),
    Column("every_s", Integer),
    Column("quiet", JSONB),
    Column("urgent", ARRAY(Text), nullable=False),
    Column("urgent_mode", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("changed_at", INSTANT, nullable=False),
)
"""Who wants to hear what; ``actor`` is who set it up last."""

subscription_version = Table(
    "subscription_version",
    metadata,
    Column("version", BigInteger, nullable=False),
    Column("one", Boolean, primary_key=True),
)
"""One row: how often ``subscription`` has changed, counted by the table itself."""

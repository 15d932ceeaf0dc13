"""The topics: who writes, who reads, how keyed, how kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.contract.decisions import DECISION_MODELS
from shared.contract.deliveries import DELIVERY_MODELS
from shared.contract.events import EVENT_MODELS
from shared.contract.policies import POLICY_MODELS
from shared.contract.refusals import REFUSAL_MODELS
from shared.contract.uses import USE_MODELS

TICKET_EVENTS: Final = "tickets.events"
TIER_CHANGES: Final = "tickets.tier-changes"
DELIVERIES: Final = "notifications.deliveries"
POLICIES: Final = "policies"
REFUSED_HOOKS: Final = "hooks.refused"
KEYS_USED: Final = "keys.used"

PARTITIONS: Final = 12
"""Partitions of a topic keyed by ticket; fixed at creation, since a ticket never moves."""

MAX_MESSAGE_BYTES: Final = 1_048_576
"""The largest record that a topic takes (1 MiB)."""

_COMMON: Final = {
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
_KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {**_COMMON, "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
)
# The lag is the largest there is: compaction may tidy, but every version stays readable.
_COMPACTED: Final[Mapping[str, str]] = MappingProxyType(
    {**_COMMON, "cleanup.policy": "compact", "min.compaction.lag.ms": str(2**63 - 1)}
)
# Whoever asks for the latest reads the whole topic, so what is older goes within hours.
_LATEST: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_COMMON,
        "cleanup.policy": "compact",
        "segment.ms": "3600000",
        "min.cleanable.dirty.ratio": "0.1",
    }
)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the registry.

    Attributes:
        name: Its name, before the prefix of an installation.
        key: What a record's key is; partitions are chosen by murmur2 of its UTF-8.
        partitions: How many there are, fixed at creation.
        cleanup: What becomes of old records, in words.
        writers: Which services write it.
        readers: Which services read it.
        messages: The event types it carries.
        config: Settings of the topic in Kafka; replication is the installation's choice.
    """

    name: str
    key: str
    partitions: int
    cleanup: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    messages: tuple[str, ...]
    config: Mapping[str, str]


TOPICS: Final = (
    Topic(
        name=TICKET_EVENTS,
        key="ticket key",
        partitions=PARTITIONS,
        cleanup="kept for ever: the log of record",
        writers=("intake",),
        readers=("escalator", "tracker"),
        messages=tuple(EVENT_MODELS),
        config=_KEPT,
    ),
    Topic(
        name=TIER_CHANGES,
        key="ticket key",
        partitions=PARTITIONS,
        cleanup="kept for ever",
        writers=("escalator",),
        readers=("notifier", "tracker"),
        messages=tuple(DECISION_MODELS),
        config=_KEPT,
    ),
    Topic(
        name=DELIVERIES,
        key="ticket key",
        partitions=PARTITIONS,
        cleanup="kept for ever",
        writers=("notifier",),
        readers=("tracker",),
        messages=tuple(DELIVERY_MODELS),
        config=_KEPT,
    ),
    Topic(
        name=POLICIES,
        key="policy name",
        partitions=1,
        cleanup="compacted, every version kept",
        writers=("intake",),
        readers=("intake", "escalator", "notifier", "tracker"),
        messages=tuple(POLICY_MODELS),
        config=_COMPACTED,
    ),
    Topic(
        name=REFUSED_HOOKS,
        key="source",
        partitions=1,
        cleanup="kept for ever, for a better mapping",
        writers=("intake",),
        readers=(),
        messages=tuple(REFUSAL_MODELS),
        config=_KEPT,
    ),
    Topic(
        name=KEYS_USED,
        key="key id",
        partitions=1,
        cleanup="compacted, of a key the last use is kept",
        writers=("intake",),
        readers=("intake",),
        messages=tuple(USE_MODELS),
        config=_LATEST,
    ),
)
"""Every topic of Tierline."""

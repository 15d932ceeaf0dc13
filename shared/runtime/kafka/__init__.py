"""Kafka's one door: the publisher, the consumer loop, and what passes through them."""

from shared.runtime.kafka.admin import (
    KafkaUnavailableError,
    TopicMissingError,
    TopicShape,
    cluster_id,
    create_topic,
    describe_topic,
)
from shared.runtime.kafka.consumer import consume
from shared.runtime.kafka.options import ConsumeOptions, ConsumerStuckError, Handle
from shared.runtime.kafka.publisher import (
    Publisher,
    PublisherBrokenError,
    PublishFailedError,
    PublishTimeoutError,
    RecordTooLargeError,
)
from shared.runtime.kafka.reading import Reader, reading
from shared.runtime.kafka.records import Batch, Incoming, Landed, Record, partition_for
from shared.runtime.kafka.stretch import StretchReader, stretch_reader
from shared.runtime.kafka.whole import read_whole
from shared.runtime.progress import StaleDataError

__all__ = [
    "Batch",
    "ConsumeOptions",
    "ConsumerStuckError",
    "Handle",
    "Incoming",
    "KafkaUnavailableError",
    "Landed",
    "PublishFailedError",
    "PublishTimeoutError",
    "Publisher",
    "PublisherBrokenError",
    "Reader",
    "Record",
    "RecordTooLargeError",
    "StaleDataError",
    "StretchReader",
    "TopicMissingError",
    "TopicShape",
    "cluster_id",
    "consume",
    "create_topic",
    "describe_topic",
    "partition_for",
    "read_whole",
    "reading",
    "stretch_reader",
]

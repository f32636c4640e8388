"""What tests do with Kafka: topics of their own, any bytes in, everything out in order, offsets."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import confluent_kafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as KafkaTopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import OffsetAndMetadata
from confluent_kafka.admin import AdminClient

from consumer.kafka.lenient_headers import lone_batch, read_any_header_name
from consumer.records import Headers, Record, TopicPartition

MAX_BYTES = 16 * 1024 * 1024  # bad input of 10 MB must fit
_READ_SECONDS = 30
_COORDINATOR_IS_COMING = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)


@dataclass(frozen=True, slots=True)
class Topics:
    """One test's topics and group; no other test has the same."""

    source: str
    dead_letters: str
    replay: str
    outcomes: str
    group: str

    @property
    def names(self) -> list[str]:
        """All four topics."""
        return [self.source, self.dead_letters, self.replay, self.outcomes]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be published, byte for byte as given; nothing about it is checked or filled in.

    `timestamp_ms` None means now; `partition` None means Kafka's own choice by the key
    (0 for what the client refuses to place: neither key nor value, header names that aren't UTF-8).
    """

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """What a group has committed for a partition."""

    offset: int
    metadata: str


def unique_topics(prefix: str = "test") -> Topics:
    """Names that no other test, run or machine uses."""
    base = f"{prefix}-{uuid4().hex[:12]}"
    return Topics(base, f"{base}.dlq", f"{base}.replay", f"{base}.outcomes", f"{base}-group")


async def create_topics(
    bootstrap: str, *names: str, partitions: int = 1, config: Mapping[str, str] | None = None
) -> None:
    """Make topics, with one copy of each partition; `config` is the topics' own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [NewTopic(name, partitions, 1, topic_configs=dict(config or {})) for name in names]
        answer = await admin.create_topics(topics)
        refused = [(name, code, text) for name, code, text in answer.topic_errors if code]
        if refused:
            raise RuntimeError(f"topics not created: {refused}")
    finally:
        await admin.close()


async def publish(bootstrap: str, topic: str, records: Iterable[Outgoing]) -> list[TopicPartition]:
    """Send records in order and wait for every acknowledgement; returns where each one went."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_request_size=MAX_BYTES, linger_ms=2
    )
    await producer.start()
    try:
        pending = [await _send(producer, topic, record) for record in records]
        sent = [await future for future in pending]
        return [TopicPartition(metadata.topic, metadata.partition) for metadata in sent]
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str) -> list[Record]:
    """Everything in a topic up to its present end, ordered by partition and offset."""
    read_any_header_name()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_BYTES,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[Record] = []
        give_up_at = time.monotonic() + _READ_SECONDS
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{topic} not read to its end in {_READ_SECONDS} s")
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += [as_record(record) for record in batch]
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def committed(bootstrap: str, group: str) -> dict[TopicPartition, CommittedOffset]:
    """A group's committed offsets with their metadata; empty where it never committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        offsets = await _offsets(admin, group)
    finally:
        await admin.close()
    return {
        TopicPartition(part.topic, part.partition): CommittedOffset(stored.offset, stored.metadata)
        for part, stored in offsets.items()
        if stored.offset >= 0
    }


def set_position(bootstrap: str, topics: Topics, offset: int) -> None:
    """Set the group's position in the source topic's first partition, as an operator does. Blocks."""
    partition = confluent_kafka.TopicPartition(topics.source, 0, offset)
    wanted = confluent_kafka.ConsumerGroupTopicPartitions(topics.group, [partition])
    admin = AdminClient({"bootstrap.servers": bootstrap})  # its futures end with it
    for future in admin.alter_consumer_group_offsets([wanted]).values():
        future.result(10)


def as_record(record: Any) -> Record:
    """aiokafka's record as ours."""
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )


async def _offsets(admin: AIOKafkaAdminClient, group: str) -> dict[KafkaTopicPartition, OffsetAndMetadata]:
    # A young broker makes its offsets topic when first asked, a restarted one has to load it.
    give_up_at = time.monotonic() + _READ_SECONDS
    while True:
        try:
            offsets: dict[KafkaTopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(
                group
            )
        except _COORDINATOR_IS_COMING:
            if time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.05)
        else:
            return offsets


async def _send(producer: AIOKafkaProducer, topic: str, record: Outgoing) -> "asyncio.Future[Any]":
    if (record.key is None and record.value is None) or _has_odd_name(record.headers):
        batch = lone_batch(
            producer,
            key=record.key,
            value=record.value,
            headers=record.headers,
            timestamp_ms=record.timestamp_ms,
        )
        alone: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=record.partition or 0)
        return alone
    sent: asyncio.Future[Any] = await producer.send(
        topic,
        record.value,
        record.key,
        partition=record.partition,
        timestamp_ms=record.timestamp_ms,
        headers=list(record.headers),
    )
    return sent


def _has_odd_name(headers: Headers) -> bool:
    """Whether a name holds bytes that are not UTF-8, which the client refuses."""
    return any(name != name.encode(errors="replace").decode() for name, _ in headers)


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[KafkaTopicPartition]:
    await consumer._client.add_topic(topic)  # a consumer without a subscription knows no topic
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise LookupError(f"there is no topic {topic}")
    return [KafkaTopicPartition(topic, number) for number in sorted(numbers)]

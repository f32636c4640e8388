"""Reads a topic as it stands: all its partitions, without a group, from positions of one's own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, errors
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.protocol.metadata import MetadataRequest

from consumer.kafka.closing import stop_within_bound
from consumer.kafka.connection import (
    check_connection,
    client_options,
    translate,
    translated,
)
from consumer.kafka.poll_bound import bound_polls
from consumer.kafka.publisher import missing_topic
from consumer.kafka.unpacking import bound_unpacking
from consumer.settings import KafkaSettings

# What the client may hold that nobody has asked for yet.
FETCH_BYTES = 4 * 1024 * 1024
FETCH_WAIT_MS = 250


@asynccontextmanager
async def reading(
    kafka: KafkaSettings,
    topic: str,
    *,
    starts: Mapping[int, int] | None = None,
    within_seconds: float = 10.0,
) -> AsyncIterator[AIOKafkaConsumer]:
    """A client that stands at `starts` (by partition), else at the partition's beginning.

    It never jumps: a position that is gone is OffsetOutOfRangeError. Raises
    KafkaUnreachableError, KafkaRefusedError, TopicMissingError; no topic comes into being by being
    asked for. `within_seconds` bounds the time until it stands.
    """
    async with connected(kafka, topic, within_seconds=within_seconds) as (consumer, partitions):
        with translated(kafka.bootstrap_servers):
            async with asyncio.timeout(within_seconds):
                consumer.assign(partitions)
                for partition, beginning in (await consumer.beginning_offsets(partitions)).items():
                    consumer.seek(partition, (starts or {}).get(partition.partition, beginning))
        yield consumer


@asynccontextmanager
async def connected(
    kafka: KafkaSettings, topic: str, *, within_seconds: float = 10.0
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[KafkaPartition]]]:
    """A client that reads nothing yet, and the topic's partitions; errors and bound as `reading`."""
    bound_polls()
    bound_unpacking()
    with translated(kafka.bootstrap_servers):
        async with asyncio.timeout(within_seconds):
            await check_connection(kafka, within_seconds)
    consumer = AIOKafkaConsumer(
        **client_options(kafka, request_timeout_seconds=within_seconds),
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=1024 * 1024,
    )
    try:
        with translated(kafka.bootstrap_servers):
            async with asyncio.timeout(within_seconds):
                await consumer.start()
                there = await partitions_of(consumer, topic)
        yield consumer, [KafkaPartition(topic, number) for number in sorted(there)]
    finally:
        await stop_within_bound(consumer)


async def count_partitions(kafka: KafkaSettings, topic: str, within_seconds: float = 10.0) -> int:
    """How many partitions the topic has; raises as `reading`."""
    async with connected(kafka, topic, within_seconds=within_seconds) as (_, partitions):
        return len(partitions)


def is_alive(consumer: AIOKafkaConsumer) -> bool:
    """Whether the client's tasks still run: it is silent about those that have died."""
    tasks = (consumer._fetcher._fetch_task, consumer._client._sync_task)
    return not any(task is not None and task.done() for task in tasks)


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """The topic's partitions as they are now; TopicMissingError where there is no such topic."""
    # Asked here, because the client's own request has the broker create a mistyped topic, where it may.
    client = consumer._client
    node = client.get_random_node()
    if node is None:
        raise errors.NodeNotReadyError
    answer = await client.send(node, MetadataRequest([topic], allow_auto_topic_creation=False))
    (found,) = answer.to_object()["topics"]
    error = errors.for_code(found["error_code"])
    if error is errors.UnknownTopicOrPartitionError:
        raise missing_topic(topic)
    if error is not errors.NoError:
        raise translate(error(), f"Topic {topic}:")
    return {partition["partition"] for partition in found["partitions"]}

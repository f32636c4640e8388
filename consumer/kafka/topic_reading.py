"""Reads a topic as it stands: all its partitions, without a group, from positions of one's own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, errors
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.protocol.metadata import MetadataRequest

from consumer.kafka.closing import stop_within_bound
from consumer.kafka.connection import (
    KafkaUnreachableError,
    check_connection,
    client_options,
    translate,
    translated,
)
from consumer.kafka.lenient_headers import read_any_header_name
from consumer.kafka.publisher import TopicMissingError
from consumer.records import Record
from consumer.settings import KafkaSettings

# What the client may hold that nobody has asked for yet.
FETCH_BYTES = 4 * 1024 * 1024
FETCH_WAIT_MS = 250
# So many take some 50 ms, in which nothing else is done.
READ_AT_ONCE = 5_000


@asynccontextmanager
async def reading(
    kafka: KafkaSettings,
    topic: str,
    *,
    starts: Mapping[int, int] | None = None,
    partitions: frozenset[int] | None = None,
    within_seconds: float = 10.0,
) -> AsyncIterator[AIOKafkaConsumer]:
    """A client that stands at `starts` (by partition), else at the partition's beginning.

    `partitions`: only these. It never jumps: a position that is gone is OffsetOutOfRangeError. Raises
    KafkaUnreachableError, KafkaRefusedError, TopicMissingError; no topic comes into being by being
    asked for. `within_seconds` bounds the time until it stands.
    """
    read_any_header_name()
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
                wanted = [
                    KafkaPartition(topic, number)
                    for number in sorted(there)
                    if partitions is None or number in partitions
                ]
                consumer.assign(wanted)
                beginnings = await consumer.beginning_offsets(wanted)
                for partition, beginning in beginnings.items():
                    consumer.seek(partition, (starts or {}).get(partition.partition, beginning))
        yield consumer
    finally:
        await stop_within_bound(consumer)


async def read_to_end(
    kafka: KafkaSettings,
    topic: str,
    *,
    starts: Mapping[int, int] | None = None,
    partitions: frozenset[int] | None = None,
    last: int | None = None,
    within_seconds: float = 10.0,
) -> AsyncGenerator[list[Record], None]:
    """The topic's records, in order of each partition, to the end it had when this began.

    `last`: no more than so many offsets of each partition, before its end. `within_seconds` bounds the time
    until it stands, and then how long the broker may be silent. Raises
    as `reading`; OffsetOutOfRangeError is not raised: what retention takes away meanwhile is passed over.
    """
    try:
        async with reading(
            kafka, topic, starts=starts, partitions=partitions, within_seconds=within_seconds
        ) as consumer:
            async with asyncio.timeout(within_seconds):
                ends = await consumer.end_offsets(list(consumer.assignment()))
                for partition, end in ends.items() if last is not None else ():
                    consumer.seek(partition, max(end - last, await consumer.position(partition)))
            last_came_at = asyncio.get_running_loop().time()
            while any([await consumer.position(each) < end for each, end in ends.items()]):
                try:
                    messages = await consumer.getmany(timeout_ms=200, max_records=READ_AT_ONCE)
                except errors.OffsetOutOfRangeError as exc:
                    await _skip_to_beginnings(consumer, exc)
                    continue
                if messages:
                    last_came_at = asyncio.get_running_loop().time()
                elif asyncio.get_running_loop().time() - last_came_at > within_seconds:
                    raise KafkaUnreachableError(f"{kafka.bootstrap_servers} stopped answering.")
                for partition, batch in messages.items():
                    end = ends.get(partition, 0)
                    yield [_record(message) for message in batch if message.offset < end]
    except (errors.KafkaError, TimeoutError) as exc:
        raise translate(exc, kafka.bootstrap_servers) from exc


async def _skip_to_beginnings(consumer: AIOKafkaConsumer, error: errors.OffsetOutOfRangeError) -> None:
    """Retention took away what was to be read next."""
    lost = list(error.args[0]) if error.args else list(consumer.assignment())
    for partition, beginning in (await consumer.beginning_offsets(lost)).items():
        consumer.seek(partition, max(beginning, await consumer.position(partition)))


def _record(message: Any) -> Record:
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        tuple(message.headers),
    )


async def count_partitions(kafka: KafkaSettings, topic: str, within_seconds: float = 10.0) -> int:
    """How many partitions the topic has; raises as `reading`."""
    async with reading(kafka, topic, within_seconds=within_seconds) as consumer:
        return len(consumer.assignment())


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
        raise TopicMissingError(
            f"Topic {topic} does not exist; create it with: session-consumer topics create"
        )
    if error is not errors.NoError:
        raise translate(error(), f"Topic {topic}:")
    return {partition["partition"] for partition in found["partitions"]}

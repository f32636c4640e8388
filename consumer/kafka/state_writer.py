"""Writes changes of dead letters' states for a command: acknowledged by all in-sync replicas, bounded."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiokafka import errors

from consumer.delivery.dead_letter_state import StateChange
from consumer.delivery.outcome import OutcomeRecord
from consumer.kafka.batches import BatchWriter
from consumer.kafka.connection import check_connection, translate
from consumer.kafka.outcomes import partition_of
from consumer.kafka.producer import SharedProducer
from consumer.settings import KafkaSettings

_TOGETHER = 1_000


async def write_states(
    kafka: KafkaSettings, topic: str, changes: Sequence[StateChange], *, within_seconds: float
) -> AsyncIterator[StateChange]:
    """Gives each change once it is acknowledged, in order, each to its key's partition.

    Raises KafkaUnreachableError or KafkaRefusedError at the first that was not; it, and those sent
    together with it, may have been stored all the same. `within_seconds` bounds the wait for a thousand.
    """
    producer = SharedProducer(kafka)
    writer: BatchWriter[OutcomeRecord] = BatchWriter(
        producer, topic, lambda record, partitions: partition_of(record.key, partitions)
    )
    try:
        await check_connection(kafka, within_seconds)
        for start in range(0, len(changes), _TOGETHER):
            batch = changes[start : start + _TOGETHER]
            try:
                async with asyncio.timeout(within_seconds):
                    results = await writer.write([change.record() for change in batch])
            except TimeoutError as exc:
                raise translate(exc, kafka.bootstrap_servers) from exc
            for change, error in zip(batch, results, strict=True):
                if error is not None:
                    raise _told(error, topic)
                yield change
    finally:
        await producer.close()


def _told(error: Exception, topic: str) -> Exception:
    return translate(error, f"Topic {topic}:") if isinstance(error, (errors.KafkaError, OSError)) else error

"""Follows a topic from a position on, without a group, until nobody asks any more."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aiokafka import AIOKafkaConsumer, errors

from consumer.kafka.connection import KafkaUnreachableError, translate
from consumer.kafka.topic_reading import is_alive, reading
from consumer.records import Record
from consumer.settings import KafkaSettings

# How long nothing may come before the broker is asked whether it is there, and how long it may take.
_QUIET_SECONDS = 5.0
_ANSWER_SECONDS = 4.5


async def follow(
    kafka: KafkaSettings, topic: str, positions: dict[int, int], *, tick_seconds: float
) -> AsyncGenerator[list[Record], None]:
    """What is there from `positions` (by partition) on, as it comes; at every tick at least an empty list.

    Moves `positions`, so that one may begin anew. Raises KafkaUnreachableError where the broker is gone:
    the client alone would wait in silence; KafkaRefusedError, TopicMissingError.
    """
    loop = asyncio.get_running_loop()
    try:
        async with reading(kafka, topic, starts=positions, within_seconds=_ANSWER_SECONDS) as consumer:
            heard_at = loop.time()
            while True:
                try:
                    messages = await consumer.getmany(timeout_ms=round(tick_seconds * 1000))
                except errors.OffsetOutOfRangeError as exc:
                    await _skip_to_beginnings(consumer, exc)
                    continue
                records = [_record(message) for batch in messages.values() for message in batch]
                if records:
                    heard_at = loop.time()
                elif loop.time() - heard_at > _QUIET_SECONDS:
                    await _see_it_answer(consumer, kafka)
                    heard_at = loop.time()
                for record in records:
                    positions[record.partition] = record.offset + 1
                yield records
    except (errors.KafkaError, TimeoutError) as exc:
        raise translate(exc, kafka.bootstrap_servers) from exc


async def _see_it_answer(consumer: AIOKafkaConsumer, kafka: KafkaSettings) -> None:
    if not is_alive(consumer):
        raise KafkaUnreachableError(f"The connection to {kafka.bootstrap_servers} is lost.")
    async with asyncio.timeout(_ANSWER_SECONDS):
        await consumer.end_offsets(list(consumer.assignment()))


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

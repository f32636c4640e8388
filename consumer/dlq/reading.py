"""Reads an account's topics into its register: without a group, nobody's offsets are touched."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

from consumer.dlq.letter import Letter
from consumer.dlq.register import Register
from consumer.kafka.publisher import TopicMissingError
from consumer.kafka.topic_scan import Raw, read_to_end
from consumer.records import Record
from consumer.settings import KafkaSettings, TopicNames

# The time until a topic can be read, and the longest silence after that: an error within 10 s.
WITHIN_SECONDS = 4.5


async def read_letters(
    kafka: KafkaSettings, names: TopicNames, register: Register
) -> AsyncIterator[Sequence[Letter]]:
    """Read the dead-letter topic into the register; gives what is new to it as it comes.

    Raises KafkaUnreachableError, KafkaRefusedError, TopicMissingError, as all here.
    """
    async for records in read_to_end(kafka, names.dead_letter_topic, within_seconds=WITHIN_SECONDS):
        yield register.add_letters(records)


async def read_newest(kafka: KafkaSettings, names: TopicNames, register: Register, count: int) -> None:
    """Read the last `count` records of each partition of the dead-letter topic into a register."""
    batches = read_to_end(kafka, names.dead_letter_topic, last=count, within_seconds=WITHIN_SECONDS)
    async for records in batches:
        register.add_letters(records)


async def read_standings(kafka: KafkaSettings, names: TopicNames, register: Register) -> None:
    """Read how the register's dead letters stand: after `read_letters`, since only theirs is kept."""
    await _outcomes(kafka, names.outcomes_topic, register)
    # Not before: else a replay that begins in between would look like one that is gone.
    await _replays(kafka, names.replay_topic, register)


async def read_records(
    kafka: KafkaSettings, topic: str, places: Collection[tuple[int, int]]
) -> AsyncGenerator[Record, None]:
    """The records at these places (partition, offset), as they come; those that are gone are left out."""
    wanted = set(places)
    starts: dict[int, int] = {}
    for partition, offset in wanted:
        starts[partition] = min(offset, starts.get(partition, offset))
    if not wanted:
        return
    batches = read_to_end(
        kafka, topic, starts=starts, partitions=frozenset(starts), within_seconds=WITHIN_SECONDS
    )
    async with aclosing(batches):
        async for records in batches:
            for record in records:
                if (record.partition, record.offset) in wanted:
                    wanted.discard((record.partition, record.offset))
                    yield record
            if not wanted:
                return


async def together(*reads: Coroutine[Any, Any, None]) -> None:
    """All at once; the first that fails ends the others, and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for each in reads:
                tasks.create_task(each)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def _replays(kafka: KafkaSettings, topic: str, register: Register) -> None:
    def keep(raw: Raw) -> bool:
        return register.wants_replay(raw.headers)

    try:
        async for records in read_to_end(kafka, topic, keep=keep, within_seconds=WITHIN_SECONDS):
            register.add_replays(records)
    except TopicMissingError:
        register.without_replays = True


async def _outcomes(kafka: KafkaSettings, topic: str, register: Register) -> None:
    def keep(raw: Raw) -> bool:
        return register.wants_outcome(raw.key)

    async for records in read_to_end(kafka, topic, keep=keep, within_seconds=WITHIN_SECONDS):
        register.add_outcomes(records)

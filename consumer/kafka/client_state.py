"""What the client does not say by itself: whether it still lives, and whether it was let in."""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition

from consumer.kafka.assignor import AccountAssignor
from consumer.kafka.ownership import coordinator_of
from consumer.records import Record


class ClientBrokenError(Exception):
    """A background task of the client has died: it would hang for ever, so it is built anew."""


def check_alive(consumer: AIOKafkaConsumer) -> None:
    """Raise ClientBrokenError if a task of the client has ended: it is silent about it."""
    coordinator = coordinator_of(consumer)
    tasks: Mapping[str, Any] = {
        "fetch": consumer._fetcher._fetch_task,
        "coordination": coordinator._coordination_task,
        "metadata": consumer._client._sync_task,
    }
    for name, task in tasks.items():
        if task is not None and task.done():
            raise ClientBrokenError(f"the client's {name} task has ended")
    heartbeat = coordinator._heartbeat_task
    if heartbeat is not None and heartbeat.done() and not heartbeat.cancelled() and heartbeat.exception():
        raise ClientBrokenError("the client's heartbeat task has ended")


def disown(consumer: AIOKafkaConsumer) -> None:
    """Let the client claim no account when it joins the group again."""
    for assignor in coordinator_of(consumer)._assignors:
        if isinstance(assignor, AccountAssignor):
            assignor.disown()


def has_fetched(consumer: AIOKafkaConsumer, partitions: list[KafkaPartition]) -> bool:
    """Whether the broker has let us read one of them: only a fetch brings the end of a partition."""
    assigned = consumer.assignment()
    return any(consumer.highwater(part) is not None for part in partitions if part in assigned)


async def is_at_end(consumer: AIOKafkaConsumer, partition: KafkaPartition) -> bool:
    """Whether all is read that the last fetch said there is to be read; False before there was one."""
    if partition not in consumer.assignment():
        return False
    stable, end = consumer.last_stable_offset(partition), consumer.highwater(partition)
    end = end if stable is None else stable
    return end is not None and await consumer.position(partition) >= end


def as_record(message: Any) -> Record:
    """The client's record as ours; a missing timestamp is -1."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=message.timestamp if message.timestamp is not None else -1,
        key=message.key,
        value=message.value,
        headers=message.headers,
    )

"""What the group's offset commits hold: positions, and an account's state beside the lowest of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from consumer.records import TopicPartition


class Entry(NamedTuple):
    """A partition's committed position, and the metadata that is kept with it (4,096 characters at most)."""

    position: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit to be made. `slots`: each account's reservations numbered below are in it."""

    entries: Mapping[TopicPartition, Entry]
    slots: Mapping[str, int]


def keeper(partitions: Iterable[TopicPartition], source_topic: str) -> TopicPartition:
    """Of an account's partitions the one whose metadata holds its state: the source topic's lowest."""
    return min(partition for partition in partitions if partition.topic == source_topic)


def with_state(
    positions: Mapping[TopicPartition, int], state: str, keep_at: TopicPartition
) -> dict[TopicPartition, Entry]:
    """One account's positions as entries, its state with the one at `keep_at`."""
    return {
        partition: Entry(position, state if partition == keep_at else "")
        for partition, position in positions.items()
    }

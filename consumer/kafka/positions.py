"""Where reading starts after an assignment: the committed position, the setting, or nowhere (lost)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from consumer.delivery.accounts import PositionLost
from consumer.records import TopicPartition

StartFrom = Literal["earliest", "latest"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A partition's first offset and the one after its last."""

    beginning: int
    end: int


@dataclass(frozen=True, slots=True)
class Starts:
    """Where each partition starts, and which of these positions must be committed before reading."""

    starts: dict[TopicPartition, int | PositionLost]
    to_commit: dict[TopicPartition, int]


def choose_starts(
    bounds: Mapping[TopicPartition, Bounds],
    committed: Mapping[TopicPartition, int],
    known_before: Mapping[TopicPartition, int],
    start_from: StartFrom,
    group: str,
) -> Starts:
    """The starts of one topic's partitions. Pure.

    Where the group has no position on any partition, `start_from` decides, once: the positions are
    committed before the first record is read. A partition without a position beside others that have
    one was added later and starts at its beginning. `known_before`: positions this process had
    committed earlier; where they are gone, the topic was made anew.
    """
    starts: dict[TopicPartition, int | PositionLost] = {}
    lost: dict[TopicPartition, str] = {}
    to_commit: dict[TopicPartition, int] = {}
    first_time = not committed and not known_before
    for partition, bound in bounds.items():
        position = committed.get(partition)
        if position is None and partition in known_before:
            lost[partition] = "its position is gone: the topic was made anew"
        elif position is None:
            at_end = first_time and start_from == "latest"
            to_commit[partition] = starts[partition] = bound.end if at_end else bound.beginning
        elif not bound.beginning <= position <= bound.end:
            lost[partition] = (
                f"position {position} is outside of what the topic holds, {bound.beginning} to {bound.end}"
            )
        else:
            starts[partition] = position
    return Starts(starts | dict.fromkeys(lost, _lost(lost, group)) if lost else starts, to_commit)


def parted(lost: PositionLost) -> tuple[str, str]:
    """What is lost, and what to do, apart."""
    what, _, to_do = lost.partition(". ")
    return what, f"{to_do}."


def lost_while_reading(partition: TopicPartition, group: str) -> PositionLost:
    """The position vanished under a running consumer: retention, or the topic was made anew."""
    return _lost({partition: "the broker no longer has the position"}, group)


def _lost(partitions: Mapping[TopicPartition, str], group: str) -> PositionLost:
    """One reason for all that a topic lost, so that one command mends them and touches no other."""
    first = min(partitions)
    others = [str(each.partition) for each in sorted(partitions) if each != first]
    so_are = f" (so are partitions {', '.join(others)})" if others else ""
    numbers = ",".join([str(first.partition), *others])
    return PositionLost(
        f"{first.topic}:{first.partition}: {partitions[first]}{so_are}. Stop all replicas, set the position "
        f"with `kafka-consumer-groups.sh --bootstrap-server … --group {group} --topic {first.topic}:{numbers}"
        " --reset-offsets --to-earliest --execute` (or another place), and start them again"
    )

"""Who owned what and when, and what was committed, as the broker itself wrote it down (__consumer_offsets).

Formats: Kafka 4.1's GroupMetadataValue (version 3), OffsetCommitKey and OffsetCommitValue (version 4).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.protocol.types import Bytes, CompactString, Int16, Int32, Int64, Schema, String

from consumer.records import Record, TopicPartition
from tests.kafka_broker.traffic import read_all

_TOPIC = "__consumer_offsets"
_TEXT = String("utf-8")
_COMMIT_KEYS, _GROUP_KEY = (0, 1), 2
_GROUP_VERSION, _COMMIT_VERSION = 3, 4
_GROUP_HEAD = Schema(("kind", _TEXT), ("generation", Int32), ("protocol", _TEXT), ("leader", _TEXT))


@dataclass(frozen=True, slots=True)
class Tenure:
    """One generation of the group, from its assignment to the next record about the group (epoch seconds).

    `owners`: the client id that has each topic; nobody's topics are not in it.
    """

    generation: int
    owners: Mapping[str, str]
    begins_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed position and its metadata."""

    at: float
    partition: TopicPartition
    position: int
    metadata: str


@dataclass(frozen=True, slots=True)
class GroupLog:
    """Both in the order in which the broker wrote them; the last tenure ends never."""

    tenures: tuple[Tenure, ...]
    commits: tuple[Commit, ...]


async def read_group_log(bootstrap: str, group: str) -> GroupLog:
    """Everything about one group. Raises ValueError for a version that is not known here."""
    return group_log(await read_all(bootstrap, _TOPIC), group)


def group_log(records: Iterable[Record], group: str) -> GroupLog:
    """The same, of the topic's records. Pure."""
    begun: list[tuple[float, int, dict[str, str]]] = []
    commits: list[Commit] = []
    for record in records:
        key = BytesIO(record.key or b"")
        kind = Int16.decode(key)
        if kind not in (*_COMMIT_KEYS, _GROUP_KEY) or _TEXT.decode(key) != group:
            continue
        at = record.timestamp_ms / 1000
        if kind == _GROUP_KEY:
            begun.append((at, *_assignment(record.value)))
        elif record.value is not None:
            partition = TopicPartition(_TEXT.decode(key), Int32.decode(key))
            commits.append(_commit(at, partition, record.value))
    ends = [*(at for at, _, _ in begun[1:]), float("inf")]
    tenures = [
        Tenure(generation, owners, at, end)
        for (at, generation, owners), end in zip(begun, ends, strict=False)
    ]
    return GroupLog(tuple(tenures), tuple(commits))


def _assignment(value: bytes | None) -> tuple[int, dict[str, str]]:
    if value is None:  # the group is gone
        return -1, {}
    stream = BytesIO(value)
    _check_version(stream, _GROUP_VERSION)
    _, generation, _, _ = _GROUP_HEAD.decode(stream)
    Int64.decode(stream)  # since when the group is in this state
    owners: dict[str, str] = {}
    for _ in range(Int32.decode(stream)):
        _TEXT.decode(stream)  # the member's id
        _TEXT.decode(stream)  # its static id
        client_id, _ = _TEXT.decode(stream), _TEXT.decode(stream)  # and its host
        Int32.decode(stream), Int32.decode(stream)  # time-outs: rebalance, session
        Bytes.decode(stream)  # subscription
        assigned = Bytes.decode(stream)
        if assigned:
            for topic, partitions in ConsumerProtocolMemberAssignment.decode(assigned).assignment:
                if partitions:
                    owners[topic] = client_id
    return generation, owners


def _commit(at: float, partition: TopicPartition, value: bytes) -> Commit:
    stream = BytesIO(value)
    _check_version(stream, _COMMIT_VERSION)
    position = Int64.decode(stream)
    Int32.decode(stream)  # leader epoch
    return Commit(at, partition, position, CompactString("utf-8").decode(stream))


def _check_version(stream: BytesIO, expected: int) -> None:
    version = Int16.decode(stream)
    if version != expected:
        raise ValueError(f"the broker writes its group log in version {version}, not {expected}")

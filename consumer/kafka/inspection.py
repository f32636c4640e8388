"""Looking at a cluster and at a group from outside: joins nothing, reads no record, writes nothing."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, errors
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest

from consumer.delivery.commits import Entry
from consumer.kafka.closing import stop_within_bound
from consumer.kafka.connection import (
    CLIENT_ID,
    KafkaUnreachableError,
    client_options,
    open_connection,
    translate,
    translated,
)
from consumer.kafka.operations import GroupWithOperations, MetadataWithOperations, operations_in
from consumer.kafka.positions import Bounds
from consumer.records import TopicPartition
from consumer.settings import KafkaSettings

_COORDINATOR_PAUSE_SECONDS = 0.3
_NO_COORDINATOR_YET = (
    errors.GroupCoordinatorNotAvailableError,
    errors.GroupLoadInProgressError,
    errors.NotCoordinatorForGroupError,
)
Operations = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class SeenTopic:
    """A topic as the metadata has it. `refused`: we may not even know of it.

    `leaderless`: partitions that have no leader now. `operations`: what we may do; None: not told.
    """

    name: str
    exists: bool
    refused: bool
    partitions: tuple[int, ...] = ()
    leaderless: int = 0
    operations: Operations = None


@dataclass(frozen=True, slots=True)
class SeenCluster:
    """`brokers`: the addresses (`host:port`) that clients are sent to, by node id.

    `operations`: what we may do with the cluster, as far as we may know it; None: not told.
    """

    brokers: Mapping[int, str]
    topics: Mapping[str, SeenTopic]
    operations: Operations = None


@dataclass(frozen=True, slots=True)
class SeenMember:
    """A member of the group. `host` as the broker sees it; `topics`: what it was assigned."""

    member_id: str
    client_id: str
    host: str
    topics: frozenset[str]

    @property
    def ours(self) -> bool:
        """Whether it says that it is a consumer of this program."""
        return self.client_id == CLIENT_ID

    def __str__(self) -> str:
        return f"{self.member_id} at {self.host}"


@dataclass(frozen=True, slots=True)
class SeenGroup:
    """The group and its committed positions, as its coordinator has them."""

    state: str
    members: tuple[SeenMember, ...]
    operations: Operations
    committed: Mapping[TopicPartition, Entry]

    @property
    def settled(self) -> bool:
        """Whether it is known who owns what: nobody joins or leaves just now."""
        return self.state in ("Stable", "Empty", "Dead")

    def owner(self, topic: str) -> SeenMember | None:
        """The member that the topic is assigned to."""
        return next((member for member in self.members if topic in member.topics), None)


async def offered_mechanisms(kafka: KafkaSettings, server: str, seconds: float) -> tuple[str, ...]:
    """The SASL mechanisms of this listener, without a login. KafkaUnreachableError, KafkaRefusedError."""
    async with open_connection(server, kafka, seconds, authenticated=False) as connection:
        # One that no broker has, so that this is no login; the answer lists those it has.
        answer = await connection.send(SaslHandShakeRequest("NONE"))
        return tuple(sorted(answer.enabled_mechanisms))


async def look_at_cluster(
    kafka: KafkaSettings, server: str, topics: Sequence[str], seconds: float
) -> SeenCluster:
    """What the broker at this address says of the cluster. KafkaUnreachableError, KafkaRefusedError."""
    async with open_connection(server, kafka, seconds) as connection:
        answer = (await connection.send(MetadataWithOperations(topics))).to_object()
    return SeenCluster(
        {broker["node_id"]: _address(broker["host"], broker["port"]) for broker in answer["brokers"]},
        {topic["topic"]: _seen(topic) for topic in answer["topics"]},
        operations_in(answer.get("cluster_authorized_operations")),
    )


def _seen(topic: Mapping[str, Any]) -> SeenTopic:
    error = errors.for_code(topic["error_code"])
    return SeenTopic(
        topic["topic"],
        exists=error in (errors.NoError, errors.LeaderNotAvailableError),
        refused=error is errors.TopicAuthorizationFailedError,
        partitions=tuple(sorted(each["partition"] for each in topic["partitions"])),
        leaderless=sum(each["leader"] < 0 for each in topic["partitions"]),
        operations=operations_in(topic.get("authorized_operations")),
    )


async def knock(kafka: KafkaSettings, address: str, seconds: float) -> None:
    """Whether a broker lets us in at this address. KafkaUnreachableError, KafkaRefusedError."""
    async with open_connection(address, kafka, seconds) as connection:
        await connection.send(MetadataWithOperations([]))


async def look_at_group(
    kafka: KafkaSettings, server: str, partitions: Collection[TopicPartition], seconds: float
) -> SeenGroup:
    """The group, as its coordinator has it, with what it has committed of these partitions.

    KafkaUnreachableError, KafkaRefusedError (no right to describe it). `seconds` bounds each of two steps.
    """
    coordinator = await _coordinator(kafka, server, seconds)
    async with open_connection(coordinator, kafka, seconds) as connection:
        answer = (await connection.send(GroupWithOperations(kafka.group_id))).to_object()
        (group,) = answer["groups"]
        _raise_for(group["error_code"])
        fetched = await connection.send(OffsetFetchRequest(kafka.group_id, _by_topic(partitions)))
        for _, found in fetched.topics:
            for _, _, _, code in found:
                _raise_for(code)  # a position that can't be read is not one that isn't there
    committed = {
        TopicPartition(topic, number): Entry(offset, metadata or "")
        for topic, found in fetched.topics
        for number, offset, metadata, _ in found
        if offset >= 0
    }
    return SeenGroup(
        group["state"],
        tuple(_member(member) for member in group["members"]),
        operations_in(group.get("authorized_operations")),
        committed,
    )


async def _coordinator(kafka: KafkaSettings, server: str, seconds: float) -> str:
    async with open_connection(server, kafka, seconds) as connection:
        while True:
            # A cluster that never had a group makes its offsets topic at this.
            answer = await connection.send(FindCoordinatorRequest(kafka.group_id, 0))
            if errors.for_code(answer.error_code) not in _NO_COORDINATOR_YET:
                break
            await asyncio.sleep(_COORDINATOR_PAUSE_SECONDS)
        _raise_for(answer.error_code)
        return _address(answer.host, answer.port)


def _raise_for(code: int) -> None:
    error = errors.for_code(code)
    if error is not errors.NoError:
        raise error


def _member(member: Mapping[str, Any]) -> SeenMember:
    topics = []
    if member["member_assignment"]:
        assignment = ConsumerProtocolMemberAssignment.decode(member["member_assignment"])
        topics = [topic for topic, _ in assignment.assignment]
    host = str(member["client_host"]).removeprefix("/")
    return SeenMember(member["member_id"], member["client_id"], host, frozenset(topics))


def _by_topic(partitions: Collection[TopicPartition]) -> list[tuple[str, list[int]]]:
    topics: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        topics.setdefault(partition.topic, []).append(partition.partition)
    return list(topics.items())


async def look_at_bounds(
    kafka: KafkaSettings, partitions: Collection[TopicPartition], seconds: float
) -> dict[TopicPartition, Bounds]:
    """Where each begins and ends, as `run` sees it. KafkaUnreachableError, KafkaRefusedError."""
    consumer = AIOKafkaConsumer(
        **client_options(kafka, request_timeout_seconds=seconds), isolation_level="read_committed"
    )
    try:
        with translated(kafka.bootstrap_servers):
            async with asyncio.timeout(seconds):
                await consumer.start()
                wanted = [KafkaPartition(*partition) for partition in partitions]
                beginnings = await consumer.beginning_offsets(wanted)
                ends = await consumer.end_offsets(wanted)
    except errors.UnknownTopicOrPartitionError as exc:
        raise translate(exc, "Kafka") from exc
    finally:
        await stop_within_bound(consumer)
    return {TopicPartition(*each): Bounds(beginnings[each], end) for each, end in ends.items()}


def _address(host: str, port: int) -> str:
    if not host or port < 0:
        raise KafkaUnreachableError("The broker names no address of the group's coordinator.")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

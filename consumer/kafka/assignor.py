"""Which member of the group owns which account: a topic's partitions are never split (law 3)."""

import json
from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

VERSION = 0


def place(topics_of: Mapping[str, Iterable[str]], owned_by: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """The member of each topic: its owner where it has one, else whoever has the fewest. Pure.

    `topics_of`: the topics each member subscribes to; `owned_by`: those it says it owns. An owner
    keeps no more than its even share, so that a member that joins gets some. Ties go to the smaller
    member id, so every leader comes to the same result.
    """
    members = sorted(topics_of)
    wanted = {member: set(topics_of[member]) for member in members}
    topics = sorted(set().union(*wanted.values())) if members else []
    most = -(-len(topics) // len(members)) if members else 0
    placed: dict[str, str] = {}
    load = dict.fromkeys(members, 0)
    for member in members:
        for topic in sorted(set(owned_by.get(member, ())) & wanted[member]):
            if topic not in placed and load[member] < most:
                placed[topic] = member
                load[member] += 1
    for topic in topics:
        if topic not in placed:
            candidates = [member for member in members if topic in wanted[member]]
            placed[topic] = min(candidates, key=lambda member: (load[member], member))
            load[placed[topic]] += 1
    return placed


class AccountAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped
    """Gives whole topics to members and leaves them where they are. One instance per consumer.

    A member says in its metadata which topics it owns. Members without any are hot standbys.
    """

    name = "session-consumer-account"

    def __init__(self) -> None:
        self._owned: list[str] = []

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member tells the group's leader."""
        owned = json.dumps({"owned": self._owned}).encode()
        return ConsumerProtocolMemberMetadata(VERSION, sorted(topics), owned)

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """The leader's part: every member's partitions."""
        placed = place(
            {member: metadata.subscription for member, metadata in members.items()},
            {member: _owned_topics(metadata.user_data) for member, metadata in members.items()},
        )
        assignments = {}
        for member in members:
            partitions = [
                (topic, sorted(cluster.partitions_for_topic(topic) or ()))
                for topic, owner in sorted(placed.items())
                if owner == member
            ]
            assignments[member] = ConsumerProtocolMemberAssignment(
                VERSION, [(topic, found) for topic, found in partitions if found], b""
            )
        return assignments

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """This member's part of it."""
        self._owned = sorted({partition.topic for partition in assignment.partitions()})

    def disown(self) -> None:
        """This member was thrown out of the group: what it owned is another's now, and stays there."""
        self._owned = []


def _owned_topics(user_data: bytes) -> list[str]:
    """What a member says it owns; nothing where it says it in a way that isn't ours."""
    try:
        owned = json.loads(user_data)["owned"]
    except (ValueError, KeyError, TypeError):
        return []
    return [topic for topic in owned if isinstance(topic, str)] if isinstance(owned, list) else []

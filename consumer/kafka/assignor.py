"""Which member of the group owns which account: its two topics are never split (law 3)."""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

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


def follow(placed: Mapping[str, str], lanes: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The member of each replay topic: that of its source, where it says that they belong together. Pure.

    `placed`: the member of each source; `lanes`: each member's replay topics with their sources. With an
    owner of a version that knows of no replays, a replay topic is nobody's.
    """
    followers: dict[str, str] = {}
    for member in sorted(lanes):
        for replay, source in sorted(lanes[member].items()):
            if placed.get(source) == member:
                followers.setdefault(replay, member)
    return followers


class AccountAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped
    """Gives whole accounts to members and leaves them where they are. One instance per consumer.

    A member says in its metadata which source topics it owns, and which replay topic goes with which.
    Members without any account are hot standbys. `lanes`: the source topic of each replay topic.
    """

    name = "session-consumer-account"

    def __init__(self, lanes: Mapping[str, str]) -> None:
        self._lanes = dict(lanes)
        self._owned: list[str] = []

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member tells the group's leader."""
        said = json.dumps({"owned": self._owned, "with": self._lanes}).encode()
        return ConsumerProtocolMemberMetadata(VERSION, sorted(topics), said)

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """The leader's part: every member's partitions."""
        wanted = {member: set(metadata.subscription) for member, metadata in members.items()}
        said = {member: _Said.read(metadata.user_data) for member, metadata in members.items()}
        lanes = {
            member: {replay: source for replay, source in said[member].lanes.items() if replay in topics}
            for member, topics in wanted.items()
        }
        replays = set().union(*lanes.values())
        placed = place(
            {member: topics - replays for member, topics in wanted.items()},
            {member: each.owned for member, each in said.items()},
        )
        served = {topic: owner for topic, owner in placed.items() if cluster.partitions_for_topic(topic)}
        placed |= follow(served, lanes)
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
        self._owned = sorted({partition.topic for partition in assignment.partitions()} - set(self._lanes))

    def disown(self) -> None:
        """This member was thrown out of the group: what it owned is another's now, and stays there."""
        self._owned = []


class _Said(NamedTuple):
    """What a member says of itself: the source topics it owns, and the source of each replay topic."""

    owned: list[str]
    lanes: dict[str, str]

    @classmethod
    def read(cls, user_data: bytes) -> "_Said":
        """Nothing where it says it in a way that isn't ours."""
        try:
            said = json.loads(user_data)
            owned, lanes = said["owned"], said.get("with")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls([], {})
        return cls(
            [topic for topic in owned if isinstance(topic, str)] if isinstance(owned, list) else [],
            {replay: source for replay, source in lanes.items() if isinstance(source, str)}
            if isinstance(lanes, dict)
            else {},
        )

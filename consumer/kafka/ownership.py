"""The group generation under which this process owns its partitions, and commits fenced by it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.protocol.commit import OffsetCommitRequest

from consumer.records import TopicPartition


class FencedError(Exception):
    """The commit was refused: this process is no longer the owner, or the group is rebalancing."""


class CommitError(Exception):
    """The commit failed though nothing says that ownership is lost. Its text is for an operator."""


_LOST_OWNERSHIP = (
    kafka_errors.UnknownMemberIdError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.RebalanceInProgressError,
)

_GRANT = {
    kafka_errors.GroupAuthorizationFailedError: "grant Read on the group (CONSUMER_KAFKA_GROUP_ID)",
    kafka_errors.TopicAuthorizationFailedError: "grant Read on the topic",
}


@dataclass(frozen=True, slots=True)
class Ownership:
    """Generation and member id, captured when ownership began.

    The client's public `commit()` takes the generation of the moment it is sent, so a commit that
    waited over a rebalance would pass as the new owner's. This one is refused instead.
    """

    consumer: AIOKafkaConsumer
    generation: int
    member_id: str

    @classmethod
    def of(cls, consumer: AIOKafkaConsumer) -> "Ownership":
        """What the consumer's coordinator has now."""
        coordinator = coordinator_of(consumer)
        return cls(consumer, coordinator.generation, coordinator.member_id)

    def is_generation_current(self) -> bool:
        """Whether the client has not been thrown out of the group, as far as it knows."""
        coordinator = coordinator_of(self.consumer)
        same: bool = coordinator.generation == self.generation and coordinator.member_id == self.member_id
        return same

    def is_current(self) -> bool:
        """Whether the client still has this generation, and knows a coordinator."""
        return self.is_generation_current() and coordinator_of(self.consumer).coordinator_id is not None

    async def commit(self, positions: Mapping[TopicPartition, int], metadata: str = "") -> None:
        """One OffsetCommit request, no retry. Raises FencedError, or CommitError from the client's error.

        Bounded by the client's request time-out; the caller bounds its patience.
        """
        topics: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for partition, offset in positions.items():
            topics[partition.topic].append((partition.partition, offset, metadata))
        request = OffsetCommitRequest(
            coordinator_of(self.consumer).group_id,
            self.generation,
            self.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            list(topics.items()),
        )
        coordinator = coordinator_of(self.consumer)
        try:
            response = await coordinator._send_req(request)
        except kafka_errors.KafkaError as exc:
            raise CommitError(f"offsets can't be committed: {type(exc).__name__}") from exc
        for topic, partitions in response.topics:
            for partition, code in partitions:
                error = kafka_errors.for_code(code)
                if error is kafka_errors.NoError:
                    continue
                if error in _LOST_OWNERSHIP:
                    raise FencedError(error.__name__)
                _tell_coordinator(coordinator, error)
                reason = f"offsets of {topic}:{partition} can't be committed: {error.__name__}"
                if error in _GRANT:
                    reason = f"{reason}; {_GRANT[error]}"
                raise CommitError(reason) from error()


def coordinator_of(consumer: AIOKafkaConsumer) -> Any:
    """The consumer's group coordinator: the client has no public way to the generation."""
    return consumer._coordinator


def _tell_coordinator(coordinator: Any, error: type[Exception]) -> None:
    """Let the client look for the coordinator again where this one says it is none."""
    moved = (kafka_errors.GroupCoordinatorNotAvailableError, kafka_errors.NotCoordinatorForGroupError)
    if error in moved:
        coordinator.coordinator_dead()

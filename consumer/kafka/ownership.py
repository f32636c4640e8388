"""The group generation under which this process owns its partitions, and commits fenced by it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.protocol.commit import OffsetCommitRequest

from consumer.delivery.commits import Entry
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

_NOT_SENT = (kafka_errors.NodeNotReadyError, kafka_errors.GroupCoordinatorNotAvailableError)
_MOVED = (kafka_errors.GroupCoordinatorNotAvailableError, kafka_errors.NotCoordinatorForGroupError)

_GRANT = {
    kafka_errors.GroupAuthorizationFailedError: "grant Read on the group (CONSUMER_KAFKA_GROUP_ID)",
    kafka_errors.TopicAuthorizationFailedError: "grant Read on the topic",
}


class Ownership:
    """Generation and member id, captured when ownership began.

    The client's public `commit()` takes the generation of the moment it is sent, so a commit that
    waited over a rebalance would pass as the new owner's. This one is refused instead.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        coordinator = coordinator_of(consumer)
        self.consumer = consumer
        self.generation: int = coordinator.generation
        self.member_id: str = coordinator.member_id
        self._unanswered = False

    def is_generation_current(self) -> bool:
        """Whether the client has not been thrown out of the group, as far as it knows."""
        coordinator = coordinator_of(self.consumer)
        same: bool = coordinator.generation == self.generation and coordinator.member_id == self.member_id
        return same

    def is_current(self) -> bool:
        """Whether the client still has this generation, knows a coordinator, and every commit's answer."""
        known = coordinator_of(self.consumer).coordinator_id is not None
        return known and not self._unanswered and self.is_generation_current()

    async def commit(self, entries: Mapping[TopicPartition, Entry]) -> dict[TopicPartition, CommitError]:
        """One OffsetCommit request, no retry: the partitions whose entries were refused, and why.

        Raises FencedError, or CommitError where nothing was committed as far as is known. Where there was
        no answer, the commit may land yet and roll back what a later one says: this ownership is over
        then, and the group is joined again, under a generation that the late commit does not have.
        Bounded by the client's request time-out; the caller bounds its patience.
        """
        topics: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for partition, entry in entries.items():
            topics[partition.topic].append((partition.partition, entry.position, entry.metadata))
        coordinator = coordinator_of(self.consumer)
        request = OffsetCommitRequest(
            coordinator.group_id,
            self.generation,
            self.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            list(topics.items()),
        )
        answered = False
        try:
            response = await coordinator._send_req(request)
            answered = True
        except _NOT_SENT as exc:
            answered = True
            raise CommitError(f"offsets can't be committed: {type(exc).__name__}") from exc
        except kafka_errors.KafkaError as exc:
            coordinator.request_rejoin()
            raise CommitError(f"no answer to an offset commit: {type(exc).__name__}") from exc
        finally:
            self._unanswered = self._unanswered or not answered
        return self._refusals(response)

    def _refusals(self, response: Any) -> dict[TopicPartition, CommitError]:
        refused: dict[TopicPartition, CommitError] = {}
        for topic, partitions in response.topics:
            for partition, code in partitions:
                error = kafka_errors.for_code(code)
                if error is kafka_errors.NoError:
                    continue
                if error in _LOST_OWNERSHIP:
                    raise FencedError(error.__name__)
                if error in _MOVED:
                    # Let the client look for the coordinator again.
                    coordinator_of(self.consumer).coordinator_dead()
                reason = f"offsets of {topic}:{partition} can't be committed: {error.__name__}"
                if error in _GRANT:
                    reason = f"{reason}; {_GRANT[error]}"
                failure = CommitError(reason)
                failure.__cause__ = error()
                if error is kafka_errors.GroupAuthorizationFailedError or error in _MOVED:
                    raise failure
                refused[TopicPartition(topic, partition)] = failure
        return refused


def coordinator_of(consumer: AIOKafkaConsumer) -> Any:
    """The consumer's group coordinator: the client has no public way to the generation."""
    return consumer._coordinator

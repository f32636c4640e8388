"""Whether the broker has let us read: a missing right ends the start, and is waited out later."""

from collections.abc import Collection

from aiokafka import errors as kafka_errors

from consumer.kafka.connection import KafkaRefusedError, translate
from consumer.kafka.ownership import CommitError

_REFUSED = (
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
)


class Admission:
    """Turns a refusal into the end of the start, as long as nothing has been read.

    Afterwards a missing right may be a slip that somebody mends: it is an error like any other.
    """

    def __init__(self, group: str, topics: Collection[str]) -> None:
        self._group = group
        self._topics = topics
        self.granted = False

    def raise_if_refused(self, error: Exception) -> None:
        """Raise KafkaRefusedError, with what to grant, where `error` is a refusal at the start."""
        cause = error.__cause__ if isinstance(error, CommitError) else error
        if self.granted or not isinstance(cause, _REFUSED):
            return
        if isinstance(cause, kafka_errors.GroupAuthorizationFailedError):
            raise KafkaRefusedError(
                f"Kafka refuses the consumer group: grant Read on group {self._group} "
                "(setting CONSUMER_KAFKA_GROUP_ID)."
            ) from error
        if isinstance(cause, kafka_errors.TopicAuthorizationFailedError):
            topics = ", ".join(sorted(self._topics))
            raise KafkaRefusedError(
                f"Kafka refuses to let the source or the replay topic be read: grant Read on topic {topics} "
                "(settings CONSUMER_SOURCE_TOPIC, CONSUMER_REPLAY_TOPIC)."
            ) from error
        raise translate(cause, "Kafka") from error

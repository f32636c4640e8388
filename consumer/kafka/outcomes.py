"""The outcomes topic, written: keyed by session, so that compaction keeps the last of each."""

from collections.abc import Sequence
from functools import lru_cache

from aiokafka import errors as kafka_errors
from aiokafka.partitioner import murmur2

from consumer.delivery.outcome import OutcomeRecord
from consumer.delivery.ports import NotWritten
from consumer.kafka.batches import TOO_LARGE, BatchWriter, DiscardedError
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.kafka.producer import SharedProducer


class OutcomeTopic:
    """One account's outcomes topic; an `OutcomePort`. The producer is shared and closed elsewhere."""

    def __init__(self, producer: SharedProducer, topic: str) -> None:
        self._topic = topic
        self._writer: BatchWriter[OutcomeRecord] = BatchWriter(producer, topic, _partition_of)

    async def write(self, records: Sequence[OutcomeRecord]) -> Sequence[NotWritten | None]:
        """See `OutcomePort.write`."""
        return [
            None if error is None else NotWritten(self._explain(record, error))
            for record, error in zip(records, await self._writer.write(records), strict=True)
        ]

    def discard(self) -> None:
        """See `OutcomePort.discard`."""
        self._writer.discard()

    def _explain(self, record: OutcomeRecord, error: Exception) -> str:
        topic, key = self._topic, record.key.decode()
        match error:
            case DiscardedError():
                return f"the outcome of {key} was not sent: the account is no longer ours"
            case _ if isinstance(error, TOO_LARGE):
                return (
                    f"the outcome of {key}, about {record.size_bytes} bytes, is larger than topic {topic} "
                    "takes: raise the topic's max.message.bytes (`session-consumer topics describe`)"
                )
            case kafka_errors.TopicAuthorizationFailedError():
                return f"no right to write outcomes to topic {topic}: grant Write on it"
            # The second is what a topic that is deleted under a running producer comes to first.
            case kafka_errors.UnknownTopicOrPartitionError() | kafka_errors.NotLeaderForPartitionError():
                return (
                    f"outcomes can't be written: topic {topic} does not exist or has no leader "
                    "(`session-consumer topics create`, setting CONSUMER_OUTCOMES_TOPIC)"
                )
            case KafkaUnreachableError() | KafkaRefusedError():
                return f"outcomes can't be written to topic {topic}: {error}"
            case _:
                return f"outcomes can't be written to topic {topic}: {type(error).__name__}"


def _partition_of(record: OutcomeRecord, partitions: int) -> int:
    return partition_of(record.key, partitions)


# The hash is done in Python, 10 µs a key, and a session that changes often is asked for often.
@lru_cache(maxsize=4096)
def partition_of(key: bytes, partitions: int) -> int:
    """A key's partition, as Kafka's own clients choose it (murmur2 of the key)."""
    chosen: int = (murmur2(key) & 0x7FFFFFFF) % partitions
    return chosen

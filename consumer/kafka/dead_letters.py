"""The dead-letter topic: what is written to it, and why something could not be."""

from collections.abc import Sequence

from aiokafka import errors as kafka_errors

from consumer.delivery.dead_letter import DeadLetter
from consumer.delivery.ports import NotWritten
from consumer.kafka.batches import LARGE_BYTES, BatchWriter
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.kafka.producer import SharedProducer


class DeadLetterTopic:
    """One account's dead-letter topic; a `DeadLetterPort`. The producer is shared and closed elsewhere."""

    def __init__(self, producer: SharedProducer, topic: str) -> None:
        self._topic = topic
        self._writer: BatchWriter[DeadLetter] = BatchWriter(producer, topic, _partition_of)

    async def write(self, letters: Sequence[DeadLetter]) -> Sequence[NotWritten | None]:
        """See `DeadLetterPort.write`."""
        return [
            None if error is None else NotWritten(self._explain(letter, error))
            for letter, error in zip(letters, await self._writer.write(letters), strict=True)
        ]

    def _explain(self, letter: DeadLetter, error: Exception) -> str:
        topic = self._topic
        match error:
            case kafka_errors.MessageSizeTooLargeError() | kafka_errors.RecordListTooLargeError():
                compressed = ", sent compressed," if letter.size_bytes > LARGE_BYTES else ""
                return (
                    f"dead letter {letter.id} of about {letter.size_bytes} bytes{compressed} is larger than "
                    f"topic {topic} takes: raise the topic's max.message.bytes "
                    "(`session-consumer topics describe`)"
                )
            case kafka_errors.TopicAuthorizationFailedError():
                return f"no right to write dead letter {letter.id} to topic {topic}: grant Write on it"
            # The second is what a topic that is deleted under a running producer comes to first.
            case kafka_errors.UnknownTopicOrPartitionError() | kafka_errors.NotLeaderForPartitionError():
                return (
                    f"dead letter {letter.id} can't be written: topic {topic} does not exist or has "
                    "no leader (`session-consumer topics create`, setting CONSUMER_DEAD_LETTER_TOPIC)"
                )
            case KafkaUnreachableError() | KafkaRefusedError():
                return f"dead letter {letter.id} can't be written to topic {topic}: {error}"
            case _:
                name = type(error).__name__
                return f"dead letter {letter.id} can't be written to topic {topic}: {name}"


def _partition_of(letter: DeadLetter, partitions: int) -> int:
    return letter.source_partition % partitions

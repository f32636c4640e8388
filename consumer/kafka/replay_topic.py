"""The replay topic, written; and why a replay was not taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from consumer.kafka.batches import LARGE_BYTES, TOO_LARGE, BatchWriter
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError, check_connection, translate
from consumer.kafka.producer import SharedProducer
from consumer.records import Headers
from consumer.settings import KafkaSettings

_CONNECT_SECONDS = 4.5


@dataclass(frozen=True, slots=True)
class OutgoingReplay:
    """What is written. `source_partition` chooses the partition, so that a session's stay in order."""

    source_partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size_bytes(self) -> int:
        """About its size on the wire."""
        size = len(self.key or b"") + len(self.value or b"") + 4 * len(self.headers)
        for name, value in self.headers:
            size += len(name) + len(value or b"")
        return size


@dataclass(frozen=True, slots=True)
class NotTaken:
    """`reason` is a sentence. `others_may_go`: it is about this replay alone, not about the way to Kafka.

    Where it is about the way, the replay may have been stored all the same.
    """

    reason: str
    others_may_go: bool


class ReplayTopic:
    """One account's replay topic. `close` when done: until then what had no answer may still arrive."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._producer = SharedProducer(kafka)
        self._writer: BatchWriter[OutgoingReplay] = BatchWriter(self._producer, topic, _partition_of)

    async def open(self) -> None:
        """Connect. Raises KafkaUnreachableError, KafkaRefusedError, SettingsError (TLS files)."""
        await check_connection(self._kafka, _CONNECT_SECONDS)
        await self._producer.start()

    async def write(self, replays: Sequence[OutgoingReplay]) -> list[NotTaken | None]:
        """For each, in order, None once all in-sync replicas have it; raises KafkaRefusedError for rights."""
        return [
            None if error is None else self._explain(replay, error)
            for replay, error in zip(replays, await self._writer.write(replays), strict=True)
        ]

    async def close(self) -> None:
        """Nothing is sent after this."""
        await self._producer.close()

    def _explain(self, replay: OutgoingReplay, error: Exception) -> NotTaken:
        if isinstance(error, TOO_LARGE):
            compressed = ", sent compressed," if replay.size_bytes > LARGE_BYTES else ""
            return NotTaken(
                f"of about {replay.size_bytes} bytes{compressed} it is larger than topic {self._topic} "
                "takes; raise the topic's max.message.bytes (`session-consumer topics describe`)",
                others_may_go=True,
            )
        ours = isinstance(error, KafkaUnreachableError | KafkaRefusedError)
        meant = error if ours else translate(error, f"Topic {self._topic}")
        if isinstance(meant, KafkaRefusedError):
            raise meant from error
        return NotTaken(str(meant), others_may_go=False)


def _partition_of(replay: OutgoingReplay, partitions: int) -> int:
    return replay.source_partition % partitions

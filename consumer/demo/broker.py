"""An embedded Kafka: librdkafka's mock cluster, in this process, gone with it."""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.records import Record

ANSWER_SECONDS = 5.0


class EmbeddedBroker:
    """Kafka for one consumer group of one member: enough for a demo, not for a test of Kafka."""

    def __init__(self) -> None:
        # log_level 3: the client would tell on stderr that its cluster is a mock.
        self._producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 3})
        [broker] = self._producer.list_topics(timeout=ANSWER_SECONDS).brokers.values()
        self.bootstrap = f"{broker.host}:{broker.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.flush(ANSWER_SECONDS)

    def create(self, topic: str) -> None:
        """Make the topic: the mock does so, with four partitions, when it is asked for one."""
        self._producer.list_topics(topic, timeout=ANSWER_SECONDS)

    def publish(self, records: Iterable[Record]) -> None:
        """Send them to their topics, in order, and wait until the broker has them."""
        for record in records:
            self._producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
        self._producer.flush(ANSWER_SECONDS)

    def read(self, topic: str) -> list[Record]:
        """All there is in a topic now."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "demo-reader", "log_level": 3})
        try:
            found = reader.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic].partitions
            ends = {
                number: reader.get_watermark_offsets(KafkaPartition(topic, number), timeout=ANSWER_SECONDS)[1]
                for number in found
            }
            reader.assign([KafkaPartition(topic, number, 0) for number in found])
            records: list[Record] = []
            give_up_at = time.monotonic() + ANSWER_SECONDS
            while len(records) < sum(ends.values()) and time.monotonic() < give_up_at:
                message = reader.poll(0.2)
                if message is not None and message.error() is None:
                    records.append(_record(topic, message))
            return records
        finally:
            reader.close()


def _record(topic: str, message: Any) -> Record:  # the client's types allow what a read record never is
    return Record(
        topic=topic,
        partition=message.partition(),
        offset=message.offset(),
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple(message.headers() or ()),
    )

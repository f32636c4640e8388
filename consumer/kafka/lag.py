"""How many records wait in the topics: asked of the broker, since a full backlog fetches nothing."""

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka import errors as kafka_errors

from consumer.records import TopicPartition

ASK_SECONDS = 2.0
PATIENCE_SECONDS = 10.0


class Lag:
    """Of one client's life. `positions`: what may be committed, in each partition that is owned."""

    def __init__(
        self, consumer: AIOKafkaConsumer, positions: Callable[[], Mapping[TopicPartition, int]]
    ) -> None:
        self._consumer = consumer
        self._positions = positions
        self._ends: dict[TopicPartition, int] = {}

    async def watch(self) -> None:
        """Ask for the partitions' ends every 2 s, as long as Kafka answers. Never returns."""
        while True:
            await asyncio.sleep(ASK_SECONDS)
            partitions = [KafkaPartition(*partition) for partition in self._positions()]
            if not partitions:
                continue
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    ends = await self._consumer.end_offsets(partitions)
            except (kafka_errors.KafkaError, TimeoutError):
                continue  # the member sees to it
            self._ends = {TopicPartition(*partition): end for partition, end in ends.items()}

    def of(self, topic: str) -> int:
        """Records of the topic that are not finished, as far as the last answer knows."""
        return sum(
            max(0, self._end(partition, position) - position)
            for partition, position in self._positions().items()
            if partition.topic == topic
        )

    def _end(self, partition: TopicPartition, position: int) -> int:
        try:
            fetched = self._consumer.highwater(KafkaPartition(*partition))
        except (kafka_errors.KafkaError, AssertionError):
            fetched = None
        return max(fetched or position, self._ends.get(partition, position))

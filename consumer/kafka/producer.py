"""The process's one producer, built anew where it broke or where Kafka may have come back elsewhere."""

import asyncio

from aiokafka import AIOKafkaProducer

from consumer.kafka.clients import connect_producer
from consumer.kafka.closing import stop_within_bound
from consumer.settings import KafkaSettings


class SharedProducer:
    """Started by `start` or the first `ready`, ended by `close`."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()
        self._stale = False

    async def start(self) -> None:
        """Connect. Raises KafkaUnreachableError or KafkaRefusedError."""
        await self.ready()

    @property
    def current(self) -> AIOKafkaProducer | None:
        """What the last `ready` gave, if anything."""
        return self._producer

    def renew(self) -> None:
        """Have the next `ready` connect anew, from the bootstrap servers: the client uses them once."""
        self._stale = True

    async def ready(self) -> AIOKafkaProducer:
        """The producer. Raises KafkaUnreachableError or KafkaRefusedError where none can be connected."""
        async with self._renewing:
            if self._producer is None or self._stale or _is_broken(self._producer):
                former, self._producer = self._producer, await connect_producer(self._kafka)
                self._stale = False
                if former is not None:
                    await stop_within_bound(former)
            return self._producer

    async def close(self) -> None:
        """End it, within a second or so."""
        if self._producer is not None:
            await stop_within_bound(self._producer)


def _is_broken(producer: AIOKafkaProducer) -> bool:
    # A dead sender is silent: what is sent would wait for ever.
    task = producer._sender.sender_task
    return task is None or task.done()

"""The process's one producer, built anew where it broke or where Kafka may have come back elsewhere."""

import asyncio

from aiokafka import AIOKafkaProducer

from consumer.kafka.clients import connect_producer
from consumer.settings import KafkaSettings

CLOSE_SECONDS = 1.0


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
                    await _stop(former)
            return self._producer

    async def close(self) -> None:
        """End it, within a second or so."""
        if self._producer is not None:
            await _stop(self._producer)


def _is_broken(producer: AIOKafkaProducer) -> bool:
    # A dead sender is silent: what is sent would wait for ever.
    task = producer._sender.sender_task
    return task is None or task.done()


async def _stop(producer: AIOKafkaProducer) -> None:
    """Within a bound: `stop` may hang or raise where the broker is away."""
    stop = asyncio.ensure_future(producer.stop())
    done, _ = await asyncio.wait([stop], timeout=CLOSE_SECONDS)
    if not done:
        stop.cancel()
        await asyncio.wait([stop], timeout=CLOSE_SECONDS / 4)
    if stop.done() and not stop.cancelled():
        stop.exception()  # heard: there is nobody to tell

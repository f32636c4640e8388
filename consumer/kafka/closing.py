"""Ending a Kafka client within a bound: its `stop` may hang or raise where the broker is away."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

CLOSE_SECONDS = 1.0


async def stop_within_bound(client: AIOKafkaConsumer | AIOKafkaProducer) -> BaseException | None:
    """Stop it, within a second or so: what `stop` raised, for whoever wants to tell."""
    stop = asyncio.ensure_future(client.stop())
    done, _ = await asyncio.wait([stop], timeout=CLOSE_SECONDS)
    if not done:
        stop.cancel()
        await asyncio.wait([stop], timeout=CLOSE_SECONDS / 4)
    return stop.exception() if stop.done() and not stop.cancelled() else None

"""One event on an idle system: how long until its call arrives at Zoho."""

import asyncio
import statistics
import time

from aiokafka import AIOKafkaProducer

from benchmarks.stage import Figure, stage
from consumer.emulator.options import EmulatorOptions, Limits
from tests.integration.scene import binary, data, session_id

EVENTS = 60
AIM_MS = 20.0  # a commit that records the slot is part of it, and the broker lingers 5 ms on it


async def measure() -> list[Figure]:
    """From the producer's acknowledgement, when the event is readable, to the arrival."""
    waits: list[float] = []
    async with stage(EmulatorOptions(limits=Limits(200, 1.0, 1.0))) as set_up:
        producer = AIOKafkaProducer(bootstrap_servers=set_up.kafka.bootstrap, acks="all")
        await producer.start()
        async with set_up.consumer(
            quota_requests=200, quota_window_seconds=1, log_level="warning"
        ) as process:
            await asyncio.sleep(1.0)
            for number in range(EVENTS):
                record = binary(data(number), str(number))
                await producer.send_and_wait(
                    set_up.topics.source, record.value, record.key, headers=list(record.headers)
                )
                readable_at = time.monotonic()
                await asyncio.sleep(0.15)
                session = set_up.zoho.session(session_id(number))
                assert session is not None
                waits.append((session.calls[0].arrived_at - readable_at) * 1000)
            await process.terminate()
        await producer.stop()
    waits = sorted(waits[5:])
    median, p95 = statistics.median(waits), waits[int(len(waits) * 0.95)]
    return [
        Figure(
            "idle: event readable to call at Zoho, median",
            f"{median:.1f} ms",
            f"{AIM_MS:g} ms",
            median <= AIM_MS,
        ),
        Figure("idle: the same, 95th percentile", f"{p95:.1f} ms", "-"),
    ]

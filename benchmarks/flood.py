"""Malformed events by the thousand: how fast they are dead-lettered, acknowledged and committed."""

import time

from benchmarks.stage import Figure, stage
from consumer.emulator.options import EmulatorOptions
from tests.integration.scene import binary, data, until
from tests.kafka_broker.traffic import committed, publish

RECORDS = 40_000
AIM = 10_000


async def measure() -> list[Figure]:
    """Published before the start; from the first commit to the last, so the start-up is not in it."""
    filler = "x" * 600
    kinds = [
        binary(b'{"courseId": "1", "session": "' + filler.encode(), "unreadable"),
        binary(data(1, trainerId=7, description=filler), "invalid"),
        binary(data(1, endsAt="2026-12-01T09:00:00+05:30", description=filler), "unmappable"),
    ]
    async with stage(EmulatorOptions()) as set_up:
        bootstrap, topics = set_up.kafka.bootstrap, set_up.topics
        await publish(bootstrap, topics.source, (kinds[i % 3] for i in range(RECORDS)))
        process = set_up.consumer(log_level="warning")
        process.start()
        first: tuple[float, int] | None = None

        async def all_committed() -> bool:
            nonlocal first
            done = sum(position.offset for position in (await committed(bootstrap, topics.group)).values())
            if done and first is None:
                first = (time.monotonic(), done)
            return done == RECORDS

        await until(all_committed, 120)
        assert first is not None
        seconds = time.monotonic() - first[0]
        rate = (RECORDS - first[1]) / seconds
        cpu = await process.metrics()
        used = cpu.get("process_cpu_seconds_total", 0.0)
        await process.terminate()
    return [
        Figure(
            "flood: dead letters acknowledged and committed", f"{rate:,.0f} /s", f"{AIM:,} /s", rate >= AIM
        ),
        Figure("flood: processor time of the consumer", f"{used / RECORDS * 1e6:.0f} µs/record", "-"),
    ]

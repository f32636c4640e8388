"""A saturated run of 20 windows: how much of the quota is used, and that no lock is met."""

import asyncio

from benchmarks.stage import Figure, stage
from consumer.emulator.options import EmulatorOptions, Limits
from tests.integration.scene import changes, finished
from tests.kafka_broker.traffic import publish

WINDOWS, REQUESTS, WINDOW_SECONDS = 20, 30, 3.0


async def measure() -> list[Figure]:
    """30 calls per 3 s, and a Zoho that answers in 10 ms: 200 ms in a minute."""
    limits = Limits(REQUESTS, WINDOW_SECONDS, 5.0)
    async with stage(EmulatorOptions(limits=limits, answer_seconds=0.01)) as set_up:
        await publish(set_up.kafka.bootstrap, set_up.topics.source, changes(REQUESTS * (WINDOWS + 2), 100))
        async with set_up.consumer(quota_lock_seconds=5, log_level="warning") as process:
            await finished(process, 1)
            first = set_up.zoho.audit().arrivals[0]
            await asyncio.sleep(first + WINDOWS * WINDOW_SECONDS - set_up.zoho.now())
            audit = set_up.zoho.audit()
            await process.terminate()
    made = sum(1 for at in audit.arrivals if at < first + WINDOWS * WINDOW_SECONDS)
    share = made / (WINDOWS * REQUESTS)
    return [
        Figure("quota: share used in 20 saturated windows", f"{share:.1%}", ">= 99 %", share >= 0.99),
        Figure("quota: most calls in a window, locks", f"{audit.most_in_window}, {audit.locks}", "30, 0",
               audit.most_in_window <= REQUESTS and audit.locks == 0),
    ]  # fmt: skip

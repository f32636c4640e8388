"""A stop that comes in the middle of a hand-over: the two must not end each other half way (law 9)."""

import asyncio

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, finished, last_names, names_at_zoho, until
from tests.kafka_broker.traffic import publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

WIDE = Limits(10_000, 1.0, 1.0)


async def test_sigterm_in_the_middle_of_a_rebalance_ends_it_in_time(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A call in flight holds the hand-over up, SIGTERM comes: exit 0 in time, and the other applies all."""
    made = await topics()
    shutdown_seconds = 14
    slow = Fault("slow", calls=3, seconds=7)
    async with Emulator(EmulatorOptions(limits=WIDE, faults=(slow,))) as zoho:

        def settings() -> dict[str, str]:
            return settings_for(
                kafka, made, zoho.url, zoho_timeout_seconds=9, shutdown_seconds=shutdown_seconds
            )

        async def three_calls() -> bool:
            return zoho.audit().calls == 3

        async def rebalancing() -> bool:
            return any("because it is rebalancing" in line for line in owner.log_lines())

        async with consumer_process(settings()) as owner:
            await publish(kafka.bootstrap, made.source, changes(6, 3))
            await until(three_calls)
            other = consumer_process(settings())
            other.start()
            await until(rebalancing)
            await asyncio.sleep(0.2)

            assert await owner.terminate(shutdown_seconds) == 0

            await other.wait_until_ready()
            await finished(other, 3)
            await other.terminate()
        assert last_names(6, 3) == names_at_zoho(zoho, 3)
        assert zoho.audit().calls == 6

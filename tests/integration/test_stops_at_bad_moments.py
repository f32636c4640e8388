"""A stop at a bad moment still ends in time (law 9): in a hand-over, or with a broker that is silent."""

import asyncio
import time

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.conftest import OwnBroker
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import binary, changes, finished, last_names, names_at_zoho, until
from tests.kafka_broker.traffic import create_topics, publish, unique_topics
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


async def test_sigterm_while_the_broker_is_silent_and_dead_letters_wait_ends_it_in_time(
    own_broker: OwnBroker, consumer_process: MakeConsumer
) -> None:
    """Nothing can be written, committed or left: each of them is given up early enough to exit 0 in time."""
    broker = own_broker()
    kafka = KafkaUnderTest(broker.bootstrap, broker)
    made = unique_topics()
    await create_topics(kafka.bootstrap, *made.names, partitions=1)
    shutdown_seconds = 6.0
    async with Emulator(EmulatorOptions(limits=WIDE)) as zoho:
        settings = settings_for(
            kafka,
            made,
            zoho.url,
            zoho_timeout_seconds=1,
            shutdown_seconds=shutdown_seconds,
            kafka_session_timeout_seconds=30,
        )
        async with consumer_process(settings) as process:
            await publish(kafka.bootstrap, made.source, [binary(b"{" * 2_000, str(i)) for i in range(5_000)])
            await finished(process, 1)
            broker.freeze()
            try:
                started = time.monotonic()

                assert await process.terminate() == 0
                assert time.monotonic() - started < shutdown_seconds
            finally:
                broker.thaw()

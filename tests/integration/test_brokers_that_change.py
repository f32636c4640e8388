"""Brokers that come back elsewhere, a log that rots: the consumer finds its way or says what to do."""

import asyncio
from pathlib import Path

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.conftest import OwnBroker
from tests.integration.conftest import MakeConsumer
from tests.integration.scene import binary, changes, dead_letters, finished, reaches
from tests.kafka_broker.traffic import create_topics, publish, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.leash import free_port
from tests.process import settings_for

WIDE = EmulatorOptions(limits=Limits(1000, 1.0, 1.0))
HEADER_BYTES = 61  # of a record batch: what comes after is under its checksum


async def test_brokers_that_come_back_at_another_bootstrap_address_are_found(
    own_broker: OwnBroker, consumer_process: MakeConsumer
) -> None:
    """No address that the clients know answers any more, but one of the bootstrap servers does."""
    broker = await asyncio.to_thread(own_broker)
    made, elsewhere = unique_topics(), free_port()
    await create_topics(broker.bootstrap, *made.names)
    kafka = KafkaUnderTest(f"{broker.bootstrap},127.0.0.1:{elsewhere}")
    async with Emulator(WIDE) as zoho:
        settings = settings_for(kafka, made, zoho.url, kafka_session_timeout_seconds=2)
        async with consumer_process(settings) as process:
            await publish(broker.bootstrap, made.source, [*changes(3, 3), binary(b"{", "bad")])
            await finished(process, 4)
            await asyncio.to_thread(broker.move, elsewhere)
            await publish(broker.bootstrap, made.source, [*changes(6, 3)[3:], binary(b"{", "bad")])
            await finished(process, 8)
            assert await process.terminate() == 0

        assert zoho.audit().calls == 6
        assert len(await dead_letters(broker.bootstrap, made)) == 2


async def test_a_corrupt_batch_is_named_with_what_to_do(
    own_broker: OwnBroker, consumer_process: MakeConsumer
) -> None:
    """A byte of the log has rotten: the state says where, and nothing behind it is passed."""
    broker = await asyncio.to_thread(own_broker)
    kafka = KafkaUnderTest(broker.bootstrap, broker)
    made = unique_topics()
    await create_topics(kafka.bootstrap, *made.names)
    await publish(kafka.bootstrap, made.source, changes(1, 1))
    await publish(kafka.bootstrap, made.source, changes(2, 2))
    await asyncio.to_thread(broker.stop)
    await asyncio.to_thread(_rot, next((broker.data / f"{made.source}-0").glob("*.log")))
    await asyncio.to_thread(broker.start)
    async with (
        Emulator(WIDE) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url)) as process,
    ):
        reason = (await reaches(process, "kafka_down"))["reason"]
        assert f"{made.source}:0 can't be read from offset 1 on: CorruptRecordException" in reason
        assert "--reset-offsets" in reason
        assert len([line for line in process.log_lines() if "reading failed" in line]) == 1
        assert await process.terminate() == 0

        # Behind it may be what makes the first one stale: no call is made before all has been read.
        assert zoho.audit().calls == 0


def _rot(log: Path) -> None:
    """Flip a bit in the second batch of a partition's log."""
    content = bytearray(log.read_bytes())
    first_bytes = 12 + int.from_bytes(content[8:12], "big")
    content[first_bytes + HEADER_BYTES] ^= 1
    log.write_bytes(content)

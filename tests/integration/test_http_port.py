"""The HTTP port under hundreds of connections, as the real process with few files to open."""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, finished
from tests.kafka_broker.traffic import publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for


@pytest.mark.claim("S-40")
async def test_half_open_requests_starve_neither_the_probes_nor_zoho(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """300 requests that never end, at 256 files: /livez answers, and new connections to Zoho are made."""
    made = await topics()
    async with (
        AsyncExitStack() as stack,
        Emulator(EmulatorOptions(limits=Limits(30, 1.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, quota_window_seconds=1)) as process,
    ):
        process.limit_files(256)
        where = urlsplit(process.url)
        for _ in range(300):
            _, writer = await asyncio.open_connection(where.hostname, where.port)
            stack.callback(writer.close)
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        assert await process.http_status("/livez") == 200
        await publish(kafka.bootstrap, made.source, changes(40, 20))
        await finished(process, 40, seconds=15)
        assert await process.terminate() == 0

        assert zoho.audit().writes == 40
        assert not [line for line in process.log_lines() if "errno 24" in line or "Too many" in line]

"""A stop is clean (law 9) and a crash loses nothing (law 1): real signals, a real Kafka."""

import asyncio
import random
import signal
import time

import pytest

from consumer.emulator.faults import Fault
from consumer.emulator.options import Catalogue, EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.conftest import OwnBroker
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import (
    binary,
    changes,
    data,
    dead_letters,
    finished,
    header,
    last_names,
    names_at_zoho,
    reaches,
    session_id,
    until,
)
from tests.kafka_broker.traffic import committed, create_topics, publish, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

SHUTDOWN_SECONDS = 10


@pytest.mark.parametrize("moment", ["in a lock", "waiting for a slot", "in a call"])
async def test_sigterm_ends_it_cleanly(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, moment: str
) -> None:
    """Exit 0 in time, calls in flight finished, and after a restart nothing was lost or sent twice."""
    made = await topics()
    lock_seconds = 12.0 if moment == "in a lock" else 2.0
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, lock_seconds))) as zoho:
        window = 60 if moment == "waiting for a slot" else 3
        settings = settings_for(
            kafka,
            made,
            zoho.url,
            quota_window_seconds=window,
            quota_lock_seconds=lock_seconds,
            shutdown_seconds=SHUTDOWN_SECONDS,
            zoho_timeout_seconds=4,
        )
        process = consumer_process(settings)
        process.start()
        await process.wait_until_ready()
        if moment == "in a lock":
            zoho.lock()
        if moment == "in a call":
            zoho.add_fault(Fault("slow", calls=4, seconds=1.5))
        await publish(kafka.bootstrap, made.source, changes(40, 20))
        if moment == "in a lock":
            await reaches(process, "throttled")
        elif moment == "waiting for a slot":
            await finished(process, 30)
        else:

            async def in_flight() -> bool:
                return zoho.audit().calls >= 4

            await until(in_flight)

        started = time.monotonic()
        code = await process.terminate()

        assert (code, time.monotonic() - started < SHUTDOWN_SECONDS) == (0, True)
        if moment != "in a call":
            assert time.monotonic() - started < 2.0, "waiting must not delay a stop"
        writes = zoho.audit().writes
        zoho.reset()
        again = consumer_process({**settings, "CONSUMER_QUOTA_WINDOW_SECONDS": "3"})
        again.start()
        await again.wait_until_ready()
        if moment == "in a lock":
            await reaches(again, "throttled", 2)
        await finished(again, 40 - writes)
        await again.terminate()

        assert 40 - writes == zoho.audit().writes
        assert await dead_letters(kafka.bootstrap, made) == []


async def _killed_again_and_again(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, kills: int, seed: int
) -> None:
    made = await topics(partitions=3)
    chance = random.Random(seed)
    unknown = frozenset(session_id(number) for number in range(200, 210))
    options = EmulatorOptions(limits=Limits(10_000, 1.0, 1.0), catalogue=Catalogue(unknown=unknown))
    async with Emulator(options) as zoho:
        settings = settings_for(
            kafka,
            made,
            zoho.url,
            quota_requests=20,
            quota_window_seconds=1,
            quota_lock_seconds=1,
            kafka_session_timeout_seconds=1.5,
        )
        events = changes(270, 30)
        fillers = [binary(data(200 + i % 10), f"unknown {i}") for i in range(20)]
        fillers += [binary(b"{", f"unreadable {i}") for i in range(10)]
        chance.shuffle(fillers)
        for i, filler in enumerate(fillers):
            events.insert(9 * i, filler)
        await publish(kafka.bootstrap, made.source, events)
        process = consumer_process(settings)
        for _ in range(kills):
            process.start()
            await asyncio.sleep(chance.uniform(0.5, 3.5))
            process.signal(signal.SIGKILL)
            await process.wait()
        process.start()
        await process.wait_until_ready()

        async def all_committed() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            return sum(position.offset for position in positions.values()) == 300

        await until(all_committed, 90)
        assert await process.terminate() == 0

        letters = await dead_letters(kafka.bootstrap, made)
        assert last_names(270, 30) == names_at_zoho(zoho, 30), f"seed {seed}"
        assert len({header(letter, "dlq.id") for letter in letters}) == 30, f"seed {seed}"
        # Every extra call or copy is one of a crash: at most what was in flight or uncommitted then.
        # Of the 20 of unknown sessions, one answer may settle two.
        extra_calls = zoho.audit().calls - 280
        assert 0 <= extra_calls <= kills * 8 * 2, f"seed {seed}"


async def test_sigkill_at_random_moments_loses_nothing(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """4 kills in a run of 300 events with failures: each is applied or dead-lettered, in order."""
    await _killed_again_and_again(kafka, topics, consumer_process, kills=4, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_sigkill_at_twenty_random_moments_loses_nothing(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The same with 20 kills."""
    await _killed_again_and_again(kafka, topics, consumer_process, kills=20, seed=2)


@pytest.mark.parametrize("seconds", [6, pytest.param(20, marks=pytest.mark.slow)])
async def test_a_broker_that_dies_and_comes_back_is_waited_for(
    own_broker: OwnBroker, consumer_process: MakeConsumer, seconds: int
) -> None:
    """Kafka is killed in the middle of a run: it resumes by itself and loses nothing."""
    broker = own_broker()
    kafka = KafkaUnderTest(broker.bootstrap, broker)
    made = unique_topics()
    await create_topics(kafka.bootstrap, *made.names, partitions=2)
    async with Emulator(EmulatorOptions(limits=Limits(1000, 1.0, 1.0))) as zoho:
        settings = settings_for(kafka, made, zoho.url, quota_requests=10, quota_window_seconds=1)
        process = consumer_process(settings)
        process.start()
        await process.wait_until_ready()
        await publish(kafka.bootstrap, made.source, [*changes(80, 10), binary(b"{", "bad")])
        await finished(process, 20)
        broker.kill()
        await reaches(process, "kafka_down")
        assert await process.http_status("/livez") == 200
        during = zoho.audit().calls
        await asyncio.sleep(seconds)
        assert zoho.audit().calls - during <= 8, "calls went on though nothing could be recorded"
        broker.start()

        async def all_committed() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            return sum(position.offset for position in positions.values()) == 81

        await until(all_committed, 60)
        assert await process.terminate() == 0

        assert last_names(80, 10) == names_at_zoho(zoho, 10)
        assert {"bad"} == {
            header(letter, "dlq.event.id") for letter in await dead_letters(kafka.bootstrap, made)
        }
        assert zoho.audit().calls <= 80 + 2 * 8


async def test_a_dead_letter_that_is_too_large_is_waited_with_and_never_skipped(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """`kafka_down` names the record and the setting, and its offset is not passed."""
    made = await topics(dead_letter_config={"max.message.bytes": "2000"})
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0))) as zoho:
        small, large = binary(b"{", "small"), binary(b"{" + b" " * 5000, "large")
        await publish(kafka.bootstrap, made.source, [*changes(1, 1), small, large, small])
        process = consumer_process(settings_for(kafka, made, zoho.url))
        process.start()
        await process.wait_until_ready()
        status = await reaches(process, "kafka_down")
        assert f"{made.source}:0:2" in status["reason"]
        assert "max.message.bytes" in status["reason"]
        await process.terminate()

        letters = await dead_letters(kafka.bootstrap, made)
        assert {"small"} == {header(letter, "dlq.event.id") for letter in letters}
        positions = await committed(kafka.bootstrap, made.group)
        assert all(position.offset <= 2 for position in positions.values())

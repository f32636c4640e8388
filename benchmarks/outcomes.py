"""The outcomes topic: how fast records are written and read, and what a session costs in memory."""

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import Sequence
from uuid import uuid4

from benchmarks.stage import Figure, memory_mib, stage
from consumer.delivery.ledger import Ledger
from consumer.delivery.outcome import Applied, EventReference, Origin, Outcome
from consumer.emulator.options import EmulatorOptions
from consumer.events.model import SessionKey
from consumer.kafka.outcome_reader import OutcomeReader
from consumer.kafka.outcomes import OutcomeTopic
from consumer.kafka.producer import SharedProducer
from consumer.settings import KafkaSettings

RECORDS = 200_000
# As many as come together while the last ones are on their way.
TOGETHER = 1_000
AIM_WRITTEN = 8_000
AIM_READ = 50_000
AIM_BYTES = 350


async def measure() -> list[Figure]:
    """200,000 sessions, a record each: encoded and written, then read by a new owner, then once more."""
    outcomes = [_outcome(number) for number in range(RECORDS)]
    async with stage(EmulatorOptions()) as set_up:
        kafka = KafkaSettings(bootstrap_servers=set_up.kafka.bootstrap)
        written = await _write(kafka, set_up.topics.outcomes, outcomes)
        del outcomes
        gc.collect()
        before = memory_mib(os.getpid())[0]
        ledger = Ledger(lambda one, other: one.event.time_us > other.event.time_us)
        read = await _read(kafka, set_up.topics.outcomes, ledger)
        gc.collect()
        each = (memory_mib(os.getpid())[0] - before) * 2**20 / len(ledger)
        again = await _read(kafka, set_up.topics.outcomes, ledger)
    return [
        _figure("outcomes: written and acknowledged", written, AIM_WRITTEN),
        _figure("outcomes: read, sessions new to the ledger", read, AIM_READ),
        _figure("outcomes: read, sessions known to it", again, AIM_READ),
        Figure("outcomes: resident memory a session", f"{each:.0f} B", f"< {AIM_BYTES} B", each < AIM_BYTES),
    ]


async def _write(kafka: KafkaSettings, topic: str, outcomes: Sequence[Outcome]) -> float:
    """Records a second."""
    producer = SharedProducer(kafka)
    port = OutcomeTopic(producer, topic)
    try:
        await port.write([outcomes[0].record()])
        started = time.monotonic()
        for first in range(0, len(outcomes), TOGETHER):
            results = await port.write([each.record() for each in outcomes[first : first + TOGETHER]])
            assert not any(results)
        return len(outcomes) / (time.monotonic() - started)
    finally:
        await producer.close()


async def _read(kafka: KafkaSettings, topic: str, ledger: Ledger) -> float:
    """Records a second, connecting included."""
    reader = OutcomeReader(kafka, topic, ledger, ledger_seconds=400 * 86_400)
    started = time.monotonic()
    reading = asyncio.create_task(reader.run())
    try:
        assert await reader.at_end(120)
        assert reader.foreign == 0
        return reader.records / (time.monotonic() - started)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


def _outcome(number: int) -> Outcome:
    """Ids as long as Zoho's, an event's id as long as a UUID."""
    event = EventReference(
        str(uuid4()), "https://lms.example.com/planner", 1_795_000_000_123_456 + number, number % 100
    )
    origin = Origin("training.session.changed", number % 4, number)
    session = SessionKey(
        "478346000019479103", "478346000019479115", "478346000019479119", str(478346000019553023 + number)
    )
    return Outcome(
        session, event, origin, "applied", 1_795_000_000.1, Applied(event, origin, 1_795_000_000_100_000)
    )


def _figure(what: str, rate: float, aim: int) -> Figure:
    return Figure(what, f"{rate:,.0f} /s", f"{aim:,} /s", rate >= aim)

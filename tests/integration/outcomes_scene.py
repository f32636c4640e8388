"""What tests of the outcomes topic start with: records of few words, a writer, a reader."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from consumer.delivery.ledger import Ledger
from consumer.delivery.outcome import (
    Applied,
    EventReference,
    Origin,
    Outcome,
    OutcomeRecord,
)
from consumer.events.model import SessionKey
from consumer.kafka.outcome_reader import OutcomeReader
from consumer.kafka.outcomes import OutcomeTopic
from consumer.kafka.producer import SharedProducer
from consumer.settings import KafkaSettings

DAY = 86_400
TOPIC = "outcomes"


def session(number: int) -> SessionKey:
    """One of many."""
    return SessionKey("1", "2", "3", str(number))


def applied(time_us: int) -> Applied:
    """An applied event, known by its time."""
    return Applied(EventReference(f"e{time_us}", "lms", time_us, None), Origin("source", 0, time_us), time_us)


def record(of: SessionKey, last: Applied | None, about: int = 0) -> OutcomeRecord:
    """An outcome of some event of this session."""
    event = EventReference(f"e{about}", "lms", about, None)
    return Outcome(of, event, Origin("source", 0, about), "stale", 1.0, last).record()


def new_ledger() -> Ledger:
    """By time alone."""
    return Ledger(lambda one, other: one.event.time_us > other.event.time_us)


@asynccontextmanager
async def writer(bootstrap: str, topic: str) -> AsyncIterator[OutcomeTopic]:
    """A topic to write to."""
    producer = SharedProducer(KafkaSettings(bootstrap_servers=bootstrap))
    try:
        yield OutcomeTopic(producer, topic)
    finally:
        await producer.close()


@asynccontextmanager
async def reader(
    bootstrap: str, topic: str, ledger: Ledger, report: Callable[[str | None], None] = lambda _: None
) -> AsyncIterator[OutcomeReader]:
    """A reader that reads."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)
    reading = OutcomeReader(kafka, topic, ledger, ledger_seconds=400 * DAY, report=report)
    task = asyncio.create_task(reading.run())
    try:
        yield reading
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

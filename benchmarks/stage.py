"""What every measurement runs on: a real Kafka, an emulated Zoho, and `session-consumer run` as a process."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from consumer.emulator.options import EmulatorOptions
from consumer.emulator.server import Emulator
from tests.kafka_broker.broker import Broker
from tests.kafka_broker.traffic import Topics, create_topics, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result. `good` None: no aim that a noisy machine could be held to."""

    what: str
    value: str
    aim: str
    good: bool | None = None


@dataclass(slots=True)
class Stage:
    """A broker, a Zoho, and topics of one's own."""

    kafka: KafkaUnderTest
    zoho: Emulator
    topics: Topics
    directory: Path

    def consumer(self, **overrides: str | float | None) -> ConsumerProcess:
        """The process, not started yet."""
        env = settings_for(self.kafka, self.topics, self.zoho.url, **overrides)
        return ConsumerProcess(env, self.directory / "consumer.log")


@asynccontextmanager
async def stage(options: EmulatorOptions, partitions: int = 4) -> AsyncIterator[Stage]:
    """Everything fresh, and gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with Broker(directory / "broker") as broker:
            topics = unique_topics("bench")
            await create_topics(broker.bootstrap, *topics.names, partitions=partitions)
            async with Emulator(options) as zoho:
                yield Stage(KafkaUnderTest(broker.bootstrap, broker), zoho, topics, directory)


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident memory of a process, now and at its most, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    now, most = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, most

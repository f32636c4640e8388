"""What is small as the broker sees it and large when it is unpacked; and how much memory it took."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import confluent_kafka

from tests.kafka_broker.traffic import Outgoing

POD_BYTES = 320 * 1_048_576  # of the chart's pod


def highest_memory_bytes(pid: int) -> int:
    """The most that a process ever had in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def run_and_measure(command: Sequence[str], env: Mapping[str, str]) -> tuple[int, int]:
    """Its exit code, and about the most that it had in memory, in bytes; to be run in a thread."""
    # Looked at while it runs: what the system says afterwards counts what was forked from, too.
    most = 0
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with suppress(OSError, StopIteration):  # it has just ended
                most = max(most, highest_memory_bytes(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
    return process.returncode, most


def publish_packed(bootstrap: str, topic: str, records: Iterable[Outgoing], *, partitions: int = 1) -> None:
    """Each in a batch of its own, in one partition after the other; to be run in a thread."""
    client = confluent_kafka.Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "zstd",
            "message.max.bytes": 1_000_000_000,
            "batch.num.messages": 1,
        }
    )
    for number, record in enumerate(records):
        client.produce(
            topic,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            partition=number % partitions,
        )
        assert 0 == client.flush(30)


def publish_bombs(
    bootstrap: str, topic: str, count: int, size_bytes: int, *, headers: int = 0, partitions: int = 1
) -> None:
    """So many in each partition: a kilobyte, or a few, as the broker sees it."""
    bomb = Outgoing(bytes(size_bytes), headers=(("a", None),) * headers)
    publish_packed(bootstrap, topic, [bomb] * (count * partitions), partitions=partitions)

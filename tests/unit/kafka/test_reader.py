"""One partition that can't be read stops no other, and what was read before an error is not lost."""

import asyncio
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import CorruptRecordException

from consumer.kafka.admission import Admission
from consumer.kafka.reader import Reader
from consumer.records import Record, TopicPartition

GOOD, BAD = TopicPartition("t", 0), TopicPartition("t", 1)


@dataclass
class FakeAccounts:
    """Remembers what it was given; has room for 10 records at a time."""

    received: dict[TopicPartition, list[int]] = field(default_factory=lambda: {GOOD: [], BAD: []})
    told: list[str] = field(default_factory=list)
    unread: dict[TopicPartition, str] = field(default_factory=dict)

    def ready(self) -> dict[TopicPartition, int]:
        """Both."""
        return dict.fromkeys(self.received, 10)

    def receive(self, partition: TopicPartition, records: list[Record]) -> None:
        """Keep the offsets."""
        self.received[partition] += [record.offset for record in records]

    def next_offsets(self) -> dict[TopicPartition, int]:
        """Where reading goes on."""
        return {partition: len(offsets) for partition, offsets in self.received.items()}

    def unreadable(self, reasons: dict[TopicPartition, str]) -> None:
        """Keep them, and each that is new."""
        self.told += [reason for p, reason in reasons.items() if self.unread.get(p) != reason]
        self.unread = dict(reasons)

    def read_to(self, partition: TopicPartition, position: int) -> None:
        """Nothing to pass."""


class FakeClient:
    """A client that moves on over what it had drained where it raises, as aiokafka does.

    Each partition has 20 records; of BAD, those from `corrupt_at` on can't be read. `late`: every other
    poll of BAD alone finds that no fetch has come back yet.
    """

    def __init__(self, corrupt_at: int, *, late: bool = False) -> None:
        self.late = late
        self._polls = 0
        self._subscription = SimpleNamespace(reassignment_in_progress=False)
        self.corrupt_at = corrupt_at
        self.positions = {GOOD: 0, BAD: 0}

    def assignment(self) -> set[KafkaPartition]:
        """Both."""
        return {KafkaPartition(*partition) for partition in self.positions}

    def highwater(self, _partition: KafkaPartition) -> int:
        """The end."""
        return 20

    last_stable_offset = highwater

    async def position(self, partition: KafkaPartition) -> int:
        """Where it stands."""
        return self.positions[TopicPartition(*partition)]

    def seek(self, partition: KafkaPartition, offset: int) -> None:
        """Stand there."""
        self.positions[TopicPartition(*partition)] = offset

    async def getmany(
        self, *partitions: KafkaPartition, timeout_ms: int, max_records: int
    ) -> dict[KafkaPartition, list[Any]]:
        """What is there, in order."""
        found: dict[KafkaPartition, list[Any]] = {}
        left = max_records
        self._polls += len(partitions) == 1 and partitions[0] == BAD
        if self.late and len(partitions) == 1 and self._polls % 2:
            return found
        for each in map(TopicPartition._make, partitions):
            start = self.positions[each]
            end = min(20, start + left)
            self.positions[each] = end
            if each == BAD and end > self.corrupt_at:
                raise CorruptRecordException
            if end > start:
                found[KafkaPartition(*each)] = [_message(each, offset) for offset in range(start, end)]
                left -= end - start
            if not left:
                break
        if not found:
            await asyncio.sleep(timeout_ms / 1000)
        return found


def _message(partition: TopicPartition, offset: int) -> SimpleNamespace:
    return SimpleNamespace(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        timestamp=0,
        key=None,
        value=b"",
        headers=(),
    )


async def _read(client: FakeClient, bad_records: int) -> FakeAccounts:
    """Read until all of GOOD is there and so many of BAD, and what is behind them was told."""
    accounts = FakeAccounts()
    anything = cast("Any", (client, accounts))
    reader = Reader(anything[0], anything[1], Admission("g", ["t"]), "g")
    async with asyncio.timeout(10):
        while accounts.next_offsets() != {GOOD: 20, BAD: bad_records} or (bad_records < 20) > len(
            accounts.told
        ):
            await reader.read()
            await asyncio.sleep(0.001)
    return accounts


async def test_the_other_partition_and_the_records_before_the_corrupt_one_are_read() -> None:
    """In order, each once; the corrupt one's offset is told."""
    accounts = await _read(FakeClient(corrupt_at=7), 7)

    assert {GOOD: list(range(20)), BAD: list(range(7))} == accounts.received
    assert [True] == ["t:1 can't be read from offset 7 on" in str(reason) for reason in accounts.told]


async def test_without_an_error_all_is_read_and_nothing_told() -> None:
    """Two partitions in one poll, within the room there is."""
    accounts = await _read(FakeClient(corrupt_at=100), 20)

    assert {GOOD: list(range(20)), BAD: list(range(20))} == accounts.received
    assert [] == accounts.told


async def test_a_new_ownership_is_told_of_a_corrupt_partition_again() -> None:
    """The account's state began anew: what stands in the way has to be found and named anew."""
    client, accounts = FakeClient(corrupt_at=0), FakeAccounts()
    anything = cast("Any", (client, accounts))
    reader = Reader(anything[0], anything[1], Admission("g", ["t"]), "g")
    async with asyncio.timeout(10):
        for told in (1, 2):
            while len(accounts.told) < told:
                await reader.read()
                await asyncio.sleep(0.001)
            reader.forget()

    assert 1 == len(set(accounts.told))


async def test_a_corrupt_partition_is_told_for_as_long_as_it_lasts() -> None:
    """Others are well again, or a fetch is late: neither ends it. Mending does."""
    client, accounts = FakeClient(corrupt_at=7, late=True), FakeAccounts()
    anything = cast("Any", (client, accounts))
    reader = Reader(anything[0], anything[1], Admission("g", ["t"]), "g", well_after_seconds=0.8)
    async with asyncio.timeout(10):
        while not accounts.told:
            await reader.read()
        told_at = time.monotonic()
        while time.monotonic() < told_at + 3.5:
            await reader.read()
            assert "t:1 can't be read from offset 7 on" in accounts.unread[BAD]
            assert [BAD] == list(accounts.unread)
        client.corrupt_at = 100
        while accounts.unread or accounts.next_offsets()[BAD] < 20:
            await reader.read()

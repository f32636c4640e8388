"""Reads a topic from where it is asked to its present end, fast: what is not wanted is not even taken apart.

aiokafka's consumer makes two objects in Python of each record before anybody can look at it; a look at
200,000 outcomes of which twenty matter would be spent on that. So fetches are sent here, the next one
before the last one's records are looked at, and batches are left to aiokafka's parser in C.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, errors
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.protocol.fetch import FetchRequest

from consumer.kafka.connection import KafkaUnreachableError, translate
from consumer.kafka.lenient_headers import AnyNameRecords
from consumer.kafka.poll_bound import ENOUGH_BYTES
from consumer.kafka.topic_reading import FETCH_BYTES, FETCH_WAIT_MS, connected
from consumer.records import Headers, Record
from consumer.settings import KafkaSettings

PARTITION_BYTES = 1024 * 1024
AGAIN_SECONDS = 0.1
_READ_UNCOMMITTED = 0


class Raw(Protocol):
    """A record as aiokafka's parser gives it."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


Keep = Callable[[Raw], bool]


async def read_to_end(
    kafka: KafkaSettings,
    topic: str,
    *,
    starts: Mapping[int, int] | None = None,
    partitions: frozenset[int] | None = None,
    last: int | None = None,
    keep: Keep | None = None,
    within_seconds: float = 10.0,
) -> AsyncGenerator[list[Record], None]:
    """The topic's records, in order of each partition, to the end it had when this began.

    From `starts` on (offsets by partition), else from the beginning; `partitions`: only these; `last`: no
    more than so many offsets of each, before its end; `keep`: only records that it wants, asked first of
    all. `within_seconds` bounds the time until it stands, and then how long the broker may be silent.
    Raises as `reading`; what retention takes away meanwhile is passed over.
    """
    try:
        async with connected(kafka, topic, within_seconds=within_seconds) as (consumer, found):
            there = [each for each in found if partitions is None or each.partition in partitions]
            async with asyncio.timeout(within_seconds):
                ends = await consumer.end_offsets(there)
                positions = await consumer.beginning_offsets(there)
            for each, beginning in positions.items():
                start = (starts or {}).get(each.partition, beginning if last is None else ends[each] - last)
                positions[each] = max(beginning, start)
            scan = _Scan(
                consumer,
                positions,
                ends,
                keep=keep,
                silence_seconds=within_seconds,
                where=kafka.bootstrap_servers,
            )
            async with aclosing(scan.run()) as batches:
                async for records in batches:
                    yield records
    except (errors.KafkaError, TimeoutError) as exc:
        raise translate(exc, kafka.bootstrap_servers) from exc


class _Scan:
    """One fetch under way for each broker that leads partitions which are not read to their end."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        positions: dict[KafkaPartition, int],
        ends: dict[KafkaPartition, int],
        *,
        keep: Keep | None,
        silence_seconds: float,
        where: str,
    ) -> None:
        self._consumer = consumer
        self._client = consumer._client
        self._positions = positions
        self._ends = ends
        self._keep = keep
        self._silence_seconds = silence_seconds
        self._where = where
        self._under_way: dict[asyncio.Task[Any], int] = {}
        self._came_at = asyncio.get_running_loop().time()

    async def run(self) -> AsyncGenerator[list[Record], None]:
        try:
            while await self._send():
                done, _ = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                came = deque([each for task in done for each in await self._taken(task)])
                await self._send()  # the broker works while we do
                while came:  # let go one by one: each may unpack to 32 MiB, and hold on to it
                    for records in self._in_parts(*came.popleft()):
                        yield records
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _send(self) -> bool:
        """Ask every broker that isn't being asked; False where all is read."""
        waiting = [each for each, position in self._positions.items() if position < self._ends[each]]
        while waiting:
            by_leader: dict[int, list[KafkaPartition]] = defaultdict(list)
            for partition in waiting:
                by_leader[self._client.cluster.leader_for_partition(partition)].append(partition)
            asked = set(self._under_way.values())
            for leader, partitions in by_leader.items():
                if leader not in (None, -1) and leader not in asked:
                    task = asyncio.create_task(self._client.send(leader, self._request(partitions)))
                    self._under_way[task] = leader
            if self._under_way:
                return True
            await self._again(errors.LeaderNotAvailableError())
        return False

    def _request(self, partitions: list[KafkaPartition]) -> FetchRequest:
        wanted = [(each.partition, self._positions[each], PARTITION_BYTES) for each in partitions]
        topic = partitions[0].topic
        return FetchRequest(FETCH_WAIT_MS, 1, FETCH_BYTES, _READ_UNCOMMITTED, [(topic, wanted)], rack_id="")

    async def _taken(self, task: "asyncio.Task[Any]") -> list[tuple[KafkaPartition, int, Any]]:
        """The batches of a fetch's answer, with the position each partition was read from; it is moved on."""
        del self._under_way[task]
        try:
            answer = task.result()
        except errors.KafkaError as exc:
            await self._again(exc)
            return []
        came: list[tuple[KafkaPartition, int, Any]] = []
        for topic, partitions in answer.topics:
            for number, code, _, *rest in partitions:
                partition = KafkaPartition(topic, number)
                error = errors.for_code(code)
                if error is errors.OffsetOutOfRangeError:
                    await self._skip_to_beginning(partition)
                elif error is not errors.NoError:
                    await self._again(error())
                elif batches := list(_batches(rest[-1], partition)):
                    start = self._positions.pop(partition)
                    self._positions[partition] = batches[-1].next_offset  # last: others have their turn
                    came += [(partition, start, batch) for batch in batches]
        if came:
            self._came_at = asyncio.get_running_loop().time()
        elif asyncio.get_running_loop().time() - self._came_at > self._silence_seconds:
            raise KafkaUnreachableError(f"{self._where} stopped answering.")
        return came

    def _in_parts(self, partition: KafkaPartition, start: int, batch: Any) -> Iterator[list[Record]]:
        """A batch's records, so many at a time as hold not much more than `ENOUGH_BYTES`."""
        part: list[Record] = []
        held_bytes = 0
        for record in self._records(partition, start, batch):
            part.append(record)
            held_bytes += record.held_bytes
            if held_bytes > ENOUGH_BYTES:
                yield part
                part, held_bytes = [], 0
        if part:
            yield part

    def _records(self, partition: KafkaPartition, start: int, batch: Any) -> Iterator[Record]:
        topic, number = partition
        end, keep = self._ends[partition], self._keep
        if batch.is_control_batch:
            return
        for raw in batch:
            if start <= raw.offset < end and (keep is None or keep(raw)):
                yield Record(topic, number, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers))

    async def _skip_to_beginning(self, partition: KafkaPartition) -> None:
        """Retention took away what was to be read next."""
        beginning = (await self._consumer.beginning_offsets([partition]))[partition]
        self._positions[partition] = max(beginning, self._positions[partition])

    async def _again(self, error: errors.KafkaError) -> None:
        """Leaders move and connections break; but not for longer than the broker may be silent."""
        silent_seconds = asyncio.get_running_loop().time() - self._came_at
        if not error.retriable or silent_seconds > self._silence_seconds:
            raise error
        await asyncio.sleep(AGAIN_SECONDS)
        async with asyncio.timeout(max(AGAIN_SECONDS, self._silence_seconds - silent_seconds)):
            await self._client.force_metadata_update()


def _batches(message_set: bytes, partition: KafkaPartition) -> Iterator[Any]:
    records = AnyNameRecords(message_set)
    while records.has_next():
        batch = records.next_batch()
        if batch is None:
            return
        if not batch.validate_crc():
            raise errors.CorruptRecordException(f"a batch of {partition.topic} is corrupt")
        yield batch

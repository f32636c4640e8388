"""Reads what is owned: all partitions in one poll while all is well, one by one those that failed."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka import errors as kafka_errors

from consumer.delivery.accounts import Accounts
from consumer.delivery.pauses import Pauses
from consumer.kafka.admission import Admission
from consumer.kafka.client_state import as_record, has_fetched, is_at_end
from consumer.kafka.positions import lost_while_reading
from consumer.kafka.unpacking import MAX_UNPACKED_BYTES, BatchTooLargeError
from consumer.records import TopicPartition

POLL_SECONDS = 0.2
MAX_RECORDS = 500
REPEAT_PAUSES = Pauses(0.1, 5.0)
# A poll may fail once where a leader moves; so many in a row are told as the account's state.
FAILURES_TO_TELL = 3

_REMEDIES = {
    BatchTooLargeError: (
        f" (a batch unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MiB, has more records or headers than "
        "events have, or is broken). Find out who wrote it; then stop the consumer and set the group's "
        "position behind it (kafka-consumer-groups.sh --reset-offsets), which loses that batch"
    ),
    kafka_errors.TopicAuthorizationFailedError: "; grant Read on the topic",
    kafka_errors.CorruptRecordException: (
        ". Mend the log, or stop the consumer and set the group's position behind the corrupt batch "
        "(kafka-consumer-groups.sh --reset-offsets), which loses it"
    ),
}

log = structlog.get_logger(__name__)


class _Failing:
    """A partition whose last poll failed: how often in a row alone, when, and what is told of it."""

    def __init__(self) -> None:
        self.failures = 0
        self.reason: str | None = None
        self.failed_at = time.monotonic()

    @property
    def again_at(self) -> float:
        return self.failed_at + (REPEAT_PAUSES.nth(self.failures - 1) if self.failures else 0.0)


class Reader:
    """Polls one client for the accounts that have room. `group` is named in what operators are told.

    `well_after_seconds`: so long without a further failure, and a partition's failure is over.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        accounts: Accounts,
        admission: Admission,
        group: str,
        *,
        well_after_seconds: float = 2.0,
    ) -> None:
        self._consumer = consumer
        self._accounts = accounts
        self._admission = admission
        self._group = group
        self._well_after_seconds = well_after_seconds
        self._failing: dict[TopicPartition, _Failing] = {}

    def forget(self) -> None:
        """Ownership began anew: nothing is known to fail."""
        self._failing.clear()

    async def read(self) -> bool:
        """One turn, of 0.2 s at most; False where nothing was polled for.

        Raises KafkaRefusedError where a right is missing at the start.
        """
        ready = self._accounts.ready()
        well = {partition: room for partition, room in ready.items() if partition not in self._failing}
        now = time.monotonic()
        alone = [p for p in ready if p in self._failing and self._failing[p].again_at <= now]
        if well:
            await self._poll(well, 0.0 if alone else POLL_SECONDS)
        for partition in alone:
            # What the polls before have brought in may have filled the account. One record at a time: an
            # error drops what was read before it in the same poll.
            if partition in self._accounts.ready() and not self._is_rebalancing():
                await self._poll({partition: 1}, POLL_SECONDS / len(alone))
        return bool(well or alone)

    async def _poll(self, rooms: Mapping[TopicPartition, int], seconds: float) -> None:
        """Poll these partitions, for no more records than the fullest account has room for."""
        partitions = [KafkaPartition(*partition) for partition in rooms]
        try:
            # Never cancelled, never in wait_for: either breaks the client's accounting for good.
            found = await self._consumer.getmany(
                *partitions,
                timeout_ms=int(seconds * 1000),
                max_records=min(MAX_RECORDS, *rooms.values()),
            )
        except kafka_errors.OffsetOutOfRangeError as exc:
            for lost in exc.args[0] if exc.args else ():
                partition = TopicPartition(lost.topic, lost.partition)
                self._accounts.lose_position(partition, lost_while_reading(partition, self._group))
            self._seek_back()
        except (kafka_errors.KafkaError, ValueError) as exc:
            self._admission.raise_if_refused(exc)
            self._failed(list(rooms), exc)
            self._seek_back()
        else:
            # An empty answer may mean that no fetch has come back yet.
            self._admission.granted = self._admission.granted or has_fetched(self._consumer, partitions)
            for partition, messages in found.items():
                ours = TopicPartition(*partition)
                self._accounts.receive(ours, [as_record(message) for message in messages])
                await asyncio.sleep(0)
            await self._see_who_is_well(rooms, found)
            if not found:
                await self._pass_markers(partitions)

    async def _pass_markers(self, partitions: list[KafkaPartition]) -> None:
        """At the end of a partition: transaction markers are no records, but offsets to be passed."""
        assigned = self._consumer.assignment()
        for partition in partitions:
            if partition in assigned and not self._is_rebalancing():
                position = await self._consumer.position(partition)
                self._accounts.read_to(TopicPartition(*partition), position)

    def _seek_back(self) -> None:
        """After an error the client may have moved on over records, of any partition, it did not give us."""
        assigned = {TopicPartition(*partition) for partition in self._consumer.assignment()}
        for partition, offset in self._accounts.next_offsets().items():
            if partition in assigned:
                self._consumer.seek(KafkaPartition(*partition), offset)

    # A partition that can't be read must not keep the others from being read.

    def _failed(self, partitions: Sequence[TopicPartition], error: Exception) -> None:
        for partition in partitions:
            failing = self._failing.setdefault(partition, _Failing())
            failing.failed_at = time.monotonic()
            if len(partitions) == 1:
                failing.failures += 1
                if failing.failures >= FAILURES_TO_TELL:
                    self._name(partition, failing, error)
        self._tell()

    def _name(self, partition: TopicPartition, failing: _Failing, error: Exception) -> None:
        offset = self._accounts.next_offsets().get(partition)
        reason = (
            f"{partition.topic}:{partition.partition} can't be read from offset {offset} on: "
            f"{type(error).__name__}"
        )
        reason += next((remedy for kind, remedy in _REMEDIES.items() if isinstance(error, kind)), "")
        if reason != failing.reason:
            log.error("reading failed", reason=reason)
        failing.reason = reason

    async def _see_who_is_well(
        self, polled: Collection[TopicPartition], found: Collection[KafkaPartition]
    ) -> None:
        """Whose failure is over: it gave something, or has nothing to give. A fetch may be late, too."""
        over = time.monotonic() - self._well_after_seconds
        for partition in [p for p in polled if p in self._failing and self._failing[p].failed_at < over]:
            theirs = KafkaPartition(*partition)
            if theirs in found or (not self._is_rebalancing() and await is_at_end(self._consumer, theirs)):
                del self._failing[partition]
                self._tell()

    def _tell(self) -> None:
        """All that is to be told, every time: what is well takes nothing away from what is not."""
        self._accounts.unreadable({p: each.reason for p, each in self._failing.items() if each.reason})

    def _is_rebalancing(self) -> bool:
        rebalancing: bool = self._consumer._subscription.reassignment_in_progress
        return rebalancing

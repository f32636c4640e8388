"""This process as a member of the consumer group: joins, reads, hands over, and mends itself."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka import TopicPartition as KafkaPartition
from aiokafka import errors as kafka_errors

from consumer.delivery.accounts import Accounts
from consumer.delivery.pauses import Pauses
from consumer.delivery.troubles import Trouble
from consumer.kafka.client_state import ClientBrokenError, as_record, check_alive, has_fetched
from consumer.kafka.connection import KafkaRefusedError, translate
from consumer.kafka.journal import Journal
from consumer.kafka.ownership import CommitError, FencedError, Ownership, coordinator_of
from consumer.kafka.positions import Bounds, StartFrom, Starts, choose_starts, lost_while_reading
from consumer.records import TopicPartition

POLL_SECONDS = 0.2
MAX_RECORDS = 500
QUERY_SECONDS = 10.0
COMMIT_SECONDS = 1.5  # with what follows and the producer's close within the app's CLOSING_SECONDS
CLOSE_SECONDS = 1.0
REBUILD_PAUSES = Pauses(0.5, 10.0)

_REFUSED = (
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
)

log = structlog.get_logger(__name__)


class Member:
    """Runs the consumer until stopped; builds a new client where the old one breaks.

    `make_consumer` gives an unstarted client; `start_from` the setting of a topic's account;
    `drain_seconds` bounds how long a hand-over or a stop waits for calls in flight.
    """

    def __init__(
        self,
        accounts: Accounts,
        journal: Journal,
        *,
        make_consumer: Callable[[], AIOKafkaConsumer],
        start_from: Callable[[str], StartFrom],
        group: str,
        drain_seconds: float,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._accounts = accounts
        self._journal = journal
        self._make_consumer = make_consumer
        self._start_from = start_from
        self._group = group
        self._drain_seconds = drain_seconds
        self._tasks = tasks
        self._stopping = asyncio.Event()
        self._ownership: Ownership | None = None
        self._assigned = self._taken_over = False
        self._handing_over: asyncio.Task[None] | None = None
        self._known: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._has_read = False
        self.joined = False

    def stop(self) -> None:
        """Start no call from now on; `run` drains, commits, leaves the group and returns."""
        self._accounts.stop_calls()
        self._stopping.set()

    async def run(self) -> None:
        """Be a member until stopped. Raises for missing rights before the first assignment."""
        failures = 0
        while not self._stopping.is_set():
            consumer = self._consumer = self._make_consumer()
            try:
                await consumer.start()
                consumer.subscribe(self._accounts.topics, listener=_Listener(self))
                await self._read(consumer)
                failures = 0
            except (ClientBrokenError, kafka_errors.KafkaError, OSError) as exc:
                self._raise_if_refused(exc)
                log.error(  # noqa: TRY400  (one line; the trace says no more)
                    "kafka client broken, building a new one", error=f"{type(exc).__name__}: {exc}"
                )
                self._accounts.report(Trouble.BROKER, f"no working connection to Kafka: {type(exc).__name__}")
                await self._pause(REBUILD_PAUSES.nth(failures))
                failures += 1
            finally:
                await self.hand_over()
                await self._close(consumer)

    def lag(self, topic: str) -> int:
        """Records of the topic that are not finished, as far as the last fetch knows."""
        if self._consumer is None:
            return 0
        total = 0
        for partition, position in self._accounts.positions().items():
            if partition.topic == topic:
                try:
                    end = self._consumer.highwater(KafkaPartition(*partition))
                except (kafka_errors.KafkaError, AssertionError):
                    end = None
                total += max(0, (end or position) - position)
        return total

    # One client's life.

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while not self._stopping.is_set():
            check_alive(consumer)
            self._watch_broker(consumer)
            if self._assigned and not self._taken_over:
                await self._take_over(consumer)
            ready = [KafkaPartition(*partition) for partition in self._accounts.ready()]
            if not ready or consumer._subscription.reassignment_in_progress:
                coordinator_of(consumer).check_errors()
                await self._pause(POLL_SECONDS / 10)
                continue
            try:
                # Never cancelled, never in wait_for: either breaks the client's accounting for good.
                found = await consumer.getmany(
                    *ready, timeout_ms=int(POLL_SECONDS * 1000), max_records=MAX_RECORDS
                )
            except kafka_errors.OffsetOutOfRangeError as exc:
                self._position_lost(exc)
            except (kafka_errors.KafkaError, ValueError) as exc:
                await self._read_again(consumer, exc)
            else:
                # An empty answer may mean that no fetch has come back yet.
                self._has_read = self._has_read or has_fetched(consumer, ready)
                for partition, messages in found.items():
                    records = [as_record(message) for message in messages]
                    self._accounts.receive(TopicPartition(*partition), records)
                    await asyncio.sleep(0)
                if not found:
                    await self._pass_markers(consumer, ready)

    async def _pass_markers(self, consumer: AIOKafkaConsumer, partitions: list[KafkaPartition]) -> None:
        """At the end of a partition: transaction markers are no records, but offsets to be passed."""
        assigned = consumer.assignment()
        for partition in partitions:
            if partition in assigned and not consumer._subscription.reassignment_in_progress:
                position = await consumer.position(partition)
                self._accounts.read_to(TopicPartition(*partition), position)

    def _watch_broker(self, consumer: AIOKafkaConsumer) -> None:
        if not self._taken_over:
            return
        known = coordinator_of(consumer).coordinator_id is not None
        reason = None if known else "the group's coordinator can't be reached"
        self._accounts.report(Trouble.BROKER, reason)

    def _position_lost(self, error: kafka_errors.OffsetOutOfRangeError) -> None:
        for partition in error.args[0] if error.args else ():
            ours = TopicPartition(partition.topic, partition.partition)
            self._accounts.lose_position(ours, lost_while_reading(ours, self._group))

    async def _read_again(self, consumer: AIOKafkaConsumer, error: Exception) -> None:
        """After an error the client has moved on over records it did not give us: seek back."""
        self._raise_if_refused(error)
        log.error("reading failed", error=f"{type(error).__name__}: {error}"[:500])
        assigned = {TopicPartition(*partition) for partition in consumer.assignment()}
        for partition, offset in self._accounts.next_offsets().items():
            if partition in assigned:
                consumer.seek(KafkaPartition(*partition), offset)
        await self._pause(POLL_SECONDS)

    def _raise_if_refused(self, error: Exception) -> None:
        """A missing right ends the start at once; later it may be a slip that is mended."""
        cause = error.__cause__ if isinstance(error, CommitError) else error
        if self._has_read or not isinstance(cause, _REFUSED):
            return
        if isinstance(cause, kafka_errors.GroupAuthorizationFailedError):
            raise KafkaRefusedError(
                f"Kafka refuses the consumer group: grant Read on group {self._group} "
                "(setting CONSUMER_KAFKA_GROUP_ID)."
            ) from error
        if isinstance(cause, kafka_errors.TopicAuthorizationFailedError):
            topics = ", ".join(sorted(self._accounts.topics))
            raise KafkaRefusedError(
                f"Kafka refuses to let the source be read: grant Read on topic {topics} "
                "(setting CONSUMER_SOURCE_TOPIC)."
            ) from error
        raise translate(cause, "Kafka") from error

    # Ownership begins and ends.

    async def _take_over(self, consumer: AIOKafkaConsumer) -> None:
        """Begin to own what was assigned: find the positions, seek, and start the accounts."""
        ownership = Ownership.of(consumer)
        partitions = [TopicPartition(*partition) for partition in consumer.assignment()]
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                found, committed = await self._find_starts(consumer, partitions)
            if found.to_commit:
                await ownership.commit(found.to_commit)
        except (kafka_errors.KafkaError, CommitError, FencedError, TimeoutError) as exc:
            self._raise_if_refused(exc)
            log.warning("take-over not possible yet", error=f"{type(exc).__name__}: {exc}")
            await self._pause(POLL_SECONDS)
            return
        if self._stopping.is_set() or not self._assigned or not ownership.is_current():
            return  # a rebalance came in between: its own take-over follows
        for partition, start in found.starts.items():
            if isinstance(start, int):
                consumer.seek(KafkaPartition(*partition), start)
        self._ownership = ownership
        self._taken_over = self.joined = True
        self._journal.begin(ownership, {**committed, **found.to_commit})
        self._accounts.report(Trouble.BROKER, None)
        self._accounts.begin(found.starts, ownership.generation, ownership.is_current, self._tasks)

    async def _find_starts(
        self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
    ) -> tuple[Starts, dict[TopicPartition, int]]:
        kafka_partitions = [KafkaPartition(*partition) for partition in partitions]
        stored = await coordinator_of(consumer).fetch_committed_offsets(kafka_partitions)
        beginnings = await consumer.beginning_offsets(kafka_partitions) if partitions else {}
        ends = await consumer.end_offsets(kafka_partitions) if partitions else {}
        committed = {TopicPartition(*p): value.offset for p, value in stored.items() if value.offset >= 0}
        found = Starts({}, {})
        for topic in {partition.topic for partition in partitions}:
            own = [partition for partition in partitions if partition.topic == topic]
            chosen = choose_starts(
                {p: Bounds(beginnings[KafkaPartition(*p)], ends[KafkaPartition(*p)]) for p in own},
                {p: committed[p] for p in own if p in committed},
                {p: self._known[p] for p in own if p in self._known},
                self._start_from(topic),
                self._group,
            )
            found.starts.update(chosen.starts)
            found.to_commit.update(chosen.to_commit)
        return found, committed

    def assigned(self) -> None:
        """The group gave us partitions, perhaps none: the next turn of the loop takes over."""
        self._assigned, self._taken_over = True, False

    async def hand_over(self) -> None:
        """Ownership ends: finish what is under way, commit, and forget the rest."""
        self._assigned = self._taken_over = False
        ownership, self._ownership = self._ownership, None
        if ownership is not None:
            self._handing_over = asyncio.create_task(self._hand_over(ownership), name="hand over")
        if self._handing_over is not None and not self._handing_over.done():
            # Closing the client cancels its callback: ended half way, the settler would run for ever.
            await asyncio.shield(self._handing_over)

    async def _hand_over(self, ownership: Ownership) -> None:
        started = time.monotonic()
        drained = False
        try:
            drained = await self._accounts.drain(self._drain_seconds)
            self._journal.end()
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._journal.commit(ownership)
        except (FencedError, CommitError, TimeoutError) as exc:
            log.warning("last commit failed: what it held will be done again", error=str(exc))
        finally:
            self._known.update(self._journal.committed)
            await self._accounts.end(self._journal.committed)
        log.info("handed over", drained=drained, seconds=round(time.monotonic() - started, 3))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _close(self, consumer: AIOKafkaConsumer) -> None:
        """Leave the group, within a bound: `stop` hangs or raises where the broker is away."""
        self._consumer = None
        stop = asyncio.ensure_future(consumer.stop())
        done, _ = await asyncio.wait([stop], timeout=CLOSE_SECONDS)
        if not done:
            stop.cancel()
            await asyncio.wait([stop], timeout=CLOSE_SECONDS / 4)
        elif not stop.cancelled() and stop.exception() is not None:
            log.warning("kafka client did not close cleanly", error=type(stop.exception()).__name__)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Passes the client's callbacks on. What raises here would be swallowed, so nothing does."""

    def __init__(self, member: Member) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        await self._member.hand_over()

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        self._member.assigned()

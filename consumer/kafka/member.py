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
from consumer.delivery.commits import Entry
from consumer.delivery.pauses import Pauses
from consumer.delivery.troubles import Trouble
from consumer.kafka.admission import Admission
from consumer.kafka.client_state import ClientBrokenError, check_alive, disown
from consumer.kafka.closing import CLOSE_SECONDS, stop_within_bound
from consumer.kafka.journal import Journal
from consumer.kafka.lag import Lag
from consumer.kafka.ownership import CommitError, FencedError, Ownership, coordinator_of
from consumer.kafka.positions import Bounds, StartFrom, Starts, choose_starts
from consumer.kafka.reader import Reader
from consumer.records import TopicPartition

IDLE_SECONDS = 0.02
AGAIN_PAUSES = Pauses(0.2, 5.0)
TOPICS_SECONDS = 2.0
QUERY_SECONDS = 10.0
COMMIT_SECONDS = 1.5  # with what follows and the producer's close within the app's CLOSING_SECONDS
REBUILD_PAUSES = Pauses(0.5, 10.0)

log = structlog.get_logger(__name__)


class Member:
    """Runs the consumer until stopped; builds a new client where the old one breaks.

    `make_consumer` gives an unstarted client; `on_rebuild` is called before another one is made;
    `start_from` is the setting of a topic's account; `drain_seconds` bounds how long a hand-over or a
    stop waits for calls in flight; `coordinator_seconds`, how long the client looks for the group's
    coordinator among the brokers it knows: then they may have come back at other addresses.
    """

    def __init__(
        self,
        accounts: Accounts,
        journal: Journal,
        *,
        make_consumer: Callable[[], AIOKafkaConsumer],
        on_rebuild: Callable[[], None],
        start_from: Callable[[str], StartFrom],
        group: str,
        drain_seconds: float,
        coordinator_seconds: float,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._accounts = accounts
        self._journal = journal
        self._make_consumer = make_consumer
        self._on_rebuild = on_rebuild
        self._start_from = start_from
        self._group = group
        self._drain_seconds = drain_seconds
        self._coordinator_seconds = coordinator_seconds
        self._tasks = tasks
        self._stopping = asyncio.Event()
        self._ownership: Ownership | None = None
        self._assigned = self._taken_over = False
        self._handing_over: asyncio.Task[None] | None = None
        self._known: dict[TopicPartition, int] = {}
        self._lag: Lag | None = None
        self._admission = Admission(group, accounts.topics)
        self._rebuilds = self._vain_take_overs = 0
        self._no_coordinator_since: float | None = None
        self._look_for_topics_at = 0.0
        self.joined = False

    def stop(self) -> None:
        """Start no call from now on; `run` drains, commits, leaves the group and returns."""
        self._accounts.stop_calls()
        self._stopping.set()

    async def run(self) -> None:
        """Be a member until stopped. Raises for missing rights before the first assignment."""
        while not self._stopping.is_set():
            consumer = self._make_consumer()
            try:
                if await self._start(consumer):
                    consumer.subscribe(self._accounts.topics, listener=_Listener(self))
                    self._lag = Lag(consumer, self._accounts.positions)
                    watching = self._tasks.create_task(self._lag.watch(), name="lag")
                    try:
                        await self._read(consumer)
                    finally:
                        watching.cancel()
            except (ClientBrokenError, kafka_errors.KafkaError, OSError) as exc:
                self._admission.raise_if_refused(exc)
                log.error(  # noqa: TRY400  (one line; the trace says no more)
                    "kafka client broken, building a new one", error=f"{type(exc).__name__}: {exc}"
                )
                self._accounts.report(Trouble.BROKER, f"no working connection to Kafka: {type(exc).__name__}")
                await self._pause(REBUILD_PAUSES.nth(self._rebuilds))
                self._rebuilds += 1
            finally:
                await self.hand_over()
                await self._close(consumer)
            if not self._stopping.is_set():
                self._on_rebuild()

    def lag(self, topic: str) -> int:
        """Records of the topic that are not finished, as far as is known."""
        return 0 if self._lag is None else self._lag.of(topic)

    # One client's life.

    async def _start(self, consumer: AIOKafkaConsumer) -> bool:
        """Connect the client; False where the stop came first."""
        self._no_coordinator_since = None
        start = asyncio.ensure_future(consumer.start())
        stop = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait([start, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not start.done():
            start.cancel()
            await asyncio.wait([start], timeout=CLOSE_SECONDS)
            return False
        await start
        return True

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        reader = Reader(consumer, self._accounts, self._admission, self._group)
        while not self._stopping.is_set():
            check_alive(consumer)
            self._watch_broker(consumer)
            self._watch_topics(consumer)
            if self._assigned and not self._taken_over:
                await self._take_over(consumer)
                reader.forget()
            rebalancing = consumer._subscription.reassignment_in_progress
            if rebalancing or not await reader.read():
                coordinator_of(consumer).check_errors()
                await self._pause(IDLE_SECONDS)

    def _watch_broker(self, consumer: AIOKafkaConsumer) -> None:
        """Tell where the group's coordinator is lost; raise ClientBrokenError where it stays lost."""
        if coordinator_of(consumer).coordinator_id is not None:
            self._no_coordinator_since = None
            if self._taken_over:
                self._accounts.report(Trouble.BROKER, None)
            return
        now = time.monotonic()
        if self._no_coordinator_since is None:
            self._no_coordinator_since = now
        if self._taken_over:
            self._accounts.report(Trouble.BROKER, "the group's coordinator can't be reached")
        if now - self._no_coordinator_since > self._coordinator_seconds:
            raise ClientBrokenError("the group's coordinator can't be found")

    def _watch_topics(self, consumer: AIOKafkaConsumer) -> None:
        """Tell which topics don't exist, and look for them more often than the client does."""
        now = time.monotonic()
        if not self._taken_over or now < self._look_for_topics_at:
            return
        self._look_for_topics_at = now + TOPICS_SECONDS
        cluster = consumer._client.cluster
        missing = [topic for topic in self._accounts.topics if not cluster.partitions_for_topic(topic)]
        self._accounts.report_missing(missing)
        if missing:
            consumer._client.force_metadata_update()

    # Ownership begins and ends.

    async def _take_over(self, consumer: AIOKafkaConsumer) -> None:
        """Begin to own what was assigned: find the positions, seek, and start the accounts."""
        ownership = Ownership(consumer)
        partitions = [TopicPartition(*partition) for partition in consumer.assignment()]
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                found, stored, ends = await self._find_starts(consumer, partitions)
            self._accounts.resume(partitions, stored)
            refused: dict[TopicPartition, CommitError] = {}
            if found.to_commit:
                first = self._accounts.first_entries(found.to_commit, partitions)
                refused = await ownership.commit(first)
                for failure in refused.values():
                    self._admission.raise_if_refused(failure)
                stored |= {p: entry for p, entry in first.items() if p not in refused}
        except (kafka_errors.KafkaError, CommitError, FencedError, TimeoutError) as exc:
            self._admission.raise_if_refused(exc)
            log.warning("take-over not possible yet", error=f"{type(exc).__name__}: {exc}")
            await self._pause(AGAIN_PAUSES.nth(self._vain_take_overs))
            self._vain_take_overs += 1
            return
        if self._stopping.is_set() or not self._assigned or not ownership.is_current():
            return  # a rebalance came in between: its own take-over follows
        for partition, start in found.starts.items():
            if isinstance(start, int):
                consumer.seek(KafkaPartition(*partition), start)
        self._ownership = ownership
        self._taken_over = self.joined = True
        self._rebuilds = self._vain_take_overs = 0
        self._journal.begin(ownership, stored)
        self._accounts.report(Trouble.BROKER, None)
        self._accounts.begin(found.starts, ends, ownership.generation, ownership.is_current, self._tasks)
        if refused:
            # Their accounts are not read from before the journal has got it through.
            self._accounts.recorded(self._accounts.draft(), {p: str(why) for p, why in refused.items()})
            self._journal.moved()

    async def _find_starts(
        self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
    ) -> tuple[Starts, dict[TopicPartition, Entry], dict[TopicPartition, int]]:
        kafka_partitions = [KafkaPartition(*partition) for partition in partitions]
        stored = await coordinator_of(consumer).fetch_committed_offsets(kafka_partitions)
        beginnings = await consumer.beginning_offsets(kafka_partitions) if partitions else {}
        ends = await consumer.end_offsets(kafka_partitions) if partitions else {}
        committed = {
            TopicPartition(*p): Entry(value.offset, value.metadata or "")
            for p, value in stored.items()
            if value.offset >= 0
        }
        found = Starts({}, {})
        for topic in {partition.topic for partition in partitions}:
            own = [partition for partition in partitions if partition.topic == topic]
            chosen = choose_starts(
                {p: Bounds(beginnings[KafkaPartition(*p)], ends[KafkaPartition(*p)]) for p in own},
                {p: committed[p].position for p in own if p in committed},
                # A replay topic that was made anew holds what was asked for since.
                {p: self._known[p] for p in own if p in self._known and not self._accounts.is_replay(topic)},
                self._start_from(topic),
                self._group,
            )
            found.starts.update(chosen.starts)
            found.to_commit.update(chosen.to_commit)
        return found, committed, {TopicPartition(*p): end for p, end in ends.items()}

    def assigned(self) -> None:
        """The group gave us partitions, perhaps none: the next turn of the loop takes over."""
        self._assigned, self._taken_over = True, False

    async def hand_over(self) -> None:
        """Ownership ends: finish what is under way, commit, and forget the rest."""
        self._assigned = self._taken_over = False
        ownership, self._ownership = self._ownership, None
        if ownership is not None:
            if not ownership.is_generation_current():
                # Thrown out of the group: whoever owns the accounts now keeps them.
                disown(ownership.consumer)
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
            log.warning(
                "last commit failed: what it held will be done again", error=str(exc) or type(exc).__name__
            )
        finally:
            self._known.update(self._journal.positions())
            await self._accounts.end(self._journal.positions())
        log.info("handed over", drained=drained, seconds=round(time.monotonic() - started, 3))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _close(self, consumer: AIOKafkaConsumer) -> None:
        """Leave the group."""
        self._lag = None
        error = await stop_within_bound(consumer)
        if error is not None:
            log.warning("kafka client did not close cleanly", error=type(error).__name__)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Passes the client's callbacks on. What raises here would be swallowed, so nothing does."""

    def __init__(self, member: Member) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002
        await self._member.hand_over()

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        self._member.assigned()

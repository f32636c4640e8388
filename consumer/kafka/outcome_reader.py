"""Follows an outcomes topic into the ledger: all of it once, then its tail, through every outage."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka import errors as kafka_errors

from consumer.delivery.dead_letter_state import read_state_change
from consumer.delivery.ledger import Ledger
from consumer.delivery.outcome import STATE_KEY_PREFIX, applied_of, session_of
from consumer.delivery.pauses import Pauses
from consumer.delivery.settled import EndedReplays, Settled
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError, translate
from consumer.kafka.publisher import TopicMissingError
from consumer.kafka.topic_reading import is_alive, partitions_of, reading
from consumer.records import TopicPartition
from consumer.settings import KafkaSettings, SettingsError

POLL_SECONDS = 0.2
# So many records take about 10 ms, in which nothing else is done.
MAX_RECORDS = 1_000
# So often the broker is asked for the topic's end: it also shows that the broker is still there.
ASK_SECONDS = 5.0
ANSWER_SECONDS = 10.0
REBUILD_PAUSES = Pauses(0.1, 5.0)

log = structlog.get_logger(__name__)


class OutcomeReader:
    """Reads one account's outcomes topic; `run` is a task of the process, `at_end` is for the account.

    `ledger_seconds`: how long a session is kept that is not heard of. `report` is told why the topic can't
    be read, in a sentence, and None once it can.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        ledger: Ledger,
        *,
        ledger_seconds: float,
        report: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._ledger = ledger
        self._ledger_seconds = ledger_seconds
        self.report = report
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] | None = None
        self._asked = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._following = asyncio.Event()
        self._following.set()
        self._trouble: str | None = None
        self._admitted = False
        self._settled = Settled()
        self.ended_replays = EndedReplays()
        self.records = 0
        self.foreign = 0

    def caught_up(self) -> bool:
        """Whether all is read that was there when the broker was asked last."""
        return self._trouble is None and self._ends is not None and self._is_at(self._ends)

    async def at_end(self, deadline_seconds: float) -> bool:
        """Wait until all is read that is in the topic now; False where that takes longer than given."""
        self.follow()
        self._asked += 1
        reached = asyncio.get_running_loop().create_future()
        self._waiting.append((self._asked, reached))
        done, _ = await asyncio.wait([reached], timeout=deadline_seconds)
        if not done:
            reached.cancel()
        return bool(done)

    def settled_from(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, dict[int, int]]:
        """See `HistoryPort`."""
        return {partition: self._settled.beyond(partition, at) for partition, at in positions.items()}

    def rest(self) -> None:
        """Read no more for now: who owns the account writes these records, and need not read them."""
        self._following.clear()
        self._tell(None)

    def follow(self) -> None:
        """Read on from where it was left."""
        self._following.set()

    async def run(self) -> None:
        """Read until cancelled. A client that fails is built anew, and goes on where it was.

        Raises KafkaRefusedError where the topic may not be read and never was: that ends the start.
        """
        failures = 0
        while True:
            before = self.records
            try:
                await self._read_on()
            except _TROUBLES as exc:
                self._raise_if_refused(exc)
                failures = 0 if self.records > before else failures
                if isinstance(exc, kafka_errors.OffsetOutOfRangeError | TopicMissingError):
                    self._next.clear()  # the topic was made anew: all of it is news
                if self._following.is_set():
                    self._tell(_explained(exc, self._topic))
            else:
                continue
            await asyncio.sleep(REBUILD_PAUSES.nth(failures))
            failures += 1

    def _raise_if_refused(self, error: BaseException) -> None:
        if not self._admitted and isinstance(error, kafka_errors.TopicAuthorizationFailedError):
            raise KafkaRefusedError(
                f"Kafka refuses to let the outcomes be read: grant Read on topic {self._topic} "
                "(setting CONSUMER_OUTCOMES_TOPIC)."
            ) from error

    async def _read_on(self) -> None:
        """With one client, until it fails, or the topic has other partitions than it knew."""
        async with reading(
            self._kafka, self._topic, starts=self._next, within_seconds=ANSWER_SECONDS
        ) as consumer:
            partitions = consumer.assignment()
            loop = asyncio.get_running_loop()
            asked, asked_at, self._ends = 0, float("-inf"), None
            while True:
                if not self._following.is_set():
                    await self._following.wait()
                    asked_at = float("-inf")
                if not is_alive(consumer):
                    raise kafka_errors.KafkaConnectionError("a task of the client has ended")
                if self._asked > asked or loop.time() - asked_at >= ASK_SECONDS:
                    asked, asked_at = self._asked, loop.time()
                    async with asyncio.timeout(ANSWER_SECONDS):
                        if await partitions_of(consumer, self._topic) != {
                            each.partition for each in partitions
                        }:
                            return
                        ends = await consumer.end_offsets(list(partitions))
                    self._ends = {partition.partition: end for partition, end in ends.items()}
                await self._poll(consumer, partitions)
                self._admitted = True
                self._tell(None)
                if self._is_at(self._ends or {}):
                    self._reached(asked)

    async def _poll(self, consumer: AIOKafkaConsumer, partitions: "frozenset[KafkaPartition]") -> None:
        # Never cancelled but at the end of all: that breaks the client's accounting for good.
        found = await consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=MAX_RECORDS)
        for messages in found.values():
            self._take(messages)
            await asyncio.sleep(0)
        # What was given out is taken in; transaction markers and compacted gaps are passed as well.
        for partition in partitions:
            self._next[partition.partition] = await consumer.position(partition)

    def _take(self, messages: Sequence[Any]) -> None:
        for message in messages:
            self.records += 1
            try:
                self._take_one(message.key or b"", message.value, (message.timestamp or 0) / 1000)
            except ValueError:
                self._pass_over(message)

    def _take_one(self, key: bytes, value: bytes | None, heard_at: float) -> None:
        if key.startswith(STATE_KEY_PREFIX):
            if value is not None:
                self.ended_replays.add(read_state_change(value))
            return
        session = session_of(key)
        if value is None:
            self._ledger.forget(session, heard_at - self._ledger_seconds)
        else:
            self._ledger.put(session, applied_of(value), heard_at)
            self._settled.add(value)

    def _pass_over(self, message: Any) -> None:
        self.foreign += 1
        if self.foreign == 1:
            log.warning(
                "a record that is no outcome is passed over; further ones are not told",
                topic=self._topic,
                partition=message.partition,
                offset=message.offset,
            )

    def _is_at(self, ends: dict[int, int]) -> bool:
        return all(self._next.get(partition, 0) >= end for partition, end in ends.items())

    def _reached(self, asked: int) -> None:
        for number, reached in self._waiting:
            if number <= asked and not reached.done():
                reached.set_result(None)
        self._waiting = [each for each in self._waiting if not each[1].done()]

    def _tell(self, trouble: str | None) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("outcomes are read", topic=self._topic)
        else:
            log.warning("outcomes can't be read", reason=trouble)
        self.report(trouble)


# SettingsError: a TLS file that is just being replaced. ValueError: a codec that isn't there.
_TROUBLES = (
    kafka_errors.KafkaError,
    KafkaUnreachableError,
    KafkaRefusedError,
    TopicMissingError,
    SettingsError,
    TimeoutError,
    ValueError,
)


def _explained(error: BaseException, topic: str) -> str:
    match error:
        case KafkaUnreachableError() | KafkaRefusedError() | TopicMissingError() | SettingsError():
            return f"outcomes topic {topic}: {error}"
        case kafka_errors.CorruptRecordException():
            return f"outcomes topic {topic} can't be read: a batch of it is corrupt; mend the log"
        case kafka_errors.KafkaError() | TimeoutError():
            return f"outcomes topic {topic} can't be read: {translate(error, 'Kafka')}"
        case _:
            return f"outcomes topic {topic} can't be read: {type(error).__name__}"

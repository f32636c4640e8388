"""Where records end: an outcome made durable, then the offset (law 1)."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping

import structlog

from consumer.delivery.dead_letter import DeadLetter, Failure, Letterhead, dead_letter
from consumer.delivery.offsets import Offsets
from consumer.delivery.pauses import Pauses
from consumer.delivery.ports import DeadLetterPort, NotWritten, Telemetry
from consumer.delivery.troubles import Trouble, Troubles
from consumer.records import Record, TopicPartition

# One batch of dead letters in flight while the next records are read: bounds what the client buffers.
MAX_BATCH_LETTERS = 1000
MAX_BATCH_BYTES = 4 * 1024 * 1024
REPEAT_PAUSES = Pauses(0.25, 5.0)

log = structlog.get_logger(__name__)


class Settler:
    """Keeps every record from its receipt until its outcome is durable, for one tenure of an account.

    `already_done`: offsets that were finished under an earlier tenure of this process but lie beyond
    the committed position; they are not done twice.
    """

    def __init__(
        self,
        *,
        positions: Mapping[TopicPartition, int],
        already_done: Mapping[TopicPartition, Collection[int]],
        port: DeadLetterPort,
        letterhead: Letterhead,
        telemetry: Telemetry,
        troubles: Troubles,
        on_progress: Callable[[], None],
    ) -> None:
        self.offsets = {partition: Offsets(position) for partition, position in positions.items()}
        self.held_records = 0
        self.held_bytes = 0
        self._already_done = {partition: set(done) for partition, done in already_done.items()}
        self._port = port
        self._letterhead = letterhead
        self._telemetry = telemetry
        self._troubles = troubles
        self._on_progress = on_progress
        self._letters: deque[tuple[Record, Failure]] = deque()
        # Letters that were refused when last tried: while there is one, the trouble lasts.
        self._refused: set[str] = set()
        self._more = asyncio.Event()
        self._none_left = asyncio.Event()
        self._none_left.set()

    async def all_written(self, seconds: float) -> bool:
        """Wait until every dead letter is acknowledged, at most so long: True if they are."""
        try:
            async with asyncio.timeout(seconds):
                await self._none_left.wait()
        except TimeoutError:
            return False
        return True

    def receive(self, record: Record) -> bool:
        """A record came in. False if it is done already and nothing more is to be done for it."""
        partition = record.topic_partition
        offsets = self.offsets[partition]
        offsets.receive(record.offset)
        done = self._already_done.get(partition)
        if done and record.offset in done:
            done.remove(record.offset)
            if offsets.finish(record.offset):
                self._on_progress()
            return False
        self.held_records += 1
        self.held_bytes += record.held_bytes
        return True

    def finish(self, record: Record, outcome: str) -> None:
        """The record's outcome is durable, or needs no record of its own."""
        self.held_records -= 1
        self.held_bytes -= record.held_bytes
        self._telemetry.event(outcome)
        if self.offsets[record.topic_partition].finish(record.offset):
            self._on_progress()

    def give_up(self, record: Record, failure: Failure) -> None:
        """The record goes to the dead-letter topic; it is finished when the broker says so."""
        self._letters.append((record, failure))
        self._none_left.clear()
        self._more.set()

    async def run(self) -> None:
        """Write dead letters as they come, again and again until each is acknowledged. Never returns."""
        failures = 0
        while True:
            await self._more.wait()
            reason = await self._write_batch()
            if reason is None:
                if not self._refused:
                    failures = 0
                    self._troubles.clear(Trouble.DEAD_LETTER)
            else:
                if failures == 0:
                    log.error("dead letter not written", reason=reason)
                self._troubles.report(Trouble.DEAD_LETTER, reason)
                await asyncio.sleep(REPEAT_PAUSES.nth(failures))
                failures += 1

    async def _write_batch(self) -> str | None:
        """Write what waits, up to a batch; the reason of the first one that was not written.

        What was not written gets in line behind the others, so that it holds up none of them.
        """
        batch: list[tuple[Record, Failure, DeadLetter]] = []
        size = 0
        while self._letters and len(batch) < MAX_BATCH_LETTERS and size < MAX_BATCH_BYTES:
            record, failure = self._letters.popleft()
            letter = dead_letter(record, failure, self._letterhead)
            size += letter.size_bytes
            batch.append((record, failure, letter))
        if not self._letters:
            self._more.clear()
        results = await self._port.write([letter for _, _, letter in batch])
        refused: NotWritten | None = None
        again = []
        written: Counter[str] = Counter()
        for (record, failure, letter), result in zip(batch, results, strict=True):
            if result is None:
                self._refused.discard(letter.id)
                self._telemetry.dead_letter(failure.error_class)
                self.finish(record, "dead_lettered")
                written[failure.error_class] += 1
            else:
                refused = refused or result
                self._refused.add(letter.id)
                again.append((record, failure))
        if written:
            classes = [f"{name} {count}" for name, count in sorted(written.items())]
            log.info("dead letters written", account=self._letterhead.account, classes=classes)
        self._letters.extend(again)
        if self._letters:
            self._more.set()
        else:
            self._none_left.set()
        return None if refused is None else refused.reason

"""Where records end: an outcome made durable, then the offset (law 1)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from consumer.clock import Clock
from consumer.delivery.dead_letter import Failure, Letterhead, dead_letter, dead_letter_id
from consumer.delivery.lane import Lane
from consumer.delivery.offsets import Offsets
from consumer.delivery.outcome import Outcome, OutcomeRecord, event_mark
from consumer.delivery.ports import DeadLetterPort, NotWritten, OutcomePort, Telemetry
from consumer.delivery.session_ledger import About, SessionLedger
from consumer.delivery.troubles import Trouble, Troubles
from consumer.events.model import SessionKey
from consumer.records import Record, TopicPartition
from schemas.outcome import OutcomeName

OUTCOME_BYTES = 700  # about

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Letter:
    record: Record
    failure: Failure
    about: About | None


@dataclass(slots=True, eq=False)
class _Ending:
    """An outcome on its way, and the record that it finishes; None: written for the ledger's sake alone."""

    outcome: Outcome
    record: Record | None


@dataclass(slots=True, eq=False)
class _Tombstone:
    record: OutcomeRecord
    forget: Callable[[], None]


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
        letters: DeadLetterPort,
        outcomes: OutcomePort,
        ledger: SessionLedger,
        letterhead: Letterhead,
        telemetry: Telemetry,
        troubles: Troubles,
        owns: Callable[[], bool],
        wall_clock: Clock,
        on_progress: Callable[[], None],
    ) -> None:
        self.offsets = {partition: Offsets(position) for partition, position in positions.items()}
        self.held_records = 0
        self.held_bytes = 0
        self._already_done = {partition: set(done) for partition, done in already_done.items()}
        self._settled_before: Mapping[TopicPartition, Mapping[int, int]] = {}
        self._letter_port = letters
        self._outcome_port = outcomes
        self._ledger = ledger
        self._letterhead = letterhead
        self._telemetry = telemetry
        self._wall_clock = wall_clock
        self._on_progress = on_progress
        self._letters: Lane[_Letter] = Lane(
            "dead letters",
            owns=owns,
            write=self._write_letters,
            written=self._letters_written,
            size_bytes=lambda letter: letter.record.held_bytes,
            report=partial(troubles.tell, Trouble.DEAD_LETTER),
        )
        self._endings: Lane[_Ending | _Tombstone] = Lane(
            "outcomes",
            owns=owns,
            write=self._write_endings,
            written=self._endings_written,
            size_bytes=lambda _: OUTCOME_BYTES,
            report=partial(troubles.tell, Trouble.OUTCOME),
        )

    async def run(self) -> None:
        """Write dead letters and outcomes as they come. Never returns."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._letters.run(), name="dead letters")
            lanes.create_task(self._endings.run(), name="outcomes")

    async def all_written(self, seconds: float) -> bool:
        """Wait until everything is acknowledged, at most so long: True if it is."""
        deadline = asyncio.get_running_loop().time() + seconds
        # A dead letter that is written has an outcome to be written after it.
        return await self._letters.all_written(deadline) and await self._endings.all_written(deadline)

    def settled_before(self, settled: Mapping[TopicPartition, Mapping[int, int]]) -> None:
        """Another owner has settled these records, by offset, with their events' marks."""
        self._settled_before = settled

    def is_settled(self, record: Record, source: str, event_id: str) -> bool:
        """Whether the record's event has its outcome already; if so, the record is finished."""
        mark = self._settled_before.get(record.topic_partition, {}).get(record.offset)
        if mark is None or mark != event_mark(source, event_id):
            return False
        self._let_go(record)
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

    def skip(self, record: Record) -> None:
        """The record is nothing of ours, by setting: it needs no outcome."""
        self._finish(record, "skipped")

    def conclude(self, record: Record, about: About, outcome: OutcomeName, by: About | None = None) -> None:
        """This became of the record's event; the record is finished when the broker has that."""
        self._end(record, about, outcome, by=by)

    def give_up(self, record: Record, failure: Failure, about: About | None) -> None:
        """The record goes to the dead-letter topic; `about` its event, where that much could be read.

        It is finished when the broker has the dead letter, and its outcome, if there is one.
        """
        self._letters.put(_Letter(record, failure, about))

    def write_again(self, outcome: Outcome) -> None:
        """A session's last record does not carry its newest `applied`: write that once more."""
        self._endings.put(_Ending(outcome, None))

    def bury(self, tombstone: OutcomeRecord, forget: Callable[[], None]) -> None:
        """A session was not heard of for long; `forget` it when the broker has its tombstone."""
        self._endings.put(_Tombstone(tombstone, forget))

    def _end(
        self,
        record: Record,
        about: About,
        name: OutcomeName,
        *,
        by: About | None = None,
        failure: Failure | None = None,
    ) -> None:
        outcome = Outcome(
            session=about.session,
            event=about.event,
            origin=about.origin,
            outcome=name,
            at=self._wall_clock(),
            applied=None,
            by=None if by is None else by.event,
            dead_letter_id=None if failure is None else dead_letter_id(record),
            error_class=None if failure is None else failure.error_class,
        )
        self._endings.put(_Ending(outcome, record))

    def _finish(self, record: Record, outcome: str) -> None:
        self._telemetry.event(outcome)
        self._let_go(record)

    def _let_go(self, record: Record) -> None:
        self.held_records -= 1
        self.held_bytes -= record.held_bytes
        if self.offsets[record.topic_partition].finish(record.offset):
            self._on_progress()

    async def _write_letters(self, letters: Sequence[_Letter]) -> Sequence[NotWritten | None]:
        head = self._letterhead
        return await self._letter_port.write(
            [dead_letter(each.record, each.failure, head) for each in letters]
        )

    def _letters_written(self, letters: Sequence[_Letter]) -> None:
        classes = Counter(str(letter.failure.error_class) for letter in letters)
        for letter in letters:
            self._telemetry.dead_letter(letter.failure.error_class)
            if letter.about is None:
                self._finish(letter.record, "dead_lettered")
            else:
                self._end(letter.record, letter.about, "dead_lettered", failure=letter.failure)
        counts = [f"{name} {count}" for name, count in sorted(classes.items())]
        log.info("dead letters written", account=self._letterhead.account, classes=counts)

    async def _write_endings(self, endings: Sequence[_Ending | _Tombstone]) -> Sequence[NotWritten | None]:
        return await self._outcome_port.write([self._record(each) for each in endings])

    def _record(self, ending: _Ending | _Tombstone) -> OutcomeRecord:
        if isinstance(ending, _Tombstone):
            return ending.record
        # As late as can be: the key's last record has to carry its newest `applied`.
        applied = self._ledger.applied(ending.outcome.session)
        return replace(ending.outcome, applied=applied).record()

    def _endings_written(self, endings: Sequence[_Ending | _Tombstone]) -> None:
        heard_of: set[SessionKey] = set()
        for ending in endings:
            if isinstance(ending, _Tombstone):
                ending.forget()
            else:
                heard_of.add(ending.outcome.session)
                if ending.record is not None:
                    self._finish(ending.record, ending.outcome.outcome)
        for session in heard_of:
            self._ledger.written(session)

"""Where records end: an outcome made durable, then the offset (law 1)."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import assert_never

from consumer.clock import Clock
from consumer.delivery.dead_letter import Failure, Letterhead, dead_letter, dead_letter_id
from consumer.delivery.done import Done, Skipped, Work
from consumer.delivery.lane import Lane
from consumer.delivery.notes import Beginning, Ending, Note, Repeat, Tombstone, records_of
from consumer.delivery.offsets import Offsets
from consumer.delivery.outcome import Origin, Outcome, OutcomeRecord, event_mark
from consumer.delivery.ports import DeadLetterPort, NotWritten, OutcomePort, Telemetry
from consumer.delivery.replay import Replay
from consumer.delivery.replays import HasEnded, Replays
from consumer.delivery.room import Load
from consumer.delivery.session_ledger import About, SessionLedger
from consumer.delivery.troubles import Trouble, Troubles
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Record, TopicPartition
from schemas.outcome import OutcomeName

OUTCOME_BYTES = 700  # about


@dataclass(slots=True, eq=False)
class _Letter:
    record: Record
    failure: Failure
    about: About | None
    work: Work


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
        replay_topic: str,
        letterhead: Letterhead,
        telemetry: Telemetry,
        tell_done: Callable[[Done], None],
        troubles: Troubles,
        owns: Callable[[], bool],
        wall_clock: Clock,
        on_progress: Callable[[], None],
    ) -> None:
        self.offsets = {partition: Offsets(position) for partition, position in positions.items()}
        self.held_live, self.held_replays = Load(), Load()
        self._already_done = {partition: set(done) for partition, done in already_done.items()}
        self._settled_before: Mapping[TopicPartition, Mapping[int, int]] = {}
        self._letter_port = letters
        self._outcome_port = outcomes
        self._ledger = ledger
        self._letterhead = letterhead
        self._telemetry = telemetry
        self._tell_done = tell_done
        self._wall_clock = wall_clock
        self._on_progress = on_progress
        self._replays = Replays(replay_topic, wall_clock)
        self._letters: Lane[_Letter] = Lane(
            "dead letters",
            owns=owns,
            write=self._write_letters,
            written=self._letters_written,
            size_bytes=lambda letter: letter.record.held_bytes,
            report=partial(troubles.tell, Trouble.DEAD_LETTER),
        )
        self._notes: Lane[Note] = Lane(
            "outcomes",
            owns=owns,
            write=self._write_notes,
            written=self._notes_written,
            size_bytes=lambda _: OUTCOME_BYTES,
            report=partial(troubles.tell, Trouble.OUTCOME),
        )

    async def run(self) -> None:
        """Write dead letters and outcomes as they come. Never returns."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._letters.run(), name="dead letters")
            lanes.create_task(self._notes.run(), name="outcomes")

    async def all_written(self, seconds: float) -> bool:
        """Wait until everything is acknowledged, at most so long: True if it is."""
        deadline = asyncio.get_running_loop().time() + seconds
        # A dead letter that is written has an outcome to be written after it.
        return await self._letters.all_written(deadline) and await self._notes.all_written(deadline)

    def settled_before(
        self, settled: Mapping[TopicPartition, Mapping[int, int]], has_ended: HasEnded
    ) -> None:
        """Another owner has settled these records, by offset, with their events' marks, and these replays."""
        self._settled_before = settled
        self._replays.has_ended = has_ended

    def replay_of(self, record: Record) -> Replay | None:
        """The replay that a record which is held is; None: it was first read where it lies."""
        return self._replays.of(record)

    def held_of(self, topic: str) -> Load:
        """What is held of one of the account's two topics."""
        return self.held_replays if topic == self._replays.topic else self.held_live

    @property
    def held_records(self) -> int:
        """Records that are not finished."""
        return self.held_live.records + self.held_replays.records

    @property
    def held_bytes(self) -> int:
        """About how much memory they take."""
        return self.held_live.size_bytes + self.held_replays.size_bytes

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
        self.held_of(record.topic).add(record)
        if not self._replays.take_in(record):
            self._let_go(record)
            return False
        replay = self._replays.held(record)
        if replay is not None:
            self._notes.put(Beginning(replay))
        return True

    def skip(self, record: Record) -> None:
        """The record is nothing of ours, by setting: it needs no outcome."""
        self._end(record, "skipped", None, Work(EventIdentity(), self._wall_clock()))

    def conclude(
        self, record: Record, about: About, outcome: OutcomeName, work: Work, by: About | None = None
    ) -> None:
        """This became of the record's event; the record is finished when the broker has that."""
        self._end(record, outcome, about, work, by=by)

    def give_up(self, record: Record, failure: Failure, about: About | None, work: Work) -> None:
        """The record goes to the dead-letter topic; `about` its event, where that much could be read.

        It is finished when the broker has the dead letter, and its outcome, if there is one.
        """
        self._letters.put(_Letter(record, failure, about, work))

    def write_again(self, outcome: Outcome) -> None:
        """A session's last record does not carry its newest `applied`: write that once more."""
        self._notes.put(Repeat(outcome))

    def bury(self, tombstone: OutcomeRecord, forget: Callable[[], None]) -> None:
        """A session was not heard of for long; `forget` it when the broker has its tombstone."""
        self._notes.put(Tombstone(tombstone, forget))

    def _end(
        self,
        record: Record,
        name: OutcomeName | Skipped,
        about: About | None,
        work: Work,
        *,
        by: About | None = None,
        failure: Failure | None = None,
    ) -> None:
        """The record is finished when what is to be written of its end is durable."""
        replay = self._replays.held(record)
        by_event = None if by is None else by.event
        error_class = None if failure is None else failure.error_class
        read_at = Origin(record.topic, record.partition, record.offset)
        origin = read_at if replay is None else replay.replay.origin
        letter_id = dead_letter_id(origin) if failure is not None or replay is not None else None
        done = Done(
            account=self._letterhead.account,
            record=read_at,
            work=work,
            outcome=name,
            at=self._wall_clock(),
            error_class=error_class,
            dead_letter_id=letter_id,
            replay=None if replay is None else replay.replay,
            by=by_event,
        )
        outcome = None
        if about is not None and name != "skipped":
            outcome = Outcome(
                session=about.session,
                event=about.event,
                origin=about.origin,
                outcome=name,
                at=done.at,
                applied=None,
                by=by_event,
                dead_letter_id=letter_id,
                error_class=error_class,
            )
        if outcome is None and replay is None:
            self._finish(record, done)
        else:
            self._notes.put(Ending(record, done, outcome, replay))

    def _finish(self, record: Record, done: Done) -> None:
        self._telemetry.event(done.outcome)
        self._let_go(record)
        done.at = self._wall_clock()
        self._tell_done(done)

    def _let_go(self, record: Record) -> None:
        self._replays.let_go(record)
        self.held_of(record.topic).remove(record)
        if self.offsets[record.topic_partition].finish(record.offset):
            self._on_progress()

    async def _write_letters(self, letters: Sequence[_Letter]) -> Sequence[NotWritten | None]:
        head = self._letterhead
        return await self._letter_port.write(
            [dead_letter(each.record, each.failure, head, self.replay_of(each.record)) for each in letters]
        )

    def _letters_written(self, letters: Sequence[_Letter]) -> None:
        for letter in letters:
            self._telemetry.dead_letter(letter.failure.error_class)
            self._end(letter.record, "dead_lettered", letter.about, letter.work, failure=letter.failure)

    async def _write_notes(self, notes: Sequence[Note]) -> Sequence[NotWritten | None]:
        records = [records_of(note, self._ledger, self._replays) for note in notes]
        results = iter(await self._outcome_port.write([one for each in records for one in each]))
        # A note is written when all of its records are.
        return [next(filter(None, list(islice(results, len(each)))), None) for each in records]

    def _notes_written(self, notes: Sequence[Note]) -> None:
        heard_of: set[SessionKey] = set()
        for note in notes:
            match note:
                case Tombstone():
                    note.forget()
                case Repeat():
                    heard_of.add(note.outcome.session)
                case Ending():
                    if note.outcome is not None:
                        heard_of.add(note.outcome.session)
                    self._finish(note.record, note.done)
                case Beginning():
                    pass
                case _:
                    assert_never(note)
        for session in heard_of:
            self._ledger.written(session)

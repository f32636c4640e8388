"""Law 1 where records end: nothing is finished before its outcome is durable."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from consumer.delivery.dead_letter import DeadLetter, Failure, Letterhead
from consumer.delivery.done import Done, Work
from consumer.delivery.lane import MAX_BATCH, MAX_BATCH_BYTES
from consumer.delivery.outcome import EventReference, Origin
from consumer.delivery.ports import Silent
from consumer.delivery.session_ledger import About, SessionLedger
from consumer.delivery.settler import Settler
from consumer.delivery.troubles import Trouble, Troubles
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Headers, Record, TopicPartition
from schemas.error_class import ErrorClass
from tests.fakes.dead_letter_topic import FakeDeadLetterTopic
from tests.fakes.outcomes_topic import FakeOutcomesTopic
from tests.fakes.simulated_time import EPOCH_SECONDS, clock, simulate
from tests.unit.delivery.replay_scene import REPLAY_TOPIC

PARTITION = TopicPartition("t", 0)
REPLAYS = TopicPartition(REPLAY_TOPIC, 0)
WORK = Work(EventIdentity(), EPOCH_SECONDS)
FAILURE = Failure(ErrorClass.EVENT_UNREADABLE, "not JSON", False, EventIdentity(), EPOCH_SECONDS)


def record(offset: int, value: bytes = b"x", headers: Headers = ()) -> Record:
    """A record of the one partition."""
    return Record("t", 0, offset, 0, None, value, headers)


class Scene:
    """A settler at work on a fake dead-letter topic, for the length of a `with` block."""

    def __init__(
        self,
        topic: FakeDeadLetterTopic,
        done: Mapping[TopicPartition, Collection[int]] | None = None,
        outcomes: FakeOutcomesTopic | None = None,
    ) -> None:
        self.owns = True
        self.moves: list[int] = []
        self.troubled: list[bool] = []
        self.told: list[Done] = []
        self.troubles = Troubles(lambda: self.troubled.append(bool(self.troubles)))
        self.settler = Settler(
            positions={PARTITION: 0, REPLAYS: 0},
            already_done=done or {},
            letters=topic,
            outcomes=outcomes or FakeOutcomesTopic(),
            ledger=SessionLedger(clock),
            replay_topic=REPLAY_TOPIC,
            letterhead=Letterhead("default", "group", "1"),
            telemetry=Silent(),
            tell_done=self.told.append,
            troubles=self.troubles,
            owns=lambda: self.owns,
            wall_clock=clock,
            on_progress=lambda: self.moves.append(self.position),
        )

    @property
    def position(self) -> int:
        """What may be committed."""
        return self.settler.offsets[PARTITION].position

    async def __aenter__(self) -> "Scene":
        self._task = asyncio.create_task(self.settler.run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def give_up(self, *records: Record) -> None:
        """They come in and are dead-lettered."""
        for one in records:
            if self.settler.receive(one):
                self.settler.give_up(one, FAILURE, None, WORK)


def test_law_1_a_dead_letter_moves_no_position_before_its_acknowledgement() -> None:
    """And what is held is held until then."""

    async def scene() -> None:
        async with Scene(FakeDeadLetterTopic(write_seconds=2.0)) as made:
            made.give_up(record(0), record(1))
            await asyncio.sleep(1.0)
            assert (0, 2, []) == (made.position, made.settler.held_records, made.moves)
            assert not await made.settler.all_written(0.5)
            assert await made.settler.all_written(1.0)
            assert (2, 0, 0) == (made.position, made.settler.held_records, made.settler.held_bytes)
            assert [1, 2] == made.moves

    simulate(scene())


def test_law_1_a_refused_dead_letter_is_tried_again_until_it_is_taken() -> None:
    """The trouble is shown meanwhile, and the position waits at its record."""
    topic = FakeDeadLetterTopic(refuses=lambda letter: letter.id == "t:0:1")

    async def scene() -> None:
        async with Scene(topic) as made:
            made.give_up(*[record(n) for n in range(5)])
            await asyncio.sleep(600.0)
            assert (1, 1) == (made.position, made.settler.held_records)
            assert (Trouble.DEAD_LETTER, "refused by the test") == made.troubles.gravest()
            assert 100 <= topic.batches <= 130
            topic.refuses = lambda _letter: False
            assert await made.settler.all_written(6.0)
            assert (5, None) == (made.position, made.troubles.gravest())

    simulate(scene())
    assert ["t:0:0", "t:0:2", "t:0:3", "t:0:4", "t:0:1"] == [letter.id for letter in topic.letters]


@pytest.mark.parametrize(("refused", "size_bytes"), [(40, 262_144), (MAX_BATCH, 1)])
def test_more_refused_letters_than_a_batch_holds_hold_up_no_other(refused: int, size_bytes: int) -> None:
    """Those that come after them are written; the trouble lasts as long as one is refused."""

    def refuses(letter: DeadLetter) -> bool:
        return int(letter.id.split(":")[2]) < refused

    topic = FakeDeadLetterTopic(refuses=refuses)

    async def scene() -> list[bool]:
        async with Scene(topic) as made:
            made.give_up(*[record(n, b"x" * size_bytes) for n in range(refused)])
            made.give_up(*[record(n) for n in range(refused, refused + MAX_BATCH)])
            await asyncio.sleep(60.0)
            assert 0 == made.position
            return made.troubled

    assert [True] == simulate(scene())
    expected = [f"t:0:{n}" for n in range(refused, refused + MAX_BATCH)]
    assert expected == [letter.id for letter in topic.letters]


def test_a_record_that_an_earlier_tenure_finished_is_not_done_twice() -> None:
    """It is passed over at its receipt, and once only."""

    async def scene() -> None:
        async with Scene(FakeDeadLetterTopic(), {PARTITION: {0, 2}}) as made:
            assert [False, True, False] == [made.settler.receive(record(n)) for n in range(3)]
            assert (1, 1) == (made.position, made.settler.held_records)
            made.settler.skip(record(1))
            assert (3, 0) == (made.position, made.settler.held_records)

    simulate(scene())


def test_a_flood_is_written_in_batches_and_each_letter_once() -> None:
    """Not one broker round trip per record."""
    topic = FakeDeadLetterTopic()

    async def scene() -> int:
        async with Scene(topic) as made:
            made.give_up(*[record(n) for n in range(5000)])
            assert await made.settler.all_written(60.0)
            return made.position

    assert 5000 == simulate(scene())
    assert (5, 5000) == (topic.batches, len({letter.id for letter in topic.letters}))


def test_a_batch_is_bounded_in_bytes_headers_included() -> None:
    """Publishers may put megabytes into headers."""
    topic = FakeDeadLetterTopic()
    headers = tuple((f"h{n}", b"x" * 1024) for n in range(1024))

    async def scene() -> None:
        async with Scene(topic) as made:
            made.give_up(*[record(n, headers=headers) for n in range(12)])
            assert await made.settler.all_written(60.0)

    simulate(scene())
    assert topic.batches == 12 * 1024 * 1024 / MAX_BATCH_BYTES


ABOUT = About(SessionKey("1", "2", "3", "4"), EventReference("e", "/s", 0, None), Origin("t", 0, 0))


def test_law_1_an_outcome_moves_no_position_before_its_acknowledgement() -> None:
    """An applied event is finished when the outcomes topic has it; until then it is held."""
    outcomes = FakeOutcomesTopic(refuses=True)

    async def scene() -> None:
        async with Scene(FakeDeadLetterTopic(), outcomes=outcomes) as made:
            assert made.settler.receive(record(0))
            made.settler.conclude(record(0), ABOUT, "applied", WORK)
            await asyncio.sleep(30.0)
            assert (0, 1) == (made.position, made.settler.held_records)
            assert (Trouble.OUTCOME, "refused by the test") == made.troubles.gravest()
            outcomes.refuses = False
            assert await made.settler.all_written(6.0)
            assert (1, 0, None) == (made.position, made.settler.held_records, made.troubles.gravest())

    simulate(scene())
    assert ["applied"] == [value["outcome"] for value in outcomes.values()]


def test_a_dead_letter_whose_event_can_be_named_has_an_outcome_after_it() -> None:
    """With the dead letter's id and class; an unreadable one costs none."""
    outcomes = FakeOutcomesTopic()

    async def scene() -> int:
        async with Scene(FakeDeadLetterTopic(), outcomes=outcomes) as made:
            for offset, about in ((0, ABOUT), (1, None)):
                assert made.settler.receive(record(offset))
                made.settler.give_up(record(offset), FAILURE, about, WORK)
            assert await made.settler.all_written(5.0)
            return made.position

    assert 2 == simulate(scene())
    [value] = outcomes.values()
    assert ("dead_lettered", "t:0:0", "event_unreadable") == (
        value["outcome"],
        value["deadLetterId"],
        value["errorClass"],
    )


def test_law_3_nothing_is_written_while_ownership_is_in_doubt() -> None:
    """A frozen owner that wakes up writes no dead letter out of turn; it waits to hear of its end."""
    topic = FakeDeadLetterTopic()

    async def scene() -> None:
        async with Scene(topic) as made:
            made.owns = False
            made.give_up(record(0))
            await asyncio.sleep(60.0)
            assert 0 == topic.batches
            made.owns = True
            assert await made.settler.all_written(1.0)

    simulate(scene())


def test_a_record_is_told_once_and_not_before_its_end_is_durable() -> None:
    """The dead letter and its outcome are both acknowledged by then; the one without an outcome, too."""

    async def scene() -> list[tuple[int, float]]:
        outcomes = FakeOutcomesTopic(write_seconds=3.0)
        async with Scene(FakeDeadLetterTopic(write_seconds=2.0), outcomes=outcomes) as made:
            for offset, about in ((0, ABOUT), (1, None)):
                made.settler.receive(record(offset))
                made.settler.give_up(record(offset), FAILURE, about, WORK)
            await asyncio.sleep(20.0)
            return [(done.record.offset, done.waited_seconds) for done in made.told]

    assert [(1, 2.0), (0, 5.0)] == [(offset, round(waited, 3)) for offset, waited in simulate(scene())]

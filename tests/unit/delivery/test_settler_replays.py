"""Where replays end: an outcome and their dead letter's state, both durable (law 1)."""

import asyncio

import pytest

from tests.fakes.dead_letter_topic import FakeDeadLetterTopic
from tests.fakes.outcomes_topic import FakeOutcomesTopic
from tests.fakes.simulated_time import simulate
from tests.unit.delivery.replay_scene import replay, replay_record
from tests.unit.delivery.test_settler import ABOUT, FAILURE, PARTITION, REPLAYS, WORK, Scene


def notes(outcomes: FakeOutcomesTopic) -> list[str]:
    """What was written, in order: outcomes and states by their names."""
    return [value.get("state") or f"outcome {value['outcome']}" for value in outcomes.values()]


async def _played(outcomes: FakeOutcomesTopic, *, seconds: float = 60.0) -> tuple[int, int]:
    """One replay, applied as soon as it came: where the position is, and what is held."""
    async with Scene(FakeDeadLetterTopic(), outcomes=outcomes) as made:
        record = replay_record(0, replay())
        assert made.settler.receive(record)
        made.settler.conclude(record, ABOUT, "applied", WORK)
        await made.settler.all_written(seconds)
        return made.settler.offsets[REPLAYS].position, made.settler.held_records


def test_a_replay_has_an_outcome_and_two_states() -> None:
    """All of them name the dead letter."""
    outcomes = FakeOutcomesTopic()

    assert (1, 0) == simulate(_played(outcomes))
    assert ["replaying", "outcome applied", "applied"] == notes(outcomes)
    assert {"t:0:7"} == {value["deadLetterId"] for value in outcomes.values()}


@pytest.mark.parametrize("refused", [b"dead-letter/", b"1/2/3/4"])
def test_law_1_a_replay_is_held_until_its_outcome_and_its_state_are_both_acknowledged(refused: bytes) -> None:
    """Whichever is refused, and only that one."""
    outcomes = FakeOutcomesTopic(refuses_key=lambda key: key.startswith(refused))

    assert (0, 1) == simulate(_played(outcomes))
    assert "outcome applied" in notes(outcomes) or "applied" in notes(outcomes)


def test_a_replays_beginning_that_is_written_again_does_not_undo_its_end() -> None:
    """The broker refused the beginning and may have taken the end: then the end is written in its place."""
    outcomes = FakeOutcomesTopic(refuses=True)

    async def scene() -> None:
        async with Scene(FakeDeadLetterTopic(), outcomes=outcomes) as made:
            record = replay_record(0, replay())
            made.settler.receive(record)
            await asyncio.sleep(1.0)
            made.settler.conclude(record, ABOUT, "applied", WORK)
            await asyncio.sleep(60.0)
            outcomes.refuses = False
            assert await made.settler.all_written(10.0)

    simulate(scene())
    assert "replaying" not in notes(outcomes)
    assert notes(outcomes).count("applied") == 2


def test_a_replay_that_fails_again_keeps_its_id_and_one_that_is_unreadable_has_no_outcome() -> None:
    """Its dead letter is open again."""
    outcomes, topic = FakeOutcomesTopic(), FakeDeadLetterTopic()

    async def scene() -> int:
        async with Scene(topic, outcomes=outcomes) as made:
            for offset, about in ((0, ABOUT), (1, None)):
                record = replay_record(offset, replay(7 + offset, count=2))
                assert made.settler.receive(record)
                made.settler.give_up(record, FAILURE, about, WORK)
            assert await made.settler.all_written(5.0)
            return made.settler.offsets[REPLAYS].position

    assert 2 == simulate(scene())
    assert ["t:0:7", "t:0:8"] == [letter.id for letter in topic.letters]
    assert ["replaying"] * 2 + ["outcome dead_lettered", "open", "open"] == notes(outcomes)


def test_a_replay_that_is_skipped_has_a_state_alone() -> None:
    """Its dead letter is discarded."""
    outcomes = FakeOutcomesTopic()

    async def scene() -> int:
        async with Scene(FakeDeadLetterTopic(), outcomes=outcomes) as made:
            record = replay_record(0, replay())
            assert made.settler.receive(record)
            made.settler.skip(record)
            assert await made.settler.all_written(5.0)
            return made.settler.offsets[REPLAYS].position

    assert 1 == simulate(scene())
    assert ["replaying", "discarded"] == notes(outcomes)


def test_a_replay_that_has_ended_before_or_waits_already_is_finished_at_its_receipt() -> None:
    """Nothing is written for it, and its position moves on."""
    outcomes = FakeOutcomesTopic()

    async def scene() -> None:
        async with Scene(FakeDeadLetterTopic(), outcomes=outcomes) as made:
            made.settler.settled_before({}, lambda letter_id, count: (letter_id, count) == ("t:0:7", 1))
            received = [
                made.settler.receive(replay_record(at, each))
                for at, each in enumerate([replay(7), replay(7, count=2), replay(7, count=2)])
            ]
            assert [False, True, False] == received
            assert (1, 1, 0) == (
                made.settler.offsets[REPLAYS].position,
                made.settler.held_of(REPLAYS.topic).records,
                made.settler.held_of(PARTITION.topic).records,
            )
            assert await made.settler.all_written(5.0)

    simulate(scene())
    assert ["replaying"] == notes(outcomes)

"""Replays that are held: each once, and its dead letter's state never goes back to its beginning."""

from typing import Any

import pytest

from consumer.delivery.replays import Replays
from consumer.records import Record
from schemas.outcome import OutcomeName
from tests.unit.delivery.replay_scene import REPLAY_TOPIC, replay, replay_record


def replays() -> Replays:
    """None yet, at one second past the epoch."""
    return Replays(REPLAY_TOPIC, lambda: 1.0)


def said(change: Any) -> tuple[str, str | None, int, str | None, str | None, str | None]:
    """What a state's record says, but for when."""
    return (
        change.state,
        change.outcome,
        change.replay_count,
        change.run_id,
        change.by,
        change.reason,
    )


def test_a_replay_is_one_on_the_replay_topic_alone() -> None:
    """A publisher's record with the same headers is none; nor is a foreign record of the replay topic."""
    held = replays()
    forged = replay_record(0, replay())
    forged = Record("t", 0, 0, 0, None, b"x", forged.headers)
    foreign = Record(REPLAY_TOPIC, 0, 1, 0, None, b"x", ())

    assert [True, True] == [held.take_in(record) for record in (forged, foreign)]
    assert [None, None] == [held.of(record) for record in (forged, foreign)]
    assert held.take_in(replay_record(2, replay()))


def test_a_copy_of_a_replay_that_waits_is_needless_and_a_further_replay_is_not() -> None:
    """Written twice by a run that was resumed; once the first is finished, its end is on record."""
    held = replays()
    first, copy, again = (replay_record(at, replay(count=count)) for at, count in ((0, 1), (1, 1), (2, 2)))

    assert [True, False, True] == [held.take_in(record) for record in (first, copy, again)]
    assert (replay(), None, replay(count=2)) == (held.of(first), held.of(copy), held.of(again))
    held.let_go(first)
    assert held.of(first) is None
    assert held.take_in(copy)
    held.let_go(copy)
    held.has_ended = lambda letter_id, count: (letter_id, count) == ("t:0:7", 1)
    assert not held.take_in(copy)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("applied", "applied"),
        ("duplicate", "applied"),
        ("superseded", "superseded"),
        ("stale", "superseded"),
        ("dead_lettered", "open"),
    ],
)
def test_a_replay_begins_and_ends_as_its_dead_letters_state(outcome: OutcomeName, state: str) -> None:
    """Once its end may be written, its beginning is not written any more."""
    held = replays()
    record = replay_record(0, replay(count=3))
    held.take_in(record)
    one = held.held(record)
    assert one is not None
    mine = (3, "run-1", "ann", "why")

    assert ("replaying", None, *mine) == said(held.begun(one))
    assert (state, outcome, *mine) == said(held.ended(one, outcome))
    assert (state, outcome, *mine) == said(held.begun(one))


def test_a_replay_that_is_skipped_by_setting_is_discarded() -> None:
    """By us, with the reason."""
    held = replays()
    record = replay_record(0, replay())
    held.take_in(record)
    one = held.held(record)
    assert one is not None

    state, outcome, _, _, by, reason = said(held.ended(one, None))

    assert ("discarded", None, "session-consumer") == (state, outcome, by)
    assert "CONSUMER_OTHER_EVENT_TYPES" in str(reason)

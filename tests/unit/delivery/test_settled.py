"""Which replays came to an end, in few bytes."""

import pytest

from consumer.delivery.dead_letter_state import StateChange
from consumer.delivery.settled import KEPT, EndedReplays
from schemas.outcome import DeadLetterStateName


def change(number: int, count: int = 1, state: DeadLetterStateName = "applied") -> StateChange:
    """A dead letter's state."""
    return StateChange(f"t:0:{number}", state, count, None, None, None, 0.0)


@pytest.mark.parametrize("state", ["open", "applied", "superseded", "discarded"])
def test_a_replay_has_ended_where_it_or_a_later_one_has(state: DeadLetterStateName) -> None:
    """Whatever it came to; a further one has not."""
    ended = EndedReplays()
    ended.add(change(1, 2, state))

    assert [True, True, False] == [ended.has("t:0:1", count) for count in (1, 2, 3)]
    assert not ended.has("t:0:2", 1)


@pytest.mark.parametrize("unended", [change(1, 1, "replaying"), change(1, 0, "discarded"), change(1, 2**70)])
def test_what_is_no_end_of_a_replay_is_none(unended: StateChange) -> None:
    """One that is under way; one that never was; a number that is none of ours."""
    ended = EndedReplays()
    ended.add(unended)

    assert not ended.has("t:0:1", 1)


def test_law_7_the_last_ones_are_kept() -> None:
    """And those before them are forgotten."""
    ended = EndedReplays()
    for number in range(2 * KEPT + 10):
        ended.add(change(number))

    assert not ended.has("t:0:0", 1)
    assert all(ended.has(f"t:0:{number}", 1) for number in range(KEPT + 10, 2 * KEPT + 10, 997))
    assert ended.has(f"t:0:{2 * KEPT + 9}", 1)

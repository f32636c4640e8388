"""Law 1 at the start: no position is skipped, and one that is lost is said."""

from typing import Literal

import pytest

from consumer.delivery.accounts import PositionLost
from consumer.kafka.positions import Bounds, Starts, choose_starts, lost_while_reading
from consumer.records import TopicPartition

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)
BOUNDS = {FIRST: Bounds(5, 50), SECOND: Bounds(7, 70)}

StartFrom = Literal["earliest", "latest"]


@pytest.mark.parametrize(
    ("start_from", "expected"), [("earliest", {FIRST: 5, SECOND: 7}), ("latest", {FIRST: 50, SECOND: 70})]
)
def test_a_new_group_starts_where_the_setting_says_and_commits_it_first(
    start_from: StartFrom, expected: dict[TopicPartition, int]
) -> None:
    """Once: all positions are committed before the first record is read."""
    assert Starts(dict(expected), expected) == choose_starts(BOUNDS, {}, {}, start_from, "g")


@pytest.mark.parametrize("start_from", ["earliest", "latest"])
def test_committed_positions_are_kept_and_a_partition_added_later_starts_at_its_beginning(
    start_from: StartFrom,
) -> None:
    """Whatever the setting: `latest` must not jump over what came into the new partition."""
    chosen = choose_starts(BOUNDS, {FIRST: 20}, {}, start_from, "g")

    assert Starts({FIRST: 20, SECOND: 7}, {SECOND: 7}) == chosen


@pytest.mark.parametrize(("position", "lost"), [(4, True), (5, False), (50, False), (51, True)])
def test_a_position_that_the_topic_no_longer_holds_is_lost(position: int, lost: bool) -> None:
    """Nothing is committed for it, and the reason names the partition and the command."""
    chosen = choose_starts({FIRST: BOUNDS[FIRST]}, {FIRST: position}, {}, "latest", "my-group")

    start = chosen.starts[FIRST]
    assert {} == chosen.to_commit
    if lost:
        assert isinstance(start, PositionLost)
        assert all(word in start for word in ("t:0", str(position), "--group my-group", "--topic t"))
    else:
        assert position == start


def test_a_position_that_this_process_committed_and_that_is_gone_is_lost() -> None:
    """The topic was made anew: starting over, or at the end, would be a guess."""
    chosen = choose_starts(BOUNDS, {SECOND: 9}, {FIRST: 20, SECOND: 9}, "latest", "g")

    assert isinstance(chosen.starts[FIRST], PositionLost)
    assert (9, {}) == (chosen.starts[SECOND], chosen.to_commit)


def test_one_command_mends_all_lost_partitions_of_a_topic_and_no_other() -> None:
    """Each names the same ones: who mends the first one only would have to start over."""
    third = TopicPartition("t", 2)
    chosen = choose_starts(
        {**BOUNDS, third: Bounds(0, 9)}, {FIRST: 1, SECOND: 9, third: 99}, {}, "latest", "g"
    )

    (reason,) = {start for start in chosen.starts.values() if isinstance(start, PositionLost)}
    assert all(words in reason for words in ("t:0: position 1", "so are partitions 2", "--topic t:0,2 "))


def test_a_position_that_vanishes_while_reading_is_said_with_the_command() -> None:
    """In the same words."""
    reason = lost_while_reading(SECOND, "my-group")

    assert all(word in reason for word in ("t:1", "--reset-offsets", "--group my-group"))

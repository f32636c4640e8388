"""Topics and rights, as the broker tells them."""

import pytest

from consumer.check.rows import Gravity, Mark
from consumer.check.topic_rows import group_right_row, right_rows, topic_rows
from consumer.kafka.inspection import SeenCluster, SeenGroup, SeenTopic
from consumer.kafka.operations import operations_in
from consumer.settings import TopicNames

NAMES = TopicNames(source_topic="s")


def seen(name: str, *operations: str, told: bool = True, leaderless: int = 0) -> SeenTopic:
    """A topic of two partitions."""
    allowed = frozenset(operations) if told else None
    return SeenTopic(
        name, exists=True, refused=False, partitions=(0, 1), leaderless=leaderless, operations=allowed
    )


def cluster(topics: dict[str, SeenTopic], *operations: str) -> SeenCluster:
    """With these topics, and what we may do with all of it."""
    return SeenCluster({}, topics, frozenset(operations))


ALL = {name: seen(name, "Read", "Write", "Describe") for name in ("s", "s.dlq", "s.replay", "s.outcomes")}


def test_bits_are_read_by_kafkas_codes() -> None:
    """Read is bit 3, Write bit 4, Describe bit 8; the least number there is means: not told."""
    assert operations_in(1 << 3 | 1 << 4 | 1 << 8) == frozenset({"Read", "Write", "Describe"})
    assert operations_in(0) == frozenset()
    assert operations_in(-(2**31)) is None
    assert operations_in(None) is None


def test_all_rights_are_well() -> None:
    """One row for each topic."""
    rows = list(right_rows(NAMES, cluster(ALL), "", create=False))

    assert [row.mark for row in rows] == [Mark.OK] * 4
    assert rows[3].found == "Read and Write allowed"


@pytest.mark.parametrize(
    ("topic", "allowed", "todo"),
    [
        ("s", ["Describe"], "Grant Read on topic s."),
        ("s.dlq", ["Read", "Describe"], "Grant Write on topic s.dlq."),
        ("s.replay", ["Write"], "Grant Read on topic s.replay."),
        ("s.outcomes", [], "Grant Read and Write on topic s.outcomes."),
    ],
)
def test_a_right_that_lacks_is_named(topic: str, allowed: list[str], todo: str) -> None:
    """What each topic needs, and no more."""
    rows = list(right_rows(NAMES, cluster(ALL | {topic: seen(topic, *allowed)}), "", create=False))

    [bad] = [row for row in rows if row.gravity is not None]
    assert (bad.gravity, bad.todo) == (Gravity.REFUSED, todo)


def test_an_old_broker_does_not_tell() -> None:
    """That is no fault, and is said."""
    rows = list(right_rows(NAMES, cluster({name: seen(name, told=False) for name in ALL}), "", create=False))

    assert {row.mark for row in rows} == {Mark.UNCHECKED}
    assert group_right_row("g", SeenGroup("Empty", (), None, {})).mark is Mark.UNCHECKED


def test_a_topic_without_leaders_can_not_be_reached() -> None:
    """Brokers are missing: not a finding that a command mends."""
    rows = list(topic_rows(NAMES, ALL | {"s": seen("s", leaderless=1)}, {}, "", create=False))

    assert rows[0].gravity is Gravity.UNREACHABLE
    assert rows[0].found == "1 of 2 partitions have no leader"


@pytest.mark.parametrize(
    ("create", "operations", "topic_mark", "right_mark"),
    [
        (False, ["Create"], Mark.BAD, Mark.UNCHECKED),
        (True, ["Create"], Mark.OK, Mark.OK),
        (True, [], Mark.OK, Mark.UNCHECKED),
    ],
)
def test_a_topic_that_run_makes_is_not_missing(
    create: bool, operations: list[str], topic_mark: Mark, right_mark: Mark
) -> None:
    """With CONSUMER_CREATE_TOPICS; whether it may is known where all topics may be made."""
    topics = ALL | {"s": SeenTopic("s", exists=False, refused=False)}

    topic = next(topic_rows(NAMES, topics, {}, "", create=create))
    right = next(right_rows(NAMES, cluster(topics, *operations), "", create=create))

    assert (topic.mark, right.mark) == (topic_mark, right_mark)

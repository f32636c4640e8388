"""What our topics should be, and how existing ones differ."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.topic_plan import (
    CLEANUP,
    COMPACTION_LAG,
    DIRTY,
    MAX_MESSAGE_BYTES,
    RETENTION,
    SEGMENT,
    Topic,
    TopicStatus,
    missing,
    status_of,
    wanted_topics,
)
from consumer.settings import TopicNames

NAMES = TopicNames(source_topic="s")
DAYS_30 = str(30 * 86_400_000)
DAY_1 = str(86_400_000)
DAYS_7 = str(7 * 86_400_000)
LANE = {CLEANUP: "delete", RETENTION: DAYS_30, MAX_MESSAGE_BYTES: "2097164"}


def topic(name: str, **changes: str) -> Topic:
    config = {CLEANUP: "delete", RETENTION: DAYS_7, MAX_MESSAGE_BYTES: "1048588", COMPACTION_LAG: "0"}
    return Topic(name, 3, 1, config | {key.replace("_", "."): value for key, value in changes.items()})


def good_topics() -> dict[str, Topic]:
    lane = {"retention_ms": DAYS_30, "max_message_bytes": "2097164"}
    outcomes = {"cleanup_policy": "compact", "min_compaction_lag_ms": DAYS_7}
    topics = [topic("s"), topic("s.dlq", **lane), topic("s.replay", **lane), topic("s.outcomes", **outcomes)]
    return {each.name: each for each in topics}


def with_dead_letters(**changes: str) -> TopicStatus:
    lane = {"retention_ms": DAYS_30, "max_message_bytes": "2097164"} | changes
    return status_of(NAMES, good_topics() | {"s.dlq": topic("s.dlq", **lane)})[1]


def test_the_wanted_settings_are_the_contracts() -> None:
    """Dead letters and replays: 1 MiB above the source, 30 days; outcomes: compacted, after 7 days."""
    assert {wanted.name: wanted.config for wanted in wanted_topics(NAMES, 1_048_588)} == {
        "s": {},
        "s.dlq": LANE,
        "s.replay": LANE,
        "s.outcomes": {CLEANUP: "compact", COMPACTION_LAG: DAYS_7, SEGMENT: DAY_1, DIRTY: "0.1"},
    }


def test_topics_as_wanted_have_no_differences() -> None:
    """Good topics are reported as good."""
    statuses = status_of(NAMES, good_topics())

    assert [status.differences for status in statuses] == [(), (), (), ()]
    assert not any(status.wanting for status in statuses)


def test_missing_topics_are_named() -> None:
    """Those that don't exist, in the order of the roles."""
    statuses = status_of(NAMES, {"s": topic("s"), "s.replay": good_topics()["s.replay"]})

    assert missing(statuses) == ("s.dlq", "s.outcomes")
    assert [status.wanting for status in statuses] == [False, True, False, True]


def test_a_setting_that_falls_short_is_told_with_its_consequence() -> None:
    """Dead letters kept for 7 days only are a finding that says what would happen."""
    status = with_dead_letters(retention_ms=DAYS_7)

    assert [difference.sentence for difference in status.differences] == [
        (
            f"s.dlq: retention.ms is {DAYS_7}, wanted is {DAYS_30}: "
            "dead letters would be deleted before somebody has seen to them."
        )
    ]
    assert status.wanting


def test_what_is_told_of_a_missing_topic_is_how_to_make_it() -> None:
    """One sentence; and of one that differs, its differences."""
    missing_one = status_of(NAMES, {"s": topic("s")})[2]
    short = with_dead_letters(retention_ms=DAYS_7)

    assert missing_one.problems == ("s.replay: missing; `session-consumer topics create` makes it.",)
    assert short.problems == (short.differences[0].sentence,)


def test_more_than_is_needed_is_told_but_no_finding() -> None:
    """Retention without limit, or a larger message size, may be meant."""
    status = with_dead_letters(retention_ms="-1", max_message_bytes="9999999")

    assert [difference.falls_short for difference in status.differences] == [False, False]
    assert not status.wanting


def test_how_often_outcomes_are_compacted_is_theirs_to_choose() -> None:
    """It costs time at a take-over, and no record: an outcomes topic of an earlier release is as wanted."""
    own = topic("s.outcomes", cleanup_policy="compact", min_compaction_lag_ms=DAYS_7, segment_ms="1000")

    assert status_of(NAMES, good_topics() | {"s.outcomes": own})[3].differences == ()


def test_a_compacted_dead_letter_topic_falls_short() -> None:
    """It would refuse records without a key, and "compact,delete" is no better."""
    for policy in ("compact", "compact,delete"):
        assert with_dead_letters(cleanup_policy=policy).wanting


def test_the_dead_letter_topic_follows_the_sources_limit() -> None:
    """Where the source was raised to 5 MiB, a dead-letter topic of 2 MiB is too small."""
    existing = good_topics() | {"s": topic("s", max_message_bytes="5242880")}

    assert [status.wanting for status in status_of(NAMES, existing)] == [False, True, True, False]


def test_settings_that_cannot_be_read_are_told() -> None:
    """Without the right to read a topic's settings nothing is claimed about them."""
    existing = good_topics() | {"s.dlq": Topic("s.dlq", 3, 1, None)}

    (difference,) = status_of(NAMES, existing)[1].differences

    assert difference.sentence == "s.dlq: its settings can't be read; grant DescribeConfigs on it."


@given(st.integers(-1, 2**63 - 1))
def test_retention_falls_short_exactly_below_thirty_days(retention_ms: int) -> None:
    """-1 is for ever; anything else counts by its size."""
    status = with_dead_letters(retention_ms=str(retention_ms))

    assert status.wanting == (0 <= retention_ms < 30 * 86_400_000)

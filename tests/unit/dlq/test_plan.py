"""What is replayed, what is left out and why, and in which order."""

from dataclasses import replace

import pytest

from consumer.delivery.newness import Version
from consumer.delivery.outcome import micros
from consumer.dlq.plan import Item, Plan, Rules, Skip, check_again, in_order, make_plan, through
from consumer.dlq.register import Register
from consumer.dlq.selection import Selection
from consumer.records import Record, TopicPartition
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import SOURCE, Failed, at

FAILED = Failed(minute=10)
NEWER = Failed(minute=20)
INVALID = Failed(minute=10, error_class=ErrorClass.EVENT_INVALID)
ALL = Rules(Selection())


def register_of(letters: list[Record], replays: list[Record], outcomes: list[Record]) -> Register:
    """What is known."""
    register = Register()
    register.add_letters(letters)
    register.add_replays(replays)
    register.add_outcomes(outcomes)
    return register


def plan_of(register: Register, rules: Rules = ALL) -> Plan:
    """The plan for all."""
    return make_plan(register, register.standing, rules)


def version(of: Failed) -> Version:
    """A mended event's."""
    partition = TopicPartition(SOURCE, of.partition)
    return Version(of.revision, micros(at(of.minute)), partition, of.minute, 0, of.source, f"e{of.minute}")


@pytest.mark.parametrize(
    ("replays", "outcomes", "expected"),
    [
        pytest.param([], [], None, id="open"),
        pytest.param([FAILED.replay()], [], Skip.REPLAYING, id="sent"),
        pytest.param(
            [FAILED.replay()], [FAILED.state("replaying")], Skip.REPLAYING, id="read by the consumer"
        ),
        pytest.param([FAILED.replay()], [FAILED.state("applied")], Skip.APPLIED, id="applied"),
        pytest.param([FAILED.replay()], [FAILED.state("superseded")], Skip.SUPERSEDED, id="stale"),
        pytest.param([], [NEWER.outcome("applied")], Skip.SUPERSEDED, id="a newer one was applied"),
        pytest.param([], [FAILED.state("discarded", count=0)], Skip.DISCARDED, id="discarded"),
        pytest.param([FAILED.replay()], [FAILED.state("open")], None, id="failed again"),
        pytest.param([], [FAILED.state("open", count=3)], Skip.TOO_OFTEN, id="failed three times"),
    ],
)
def test_why_one_is_left_out(replays: list[Record], outcomes: list[Record], expected: Skip | None) -> None:
    """By its state, and how often it was replayed."""
    plan = plan_of(register_of([FAILED.letter()], replays, outcomes))

    assert expected == (plan.skipped[0].why if plan.skipped else None)
    assert (expected is None) == bool(plan.items)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param(ALL, Skip.NOT_RETRYABLE, id="as it is"),
        pytest.param(replace(ALL, force=True), None, id="forced"),
        pytest.param(replace(ALL, mended={INVALID.id: version(INVALID)}), None, id="mended"),
    ],
)
def test_what_is_not_retryable_needs_force_or_mending(rules: Rules, expected: Skip | None) -> None:
    """The same bytes would fail the same way."""
    plan = plan_of(register_of([INVALID.letter()], [], []), rules)

    assert expected == (plan.skipped[0].why if plan.skipped else None)
    assert [INVALID.id in rules.mended] * len(plan.items) == [item.mended for item in plan.items]


@pytest.mark.parametrize(
    ("minute", "force", "expected"),
    [(30, False, Skip.SUPERSEDED), (30, True, None), (15, True, Skip.SUPERSEDED)],
)
def test_a_mended_event_goes_over_a_newer_change_only_by_force(
    minute: int, force: bool, expected: Skip | None
) -> None:
    """Where its own time is later; with an earlier one the consumer would not send it."""
    register = register_of([FAILED.letter()], [], [NEWER.outcome("applied")])
    mended = {FAILED.id: version(Failed(minute=minute))}

    plan = plan_of(register, replace(ALL, force=force, mended=mended, own_versions=mended))

    assert expected == (plan.skipped[0].why if plan.skipped else None)
    assert ((1, 1) if expected is None else (0, 0)) == (plan.own_versions, plan.over_newer)


@pytest.mark.parametrize(("minute", "expected"), [(30, None), (15, Skip.SUPERSEDED)])
def test_a_mended_time_is_judged_where_the_original_could_not_be_read(
    minute: int, expected: Skip | None
) -> None:
    """It may be what was mended: newer than what was applied, or older."""
    letter = INVALID.letter()
    unreadable = tuple((name, value) for name, value in letter.headers if name != "dlq.event.time")
    register = register_of([replace(letter, headers=unreadable)], [], [NEWER.outcome("applied")])

    plan = plan_of(register, replace(ALL, mended={INVALID.id: version(Failed(minute=minute))}))

    assert expected == (plan.skipped[0].why if plan.skipped else None)


def test_a_replay_that_is_gone_from_the_topic_is_sent_once_more() -> None:
    """It can't come to an end any more: nobody has to say so."""
    plan = plan_of(register_of([FAILED.letter()], [], [FAILED.state("replaying", minute=61)]))

    assert [2] == [item.count for item in plan.items]


@pytest.mark.parametrize("states", [[FAILED.state("replaying", minute=61)], []])
def test_a_lost_replay_is_sent_once_more(states: list[Record]) -> None:
    """Where somebody says so; whether the consumer began with it or not."""
    register = register_of([FAILED.letter()], [FAILED.replay(minute=60)], states)
    lost_too = replace(ALL, force=True, lost_too=True)

    plan = plan_of(register, lost_too)

    assert [2] == [item.count for item in plan.items]
    assert ([*plan.items], []) == check_again(plan.items, register.standing, lost_too)
    assert [Skip.REPLAYING] == [each.why for each in plan_of(register, replace(ALL, force=True)).skipped]
    began = {minute: replace(lost_too, began_at=at(minute).timestamp()) for minute in (59, 62)}
    assert [Skip.REPLAYED_SINCE] == [each.why for each in plan_of(register, began[59]).skipped]
    assert plan.items == plan_of(register, began[62]).items


def test_a_lost_replay_of_what_was_superseded_is_needless() -> None:
    """Or one that was replayed too often."""
    register = register_of([FAILED.letter()], [FAILED.replay()], [NEWER.outcome("applied")])
    often = register_of([FAILED.letter()], [FAILED.replay(count=3)], [])
    rules = replace(ALL, force=True, lost_too=True)

    assert [Skip.SUPERSEDED] == [each.why for each in plan_of(register, rules).skipped]
    assert [Skip.TOO_OFTEN] == [each.why for each in plan_of(often, rules).skipped]


def test_the_count_goes_on() -> None:
    """One more than it was replayed."""
    plan = plan_of(register_of([FAILED.letter(replayed=2)], [], [FAILED.state("open", count=2)]))

    assert [3] == [item.count for item in plan.items]


def test_oldest_first_and_each_partition_in_its_order() -> None:
    """Over partitions by time; a record's timestamp that runs back changes nothing within one."""
    letters = [Failed(minute=minute, partition=part).letter() for minute, part in ((1, 0), (9, 0), (5, 1))]
    register = register_of(letters, [], [])
    early = replace(register.letters[f"{SOURCE}:0:9"], source_timestamp="2026-11-01T00:00:00.000Z")
    found = {**register.letters, early.id: early}

    assert ["0:1", "1:5", "0:9"] == [_place(each.id) for each in in_order(register)]
    assert ["0:1", "0:9", "1:5"] == [_place(each.id) for each in in_order(found.values())]


def _place(dead_letter_id: str) -> str:
    return dead_letter_id.removeprefix(f"{SOURCE}:")


def test_calls_are_one_a_session_at_least() -> None:
    """The newest of a session may make the others needless."""
    letters = [Failed(minute=minute, number=minute % 2).letter() for minute in range(5)]
    plan = plan_of(register_of(letters, [], []))

    assert (2, 5) == (plan.least_calls, plan.most_calls)


def test_a_limit_means_the_same_when_resumed() -> None:
    """By the last place of each partition, whatever was opened, sent or discarded since."""
    letters = [Failed(minute=minute, number=minute, partition=minute % 2).letter() for minute in range(6)]
    register = register_of(letters, [], [])
    first = plan_of(register, replace(ALL, limit=3))
    bounds = through(first.items)
    again = plan_of(register, replace(ALL, through=bounds, began_at=0.0))

    assert 3 == first.skips[Skip.BEYOND_LIMIT]
    assert [item.letter.id for item in first.items] == [item.letter.id for item in again.items]
    assert 3 == again.matched


def test_unknown_ids_are_named() -> None:
    """Those of which no dead letter was seen."""
    register = register_of([FAILED.letter()], [], [])
    rules = Rules(Selection(ids=(FAILED.id, "nobody:0:1")))

    plan = make_plan(register, register.standing, rules, known={FAILED.id})

    assert ("nobody:0:1",) == plan.unknown


def test_what_changed_since_the_plan_is_left_out() -> None:
    """Another run has replayed it, or it is gone from the open ones."""
    register = register_of([FAILED.letter(), NEWER.letter()], [], [])
    items: tuple[Item, ...] = plan_of(register).items
    register.add_replays([FAILED.replay(run="another")])
    register.add_outcomes([FAILED.state("open", run="another"), NEWER.state("discarded", count=0)])

    good, changed = check_again(items, register.standing, ALL)

    assert [] == good
    assert [Skip.REPLAYED_SINCE, Skip.DISCARDED] == [each.why for each in changed]


def test_a_resumed_run_leaves_what_others_replayed_since() -> None:
    """It failed again in their hands: that is a new dead letter, for a new decision."""
    register = register_of([FAILED.letter()], [FAILED.replay(run="another")], [FAILED.state("open")])

    plan = plan_of(register, replace(ALL, began_at=1.0))

    assert [Skip.REPLAYED_SINCE] == [each.why for each in plan.skipped]

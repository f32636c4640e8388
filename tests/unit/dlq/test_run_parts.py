"""A run's scope, how long it takes, what is waited for, and the runs as they are listed."""

import pytest

from consumer.delivery.outcome import Origin
from consumer.dlq.letter import Letter, read_letter
from consumer.dlq.pace import LiveCalls, Quota, replay_seconds
from consumer.dlq.runs import Runs
from consumer.dlq.scope import Scope
from consumer.dlq.selection import Selection
from consumer.dlq.waiting import Awaited
from consumer.records import Record
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import Failed, at

QUOTA = Quota(requests=30, window_seconds=60.0, replay_share=0.1)
FAILED = Failed(minute=10)
OTHER = Failed(minute=20, number=2)


def test_a_scope_travels_whole() -> None:
    """To JSON and back."""
    scope = Scope(
        Selection(ids=("a:0:1",), classes=("event_invalid",), since="2026-11-20T08:00:00+00:00"),
        ends={0: 7, 3: 9},
        max_replays=5,
        force=True,
        canary=2,
        through=(Origin("a", 0, 6),),
        directory="abc",
    )

    assert scope == Scope.from_json(scope.to_json())


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema":2}', '{"schema":1,"selection":{"new":1}}'])
def test_a_scope_of_another_release_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r".+"):
        Scope.from_json(text)


@pytest.mark.parametrize(
    ("calls", "live", "share", "backlog_seconds", "expected"),
    [
        pytest.param(30, 0, 1.0, 0, 0, id="the first window's calls go at once"),
        pytest.param(31, 0, 1.0, 0, 60, id="one more waits a window"),
        pytest.param(40, 10, 1.0, 0, 60, id="live events come first"),
        pytest.param(9, 100, 1.0, 0, 120, id="their share is theirs, however many events come"),
        pytest.param(3, 0, 1.0, 600, 60, id="while events wait the share alone"),
        pytest.param(60, 0, 1.0, 600, 600, id="and all of it once they are through"),
        pytest.param(30, 0, 0.5, 0, 60, id="half of the quota is ours"),
    ],
)
def test_how_long_it_takes(
    calls: int, live: float, share: float, backlog_seconds: float, expected: float
) -> None:
    """At 30 calls a minute, a tenth for replays."""
    assert expected == replay_seconds(calls, QUOTA, live, share=share, backlog_seconds=backlog_seconds)


def test_live_calls_are_those_of_the_busiest_hour_of_the_day() -> None:
    """Replays, what cost no call, and what is older are left out."""
    live = LiveCalls(at(24 * 60).timestamp())
    busy = [Failed(minute=minute).outcome("applied", minute=600) for minute in range(120)]
    refused = Failed(minute=5).outcome("dead_lettered", minute=900)
    replayed = Failed(minute=6).outcome("applied", minute=601, dead_letter_id="a:0:1")
    old = Failed(minute=7).outcome("applied", minute=-1)

    live.add([*busy, refused, replayed, FAILED.outcome("stale"), FAILED.state("open"), old])

    assert 2.0 == live.in_window(60.0)


def letter(failed: Failed, replayed: int) -> Letter:
    """Its dead letter after so many replays."""
    found = read_letter(failed.letter(replayed=replayed))
    assert found is not None
    return found


def test_a_replay_ends_with_its_own_states_alone() -> None:
    """Not with the one before, nor with its beginning."""
    awaited = Awaited({FAILED.id: 2}, "run-1")

    early = awaited.add([FAILED.state("open", count=1), FAILED.state("replaying", count=2)])
    other = awaited.add([OTHER.state("applied", count=2), Record("t", 0, 0, 0, b"dead-letter/x", b"{")])
    ended = awaited.add([FAILED.state("applied", count=2, outcome="applied")])

    assert ([], [], [FAILED.id]) == (early, other, ended)
    assert awaited.all_good


@pytest.mark.parametrize(
    ("change", "first_run", "good"),
    [
        pytest.param(FAILED.state("applied"), None, True, id="ours"),
        pytest.param(FAILED.state("applied", run="another"), "another", False, id="another's was first"),
        pytest.param(
            FAILED.state("applied", run="another", count=2), None, True, id="a later one of another"
        ),
        pytest.param(FAILED.state("discarded", run=None), None, False, id="settled by hand"),
    ],
)
def test_an_end_of_another_run_is_not_ours(change: Record, first_run: str | None, good: bool) -> None:
    """Two sent the same dead letter in one instant: the consumer took one of them."""
    awaited = Awaited({FAILED.id: 1}, "run-1")

    ended = awaited.add([FAILED.state("replaying", run="another"), change])

    assert [FAILED.id] == ended
    assert (first_run, good) == (awaited.ended[FAILED.id].first_run, awaited.all_good)


@pytest.mark.parametrize("letter_first", [True, False])
def test_what_it_failed_with_is_told(letter_first: bool) -> None:
    """The dead letter is written before the state; which of the two is read first is chance."""
    awaited = Awaited({FAILED.id: 1}, "run-1")
    state = FAILED.state("open", outcome="dead_lettered")

    if letter_first:
        awaited.add_failures([letter(FAILED, 0), letter(FAILED, 1)])
        awaited.add([state])
    else:
        awaited.add([state])
        awaited.add_failures([letter(FAILED, 1)])

    failure = awaited.ended[FAILED.id].failure
    assert failure is not None
    assert (1, ErrorClass.SESSION_NOT_FOUND) == (failure.replay_count, failure.error_class)
    assert not awaited.all_good


def runs_of(replays: list[Record], outcomes: list[Record]) -> Runs:
    """What is known of them."""
    runs = Runs()
    runs.add_replays(replays)
    runs.add_outcomes(outcomes)
    return runs


def test_runs_are_listed_newest_first() -> None:
    """Each with what its replays came to; a copy counts once."""
    runs = runs_of(
        [
            FAILED.replay(run="one"),
            FAILED.replay(1, run="one"),
            OTHER.replay(2, run="one"),
            FAILED.replay(3, count=2, run="two", minute=70),
        ],
        [
            FAILED.state("open", run="one"),
            OTHER.state("superseded", run="one", outcome="stale"),
            FAILED.state("replaying", count=2),
        ],
    )

    rows = [runs.row("default", run) for run in runs.newest_first()]

    names = ("run", "replayed", "applied", "superseded", "failed", "waiting")
    assert [("two", 1, 0, 0, 0, 1), ("one", 2, 0, 1, 1, 0)] == [
        tuple(row[name] for name in names) for row in rows
    ]
    assert {"ops@example.com", "try again"} == {rows[0]["by"], rows[0]["reason"]}


def test_a_replay_that_was_followed_by_another_failed() -> None:
    """Compaction may have taken its own end away."""
    runs = runs_of(
        [FAILED.replay(run="one"), FAILED.replay(1, count=2, run="two")], [FAILED.state("applied", count=2)]
    )

    assert {"one": 1, "two": 0} == {run.id: runs.row("", run)["failed"] for run in runs.newest_first()}


def test_of_two_runs_at_once_one_is_not_taken() -> None:
    """It says which was first, and not what came of that."""
    runs = runs_of(
        [FAILED.replay(run="one"), FAILED.replay(1, run="two")],
        [FAILED.state("replaying", run="one"), FAILED.state("applied", run="one", outcome="applied")],
    )

    rows = {run.id: (runs.row("", run), next(runs.rows_of("", run))) for run in runs.newest_first()}

    assert {"one": (1, 0), "two": (0, 1)} == {
        each: (row["applied"], row["not_taken"]) for each, (row, _) in rows.items()
    }
    assert {"one": ("applied", None, "applied"), "two": ("not_taken", "one", None)} == {
        each: (row["end"], row["first_run"], row["outcome"]) for each, (_, row) in rows.items()
    }


def test_of_two_runs_at_once_both_may_come_to_an_end() -> None:
    """Where the second is read after the first was finished: each is told its own."""
    ends = [FAILED.state("open", run="one"), FAILED.state("applied", run="two")]
    awaited = Awaited({FAILED.id: 1}, "two")
    runs = runs_of([FAILED.replay(run="one"), FAILED.replay(1, run="two")], ends)

    first, then = awaited.add(ends[:1]), awaited.add(ends[1:])

    assert ([FAILED.id], []) == (first, then)
    assert awaited.all_good
    assert {"one": "failed", "two": "applied"} == {run.id: runs.end(run.first) for run in runs.newest_first()}


@pytest.mark.parametrize(
    ("selection", "force", "expected"),
    [
        pytest.param(Selection(ids=(FAILED.id,)), True, True, id="named"),
        pytest.param(Selection(states=("replaying",)), True, True, id="by its state"),
        pytest.param(Selection(ids=(FAILED.id,)), False, False, id="not forced"),
        pytest.param(Selection(states=("open",)), True, False, id="another state"),
        pytest.param(Selection(), True, False, id="a directory"),
    ],
)
def test_a_lost_replay_is_meant_only_where_it_is_named(
    selection: Selection, force: bool, expected: bool
) -> None:
    """And forced."""
    assert expected == Scope(selection, ends={}, max_replays=3, force=force).lost_too


def test_a_discard_does_not_hide_what_a_replay_came_to() -> None:
    """It failed, and was discarded later."""
    runs = runs_of([FAILED.replay()], [FAILED.state("open"), FAILED.state("discarded")])

    [run] = runs.newest_first()
    assert (1, 0) == (runs.row("", run)["failed"], runs.row("", run)["discarded"])


def test_a_run_names_each_dead_letter() -> None:
    """With what became of it and why."""
    runs = runs_of(
        [FAILED.replay(), OTHER.replay()],
        [
            FAILED.state("applied", outcome="applied"),
            FAILED.outcome("applied", dead_letter_id=FAILED.id),
            OTHER.state("replaying"),
        ],
    )

    [run] = runs.newest_first()
    names = ("id", "end", "outcome", "class", "session", "event_id")
    assert [
        (FAILED.id, "applied", "applied", None, "1/2/3/100", "e10"),
        (OTHER.id, "waiting", None, None, None, None),
    ] == [tuple(row[name] for name in names) for row in runs.rows_of("default", run)]

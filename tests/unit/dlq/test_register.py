"""Where a dead letter stands, from the three topics."""

import pytest

from consumer.dlq.register import Register
from consumer.records import Record
from schemas.outcome import DeadLetterStateName
from tests.fakes.dlq_topics import SOURCE, Failed

FAILED = Failed(minute=10)
NEWER = Failed(minute=20)
OLDER = Failed(minute=5)


def standing(
    letters: list[Record], replays: list[Record], outcomes: list[Record]
) -> tuple[DeadLetterStateName, int]:
    """State and replay count of the one dead letter."""
    register = Register()
    register.add_letters(letters)
    register.add_replays(replays)
    register.add_outcomes(outcomes)
    (letter,) = register
    found = register.standing(letter)
    return found.state, found.replay_count


@pytest.mark.parametrize(
    ("replays", "outcomes", "expected"),
    [
        pytest.param([], [], ("open", 0), id="nothing happened"),
        pytest.param([FAILED.replay()], [], ("replaying", 1), id="sent, not read by the consumer yet"),
        pytest.param([FAILED.replay()], [FAILED.state("replaying")], ("replaying", 1), id="read"),
        pytest.param([], [FAILED.state("replaying")], ("open", 1), id="its replay is gone from the topic"),
        pytest.param(
            [FAILED.replay(count=1)],
            [FAILED.state("replaying", count=2)],
            ("open", 2),
            id="only an earlier replay is left on the topic",
        ),
        pytest.param(
            [], [FAILED.outcome("applied")], ("applied", 0), id="the publisher sent the same event once more"
        ),
        pytest.param(
            [], [FAILED.outcome("applied", minute=9)], ("open", 0), id="applied first, and failed after that"
        ),
        pytest.param([FAILED.replay()], [FAILED.state("applied")], ("applied", 1), id="applied"),
        pytest.param(
            [FAILED.replay()],
            [FAILED.state("applied"), FAILED.state("replaying")],
            ("applied", 1),
            id="a batch written again brings its beginning last",
        ),
        pytest.param([], [FAILED.state("discarded", count=0)], ("discarded", 0), id="discarded"),
        pytest.param(
            [],
            [FAILED.state("discarded", count=0), FAILED.state("open", count=0)],
            ("open", 0),
            id="discarded by mistake",
        ),
        pytest.param([], [NEWER.outcome("applied")], ("superseded", 0), id="a newer change was applied"),
        pytest.param([], [OLDER.outcome("applied")], ("open", 0), id="an older change was applied"),
        pytest.param(
            [],
            [NEWER.outcome("applied"), OLDER.outcome("applied")],
            ("superseded", 0),
            id="and then an older",
        ),
        pytest.param(
            [], [Failed(minute=20, number=1).outcome("applied")], ("open", 0), id="of another session"
        ),
        pytest.param(
            [FAILED.replay()], [NEWER.outcome("applied")], ("replaying", 1), id="newer, but its replay waits"
        ),
    ],
)
def test_where_it_stands(
    replays: list[Record], outcomes: list[Record], expected: tuple[DeadLetterStateName, int]
) -> None:
    """By the newest change of its state, replays that wait, and what was applied to its session."""
    assert expected == standing([FAILED.letter()], replays, outcomes)


def test_a_replay_that_failed_is_open_again() -> None:
    """Its newest copy says how often it was replayed."""
    letters = [FAILED.letter(0), FAILED.letter(1, replayed=1)]

    assert standing(letters, [FAILED.replay()], [FAILED.state("open")]) == ("open", 1)


def test_a_replay_that_failed_can_be_replayed_once_more() -> None:
    """Then it waits."""
    letters = [FAILED.letter(0), FAILED.letter(1, replayed=1)]
    replays = [FAILED.replay(0), FAILED.replay(1, count=2)]

    assert standing(letters, replays, [FAILED.state("open")]) == ("replaying", 2)


def test_copies_appear_once() -> None:
    """A dead letter that was written twice after a crash is one."""
    register = Register()

    register.add_letters([FAILED.letter(0), FAILED.letter(1), NEWER.letter(2)])

    assert [FAILED.id, NEWER.id] == [letter.id for letter in register]
    assert register.copies == 1


def test_the_newest_copy_decides_whether_it_is_wanted() -> None:
    """One that failed otherwise when it was replayed is not found by what it failed with at first."""
    register = Register(lambda letter, _: letter.replay_count == 0)

    register.add_letters([FAILED.letter(0), NEWER.letter(1), FAILED.letter(2, replayed=1)])

    assert [NEWER.id] == [letter.id for letter in register]


def test_foreign_records_are_counted_and_passed_over() -> None:
    """Others may write to the topic."""
    register = Register()

    register.add_letters([Record(f"{SOURCE}.dlq", 0, 0, 0, b"k", b"v"), FAILED.letter(1)])
    register.add_outcomes([Record(f"{SOURCE}.outcomes", 0, 0, 0, b"dead-letter/x", b"{")])
    register.add_replays([Record(f"{SOURCE}.replay", 0, 0, 0, b"k", b"v")])

    assert (1, 1) == (len(register), register.foreign)


def test_what_a_letter_says() -> None:
    """Each header at its place."""
    register = Register()
    (letter,) = register.add_letters([Failed(minute=7, revision=3).letter(5)])

    assert letter.id == f"{SOURCE}:0:7"
    assert letter.error_class == "session_not_found"
    assert letter.retryable
    assert letter.session == "1/2/3/100"
    assert (letter.event_id, letter.event_source) == ("e7", "/lms/planner")
    assert (letter.http_status, letter.zoho_code, letter.zoho_message) == (404, "7404", "Not found")
    assert (letter.revision, letter.calls, letter.replay_count) == (3, 1, 0)
    assert letter.failed_at == "2026-11-20T08:07:00.000Z"
    assert (letter.partition, letter.offset) == (0, 5)

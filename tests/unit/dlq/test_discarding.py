"""What may be discarded, and what may be opened again."""

import pytest

from consumer.delivery.dead_letter_state import StateChange
from consumer.dlq.discarding import discarded, reopened
from consumer.dlq.register import Register
from consumer.records import Record
from tests.fakes.dlq_topics import Failed

FAILED = Failed(minute=10)


@pytest.mark.parametrize(
    ("replays", "outcomes", "refused", "undo_refused"),
    [
        pytest.param([], [], None, "is open", id="open"),
        pytest.param([FAILED.replay()], [], "is being replayed by run run-1", "is replaying", id="replaying"),
        pytest.param(
            [FAILED.replay()],
            [FAILED.state("applied")],
            "was replayed and applied",
            "is applied",
            id="applied",
        ),
        pytest.param(
            [], [Failed(minute=20).outcome("applied")], "needs none", "is superseded", id="superseded"
        ),
        pytest.param([], [FAILED.state("discarded", count=0)], "is discarded already", None, id="discarded"),
    ],
)
def test_only_an_open_one_is_discarded_and_only_a_discarded_one_opened(
    replays: list[Record], outcomes: list[Record], refused: str | None, undo_refused: str | None
) -> None:
    """Everything else is refused with a sentence that says where it stands."""
    register = Register()
    register.add_letters([FAILED.letter()])
    register.add_replays(replays)
    register.add_outcomes(outcomes)
    (letter,) = register

    for judge, told, state in ((discarded, refused, "discarded"), (reopened, undo_refused, "open")):
        found = judge(letter, register.standing(letter), by="ops", reason="a test", at=5.0)

        if told is None:
            assert StateChange(FAILED.id, state, 0, None, "ops", "a test", 5.0) == found  # type: ignore[arg-type]
        else:
            assert str(found).startswith(told)


def test_what_was_replayed_before_keeps_its_count() -> None:
    """A dead letter that failed again is open with its count; to discard it does not forget that."""
    register = Register()
    register.add_letters([FAILED.letter(replayed=2)])
    (letter,) = register

    found = discarded(letter, register.standing(letter), by="ops", reason="a test", at=5.0)

    assert isinstance(found, StateChange)
    assert 2 == found.replay_count
    register.add_outcomes([Record("o", 0, 0, 0, *found.record()[:2])])
    assert "discarded" == register.standing(letter).state

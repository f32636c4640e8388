"""Law 1, nothing lost: the position never passes a record that is not finished."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.offsets import Offsets


@st.composite
def runs(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """A start, the offsets received (with gaps), and the order in which some of them are finished."""
    start = draw(st.integers(0, 5))
    gaps = draw(st.lists(st.integers(1, 4), max_size=12))
    received = []
    offset = start - 1
    for gap in gaps:
        offset += gap
        received.append(offset)
    order = draw(st.permutations(received))
    return start, received, order[: draw(st.integers(0, len(order)))]


@given(runs())
def test_law_1_the_position_never_passes_an_unfinished_record(run: tuple[int, list[int], list[int]]) -> None:
    """Whatever the order of finishing: it is the first unfinished record, or the end."""
    start, received, finished = run
    offsets = Offsets(start)
    for offset in received:
        offsets.receive(offset)

    for done, offset in enumerate(finished):
        before = offsets.position
        moved = offsets.finish(offset)
        unfinished = set(received) - set(finished[: done + 1])
        expected = min(unfinished, default=received[-1] + 1)
        assert expected == offsets.position
        assert moved == (before != offsets.position)
        beyond = frozenset(done for done in finished[: done + 1] if done > expected)
        assert beyond == offsets.finished_beyond


def test_a_record_is_finished_once_and_only_if_it_was_received() -> None:
    """Anything else is a bug and says so."""
    offsets = Offsets(3)
    offsets.receive(4)
    for wrong in (3, 5):
        with pytest.raises(ValueError, match="unfinished"):
            offsets.finish(wrong)
    offsets.finish(4)
    with pytest.raises(ValueError, match="unfinished"):
        offsets.finish(4)
    with pytest.raises(ValueError, match="already"):
        offsets.receive(4)


def test_an_offset_in_a_gap_is_no_record() -> None:
    """Finishing one says so, instead of being remembered for ever as finished beyond the position."""
    offsets = Offsets(3)
    offsets.receive(3)
    offsets.receive(5)

    with pytest.raises(ValueError, match="unfinished"):
        offsets.finish(4)
    assert frozenset() == offsets.finished_beyond


def test_reading_over_markers_moves_the_position_only_past_finished_records() -> None:
    """Transaction markers at the end are passed; an unfinished record is not."""
    offsets = Offsets(0)
    offsets.receive(0)
    assert not offsets.read_to(5)
    assert 0 == offsets.position
    offsets.finish(0)
    assert 5 == offsets.position

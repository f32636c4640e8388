"""Whose turn it is: nobody waits for ever, and replays get their share."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.delivery.turns import OLDEST_EVERY, Order, SharedTurns, Turns
from consumer.events.model import SessionKey
from tests.fakes.one_by_one import session_key


@pytest.mark.parametrize(("order", "turns"), [("oldest", 1), ("soonest", OLDEST_EVERY)])
@given(before=st.integers(0, 10))
@settings(max_examples=20, deadline=None)
def test_law_7_nobody_waits_for_ever(order: Order, turns: int, before: int) -> None:
    """However many sessions come that start sooner: a bounded number of turns for each one in front."""
    line = Turns(order)
    for sequence in range(before + 1):
        line.put(session_key(sequence), sequence, 1e6)
    last = session_key(before)
    for sequence in range(before + 1, before + 1 + turns * (before + 1)):
        line.put(session_key(sequence), sequence, 100.0)
        if line.take(0.0) == last:
            return

    pytest.fail("it never had its turn")


@given(
    order=st.sampled_from(("oldest", "soonest")),
    share=st.decimals("0.01", "0.99", places=2),
    steps=st.lists(st.sampled_from(("live", "replay", "take")), max_size=300),
)
@settings(max_examples=300, deadline=None)
def test_replays_get_their_share_to_within_one_turn(order: Order, share: Decimal, steps: list[str]) -> None:
    """Of the turns that both kinds wait for, whoever comes and goes; a kind that waits alone has all."""
    turns = SharedTurns(order, float(share))
    waiting: dict[bool, int] = {True: 0, False: 0}
    contended = replays = 0
    for sequence, step in enumerate(steps):
        if step != "take":
            live = step == "live"
            waiting[live] += 1
            turns.put(SessionKey("1", "2", step, str(sequence)), sequence, float(sequence), live=live)
            continue
        taken = turns.take(0.0)
        assert (taken is None) == (not any(waiting.values()))
        if taken is None:
            continue
        is_live = taken.module_id == "live"
        if all(waiting.values()):
            contended += 1
            replays += not is_live
            assert abs(contended * share - replays) < 1
        waiting[is_live] -= 1
    assert sum(waiting.values()) == len(turns)


def test_a_share_of_a_tenth_is_the_tenth_of_ten_turns() -> None:
    """Ten times 0.1 is one here; what replays had while they waited alone counts for nothing."""
    turns = SharedTurns("oldest", 0.1)
    for sequence in range(200):
        turns.put(SessionKey("1", "2", "R", str(sequence)), sequence, 0.0, live=False)
    for _ in range(15):
        turns.take(0.0)
    for sequence in range(200, 400):
        turns.put(SessionKey("1", "2", "L", str(sequence)), sequence, 0.0, live=True)

    taken = [turns.take(0.0) for _ in range(100)]
    assert ("L" * 9 + "R") * 10 == "".join(session.module_id for session in taken if session)


@pytest.mark.parametrize("order", ["oldest", "soonest"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.99])
def test_law_7_neither_live_events_nor_replays_wait_for_ever(order: Order, share: float) -> None:
    """However many of the other kind are always ready."""
    for rare in (True, False):
        turns = SharedTurns(order, share)
        turns.put(session_key(0), 0, 1e6, live=rare)
        for sequence in range(1, 102):
            turns.put(session_key(sequence), sequence, 100.0, live=not rare)
            if turns.take(0.0) == session_key(0):
                break
        else:
            pytest.fail("it never had its turn")


@pytest.mark.parametrize(("share", "first"), [(0.0, "live"), (1.0, "replay")])
def test_a_share_of_nothing_or_all_is_an_order(share: float, first: str) -> None:
    """0: replays when no live session is ready; 1: the other way round."""
    turns = SharedTurns("oldest", share)
    for sequence in range(40):
        kind = ("live", "replay")[sequence % 2]
        turns.put(SessionKey("1", "2", kind, str(sequence)), sequence, 0.0, live=kind == "live")

    taken = [turns.take(0.0) for _ in range(40)]
    assert [first] * 20 == [session.module_id for session in taken[:20] if session]
    assert {first} != {session.module_id for session in taken[20:] if session}

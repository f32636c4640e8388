"""Others use the account too: they get room, we keep the rest, and all of it when they are gone."""

import random

from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.quota import QuotaLimits
from consumer.delivery.share import Share

LIMITS = QuotaLimits(30, 60.0)
NOW = 1_795_000_000.0


def seen(others: int, share: Share = Share(), now: float = NOW) -> Share:  # noqa: B008  (frozen)
    """Two of our calls, a second apart, with others' between."""
    share = share.observed(10_000, 1, LIMITS, now, alone=True)
    return share.observed(10_000 - 1 - others, 2, LIMITS, now + 1, alone=True)


def test_our_own_calls_are_nobody_elses() -> None:
    """The day's count falls by one a call: the share stays whole."""
    share = Share()
    for n in range(1, 101):
        share = share.observed(10_000 - n, n, LIMITS, NOW + n, alone=True)

    assert (1.0, 0, LIMITS) == (
        share.of(LIMITS, NOW + 100),
        share.others(LIMITS, NOW + 100),
        share.limits(LIMITS, NOW),
    )


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_calls_at_once_are_never_taken_for_others(seed: int, at_once: int) -> None:
    """Answers come in any order, counted at any moment between start and answer; some never come."""
    chance = random.Random(seed)
    share, left, started = Share(), 10_000, 0
    under_way: list[int] = []
    for step in range(300):
        if len(under_way) < at_once and chance.random() < 0.5:
            started += 1
            left -= 1
            under_way.append(left)
        elif under_way:
            shown = under_way.pop(chance.randrange(len(under_way)))
            if chance.random() < 0.9:
                share = share.observed(shown, started, LIMITS, NOW + step, alone=not under_way)

    assert 0 == share.others(LIMITS, NOW + 300)


@given(st.integers(1, 200))
def test_what_others_take_is_left_to_them_but_half_stays_ours_until_a_lock_comes(others: int) -> None:
    """The day's count may tell of calls to other APIs, which take nothing from our window."""
    share = seen(others)

    assert others == share.others(LIMITS, NOW + 2)
    assert max(0.5, 1 - 1.5 * others / 30) == share.of(LIMITS, NOW + 2)
    locked = share.lock(LIMITS, NOW + 2, NOW + 2)
    assert locked.limits(LIMITS, NOW + 2).requests <= max(1, 30 - others)
    assert locked.limits(LIMITS, NOW + 2).requests >= 1


def test_the_full_share_is_back_within_ten_windows_of_their_going() -> None:
    """It grows by a tenth a window; what was seen is forgotten after one."""
    share = seen(20).lock(LIMITS, NOW + 2, NOW + 2)
    shares = [share.of(LIMITS, NOW + 2 + 61 * n) for n in range(12)]

    assert sorted(shares) == shares
    assert (True, 1.0) == (shares[0] <= 0.34, shares[10])


def test_a_lock_halves_the_share_and_locks_while_others_stay_come_ever_more_rarely() -> None:
    """Beside others who are still seen it grows by a fiftieth a window."""
    share = seen(10).lock(LIMITS, NOW + 2, NOW + 2)
    first = share.of(LIMITS, NOW + 2)
    for n in range(1, 6):
        share = share.observed(9_989 - 11 * n, 2 + n, LIMITS, NOW + 61 * n, alone=True)

    assert first < share.of(LIMITS, NOW + 310) <= first + 0.101


def test_a_new_day_tells_nothing_of_others() -> None:
    """The count goes up: it is begun anew from there."""
    share = seen(0).observed(25_000, 3, LIMITS, NOW + 10, alone=True)
    share = share.observed(24_999, 4, LIMITS, NOW + 11, alone=True)

    assert 0 == share.others(LIMITS, NOW + 12)

"""Law 2 over all owners: what travels in the commit's metadata covers every call that may have been made."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.delivery.gate import AccountState, Closed
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.quota import Quota, QuotaLimits
from consumer.delivery.quota_state import MAX_CHARACTERS, QuotaState, read_state, taken_over

NOW = 1_795_000_000.0
times = st.integers(0, 86_400_000).map(lambda ms: NOW + ms / 1000)


@given(
    answered=st.lists(times, max_size=200),
    unanswered=st.lists(times, max_size=200),
    minted=st.lists(times, max_size=10),
    lock=st.none() | st.tuples(st.sampled_from(["throttled", "daily_quota"]), times, times),
    day=st.tuples(times, st.integers(0, 10**7)),
)
def test_the_state_survives_being_written_down(
    answered: list[float],
    unanswered: list[float],
    minted: list[float],
    lock: tuple[str, float, float] | None,
    day: tuple[float, int],
) -> None:
    """To the millisecond; at 200 slots over a day it still fits into the metadata of a commit."""
    state = QuotaState(
        Quota(
            tuple(sorted(answered)),
            reserved=tuple(enumerate(sorted(unanswered), 1)),
            next_slot=len(unanswered) + 1,
            day=day[0],
            day_calls=day[1],
        ),
        MintBudget(tuple(sorted(minted)), NOW),
        None if lock is None else Closed(AccountState(lock[0]), "", lock[1], lock[2]),
    )
    written = state.to_text("abcdef01", 123_456_789)

    found, by = read_state(written)
    assert written == found.to_text("abcdef01", 123_456_789)
    assert "abcdef01" == by
    assert pytest.approx(state.quota.answered) == found.quota.answered
    assert len(written) <= MAX_CHARACTERS


whole = QuotaState(Quota((NOW,), reserved=((1, NOW),), next_slot=2)).to_text("a", 1)


@given(
    st.one_of(
        st.text(),
        st.sampled_from(["{}", "[]", "null", '{"v":1}', '{"v":9}', '{"v":NaN}', "[" * 5000, "1e999"]),
        st.builds(
            lambda at, text: whole[:at] + text + whole[at + 1 :], st.integers(0, 150), st.text(max_size=2)
        ),
    )
)
def test_a_damaged_state_is_a_value_error_or_still_a_state(text: str) -> None:
    """Nothing else escapes, so that the reader can assume the worst instead of crashing."""
    try:
        state, _ = read_state(text)
    except ValueError as exc:
        assert str(exc).startswith("not a quota state")  # noqa: PT017  (most texts are damaged, some are not)
    else:
        assert isinstance(state, QuotaState)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    requests=st.integers(1, 30),
    skews=st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=6),
)
def test_law_2_holds_over_crashes_whatever_the_owners_clocks_say(
    seed: int, requests: int, skews: list[float]
) -> None:
    """Owners that crash at any moment, with calls under way, and clocks up to a second apart."""
    limits = QuotaLimits(requests, 10.0, 2.0, reservation_seconds=1.0, call_seconds=3.0)
    arrivals = sorted(_lives(random.Random(seed), limits, skews))

    spans = [later - first for first, later in zip(arrivals, arrivals[requests:], strict=False)]
    assert all(span >= 10.0 for span in spans)


def _lives(chance: random.Random, limits: QuotaLimits, skews: list[float]) -> list[float]:
    """Each owner calls as fast as it may and crashes, which leaves the commit alone; true arrival times."""
    arrivals: list[float] = []
    now, text = NOW, ""
    for skew in skews:
        quota, quiet_until = Quota(), 0.0
        if text:
            state, quiet_until = taken_over(read_state(text)[0], limits, now + skew)
            quota = state.quota
        under_way: list[tuple[float, int]] = []
        crash_at = now + chance.uniform(0, 40)
        while now < crash_at:
            for end, slot in [each for each in under_way if each[0] <= now]:
                under_way.remove((end, slot))
                quota = quota.answer(slot, end + skew)
            if chance.random() < 0.5:  # a commit that is due may not have been made before the crash
                text = QuotaState(quota, window_seconds=limits.window_seconds).to_text("x", 1)
            clock = now + skew
            if quota.free(limits, clock) and clock >= quiet_until:
                quota = quota.reserve(limits, 1, clock)
                text = QuotaState(quota, window_seconds=limits.window_seconds).to_text("x", 1)
                quota = quota.recorded(quota.next_slot)
                sent_at = now + chance.uniform(0, 0.7)
                quota, slot = quota.take(limits, clock)
                end = sent_at + chance.uniform(0, limits.call_seconds)
                arrivals.append(chance.uniform(sent_at, end))
                under_way.append((end, slot))
            now += chance.uniform(0.0, 0.3)
    return arrivals


def test_law_3_nothing_is_sent_while_a_call_of_the_last_owner_may_be_under_way() -> None:
    """Until its reservation, its time-out and the margins have passed; a clean stop costs no wait."""
    limits = QuotaLimits(30, 60.0)
    left = Quota((NOW - 5,), reserved=((1, NOW - 2),), next_slot=2)

    state, quiet_until = taken_over(QuotaState(left), limits, NOW)
    assert NOW - 2 + 5 + 15 + 10 + 1 == quiet_until
    assert 2 == state.quota.used(limits, NOW)
    assert 1 == len(state.mints.minted_at)
    assert 0.0 == taken_over(QuotaState(left.without_reservations()), limits, NOW)[1]


def test_a_clock_that_was_far_ahead_holds_nothing_up_for_long() -> None:
    """What is written down has happened: it counts as now, at the latest."""
    limits = QuotaLimits(30, 60.0)
    left = Quota((NOW + 3600,), reserved=((1, NOW + 3600),), next_slot=2)
    state, quiet_until = taken_over(QuotaState(left), limits, NOW)

    assert quiet_until == NOW + limits.longest_seconds + 1
    assert max(state.quota.answered) == quiet_until


def test_a_longer_window_than_the_last_owners_counts_what_that_one_had_forgotten() -> None:
    """The setting was raised between two lives: all slots are taken for one window."""
    state, _ = taken_over(QuotaState(window_seconds=60.0), QuotaLimits(30, 120.0), NOW)

    assert 0 == state.quota.free(QuotaLimits(30, 120.0), NOW + 119)


def test_the_worst_is_assumed_where_the_position_was_set_by_hand() -> None:
    """All slots and all mints were just used up."""
    limits = QuotaLimits(30, 60.0)
    state = QuotaState.at_worst(limits, 300.0, NOW)

    assert (0, 600.0) == (state.quota.free(limits, NOW), state.mints.wait_seconds(NOW))

"""Law 2 over all owners: what travels in the commit's metadata covers every call that may have been made."""

import json
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
    lock=st.none() | st.tuples(st.sampled_from(["throttled", "daily_quota", "auth_failed"]), times, times),
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
    end = NOW + 86_400
    written = state.to_text("abcdef01", 123_456_789, end)

    found, by = read_state(written)
    if lock is None or lock[0] != "auth_failed":
        assert written == found.to_text("abcdef01", 123_456_789, end)
    assert "abcdef01" == by
    assert pytest.approx(state.quota.answered) == found.quota.inherited
    assert pytest.approx([at + 30 for _, at in state.quota.reserved]) == list(found.quota.pending)
    assert len(written) <= MAX_CHARACTERS


@pytest.mark.parametrize(
    ("closed", "kept", "held"),
    [
        (Closed(AccountState.THROTTLED, "", NOW, NOW + 9), AccountState.THROTTLED, None),
        (Closed(AccountState.DAILY_QUOTA, "", NOW, NOW + 9, own=True), None, AccountState.DAILY_QUOTA),
        (Closed(AccountState.AUTH_FAILED, "", NOW, NOW + 9), None, AccountState.AUTH_FAILED),
        (Closed(AccountState.UNAVAILABLE, "", NOW, NOW + 9), None, AccountState.UNAVAILABLE),
        (Closed(AccountState.SUSPECT, "", NOW, NOW + 9), None, AccountState.SUSPECT),
        (None, None, None),
    ],
)
def test_what_holds_an_owner_up_is_told_and_binds_nobody(
    closed: Closed | None, kept: AccountState | None, held: AccountState | None
) -> None:
    """The next owner is closed by a lock of Zoho's alone; whoever looks on sees the others too."""
    written = QuotaState(closed=closed).to_text("a", 1, NOW)
    found, _ = read_state(written)

    assert kept == (found.closed and found.closed.state)
    assert held == (found.held and found.held.state)
    assert held is None or NOW == (found.held and found.held.since)
    assert None is taken_over(found, QuotaLimits(), NOW).held


@pytest.mark.parametrize("said", [None, "auth_failed", ["of a later release", 1], [[], 1], ["suspect", -1]])
def test_a_state_of_another_release_is_still_a_state(said: object) -> None:
    """Earlier ones don't say what held them up, a later one may say it in another way: the calls count."""
    content = json.loads(whole)
    del content["held"]
    earlier, later = json.dumps(content), json.dumps(content | {"held": said})

    for text in (earlier, later):
        assert None is read_state(text)[0].held
        assert (NOW,) == read_state(text)[0].quota.inherited


whole = QuotaState(Quota((NOW,), reserved=((1, NOW),), next_slot=2)).to_text("a", 1, NOW)


@pytest.mark.claim("S-23")
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
    """Each owner calls as fast as it may, and crashes, which leaves the commit alone, or stops cleanly.

    True arrival times. Some lives are so short that the calls of the one before are still under way.
    """
    arrivals: list[float] = []
    now, text = NOW, ""

    def written(quota: Quota, clock: float) -> str:
        state = QuotaState(
            quota, window_seconds=limits.window_seconds, longest_seconds=limits.longest_seconds
        )
        return state.to_text("x", 1, clock)

    for skew in skews:
        quota = taken_over(read_state(text)[0], limits, now + skew).quota if text else Quota()
        under_way: list[tuple[float, int]] = []
        end_at = now + chance.choice((chance.uniform(0, 2), chance.uniform(0, 40)))
        while now < end_at:
            for end, slot in [each for each in under_way if each[0] <= now]:
                under_way.remove((end, slot))
                quota = quota.answer(slot, end + skew)
            clock = now + skew
            if chance.random() < 0.5:  # a commit that is due may not have been made before the crash
                text = written(quota, clock)
            if quota.free(limits, clock) and clock >= quota.quiet_until(limits):
                quota = quota.reserve(limits, 1, clock)
                text = written(quota, clock)
                quota = quota.recorded(quota.next_slot)
                sent_at = now + chance.uniform(0, limits.reservation_seconds * 0.9)
                quota, slot = quota.take(limits, clock)
                end = sent_at + chance.uniform(0, limits.call_seconds)
                arrivals.append(chance.uniform(sent_at, end))
                under_way.append((end, slot))
            now += chance.uniform(0.0, 0.3)
        if chance.random() < 0.5:  # a clean stop
            for end, slot in under_way:
                now = max(now, end)
                quota = quota.answer(slot, end + skew)
            text = written(quota.without_reservations(), now + skew)
    return arrivals


def test_law_3_nothing_is_sent_while_a_call_of_a_former_owner_may_be_under_way() -> None:
    """Until its reservation, its time-out and the margins have passed, through how many owners it may be."""
    limits = QuotaLimits(30, 60.0)
    left = QuotaState(Quota((NOW - 5,), reserved=((1, NOW - 2),), next_slot=2))

    first = taken_over(read_state(left.to_text("a", 1, NOW))[0], limits, NOW)
    again = taken_over(read_state(first.to_text("b", 1, NOW))[0], limits, NOW)
    for state in (first, again):
        assert NOW - 2 + 5 + 15 + 10 + 1 == state.quota.quiet_until(limits)
        assert 2 == state.quota.used(limits, NOW)
        assert [NOW - 5 + 1, NOW + 29] == state.quota.held(limits, NOW)
    assert 1 == len(first.mints.minted_at)


def test_a_clean_stop_costs_the_next_owner_no_wait() -> None:
    """Every answer is on record."""
    limits = QuotaLimits(30, 60.0)
    left = QuotaState(Quota((NOW - 5,)))
    state = taken_over(read_state(left.to_text("a", 1, NOW))[0], limits, NOW)

    assert (True, 1) == (state.quota.quiet_until(limits) < NOW, state.quota.used(limits, NOW))


def test_the_writers_own_limits_say_when_its_calls_are_over() -> None:
    """The next owner may have a shorter call time-out: that ends no call of the last one's."""
    left = QuotaState(Quota(reserved=((1, NOW),), next_slot=2), longest_seconds=30.0)
    quick = QuotaLimits(30, 60.0, abort_margin_seconds=1.0, reservation_seconds=1.0, call_seconds=2.0)

    state = taken_over(read_state(left.to_text("a", 1, NOW))[0], quick, NOW)
    assert NOW + 30 + 1 == state.quota.quiet_until(quick)


def test_a_clock_that_was_far_ahead_holds_nothing_up_for_long() -> None:
    """What is written down has happened: it counts as now, at the latest."""
    limits = QuotaLimits(30, 60.0)
    left = QuotaState(Quota((NOW + 3600,), reserved=((1, NOW + 3600),), next_slot=2))
    state = taken_over(read_state(left.to_text("a", 1, NOW + 3600))[0], limits, NOW)

    assert state.quota.quiet_until(limits) == NOW + limits.longest_seconds + 1


def test_a_day_that_our_own_setting_ended_is_not_handed_on() -> None:
    """The setting may be another one by then; what Zoho said is kept, for a day at most."""
    ours = Closed(AccountState.DAILY_QUOTA, "own", NOW, NOW + 9, own=True)
    zohos = Closed(AccountState.DAILY_QUOTA, "", NOW, NOW + 10**8)
    found = [
        taken_over(read_state(QuotaState(closed=closed).to_text("a", 1, NOW))[0], QuotaLimits(), NOW).closed
        for closed in (ours, zohos)
    ]

    assert [None, NOW + 86_400 + 1] == [closed and closed.until for closed in found]


def test_a_longer_window_than_the_last_owners_counts_what_that_one_had_forgotten() -> None:
    """The setting was raised between two lives: all slots are taken for one window."""
    state = taken_over(QuotaState(window_seconds=60.0), QuotaLimits(30, 120.0), NOW)

    assert 0 == state.quota.free(QuotaLimits(30, 120.0), NOW + 119)


def test_the_worst_is_assumed_where_the_position_was_set_by_hand() -> None:
    """All slots and all mints were just used up, and a call may still be under way."""
    limits = QuotaLimits(30, 60.0)
    state = QuotaState.at_worst(limits, 300.0, NOW)

    assert state.quota.quiet_until(limits) > NOW + limits.longest_seconds
    assert (0, 600.0) == (state.quota.free(limits, NOW), state.mints.wait_seconds(NOW))

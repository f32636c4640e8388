"""Law 2, never over the quota: whatever the network does, no window at Zoho holds too many calls."""

import heapq
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.delivery.quota import Quota, QuotaLimits


def arrivals_of(seed: int, limits: QuotaLimits, calls: int, slowest_seconds: float) -> list[float]:
    """Call as fast as the slots allow; when each call reached Zoho, by Zoho's reckoning.

    A call arrives at any time between its start and its answer. Some are aborted and arrive up to the
    abort margin later, some never come up and give their slot back.
    """
    chance = random.Random(seed)
    quota, now, made = Quota(), 1_000.0, 0
    ends: list[tuple[float, int, str]] = []
    arrivals: list[float] = []
    while made < calls:
        while ends and ends[0][0] <= now:
            at, slot, how = heapq.heappop(ends)
            if how == "answered":
                quota = quota.answer(slot, at)
            elif how == "aborted":
                quota = quota.abort(slot, limits, at)
            else:
                quota = quota.give_back(slot)
        free_at = quota.next_free_at(limits, now)
        if free_at is not None and free_at <= now:
            quota, slot = quota.take(limits, now)
            made += 1
            end = now + chance.uniform(0, slowest_seconds)
            how = chance.choices(("answered", "aborted", "unsent"), (8, 1, 1))[0]
            heapq.heappush(ends, (end, slot, how))
            if how == "answered":
                arrivals.append(chance.uniform(now, end))
            elif how == "aborted":
                arrivals.append(chance.uniform(now, end + limits.abort_margin_seconds))
        else:
            moments = [at for at in (free_at, ends[0][0] if ends else None) if at is not None]
            now = min(moments)
    return sorted(arrivals)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    requests=st.integers(1, 40),
    slowest_seconds=st.floats(0.001, 20),
    abort_margin_seconds=st.floats(0, 10),
)
def test_law_2_no_window_at_zoho_holds_more_than_the_quota(
    seed: int, requests: int, slowest_seconds: float, abort_margin_seconds: float
) -> None:
    """Rolling windows, and so fixed ones: any `requests` + 1 arrivals span at least a window."""
    limits = QuotaLimits(requests, 10.0, abort_margin_seconds)
    arrivals = arrivals_of(seed, limits, 6 * requests, slowest_seconds)

    spans = [later - first for first, later in zip(arrivals, arrivals[requests:], strict=False)]
    assert all(span >= 10.0 for span in spans)


def test_a_saturated_quota_is_used_to_the_full() -> None:
    """Calls that take 200 ms in a minute leave at most 1 % of the quota unused."""
    limits = QuotaLimits(30, 60.0)
    quota, now, made = Quota(), 0.0, 0
    while now < 60.0 * 20:
        free_at = quota.next_free_at(limits, now)
        assert free_at is not None
        now = max(now, free_at)
        if now >= 60.0 * 20:
            break
        quota, slot = quota.take(limits, now)
        quota = quota.answer(slot, now + 0.2)
        made += 1

    assert made / (30 * 20) >= 0.99


@given(st.lists(st.floats(0, 2e9), max_size=30), st.integers(0, 5), st.floats(0, 2e9))
def test_the_state_survives_being_written_down(answered: list[float], flying: int, day: float) -> None:
    """To the millisecond, and short enough for the metadata of an offset commit."""
    quota = Quota(
        tuple(sorted(round(at, 3) for at in answered)),
        tuple((n, round(day, 3)) for n in range(flying)),
        day=round(day, 3),
    )
    written = quota.to_text()

    read = Quota.from_text(written)
    assert read.to_text() == written
    assert [round(at, 3) for at in read.answered] == list(quota.answered)
    assert len(written) < 4096


@given(
    st.one_of(st.text(), st.sampled_from(["{}", "[]", "null", '{"v":1}', '{"v":2}', '{"v":1,"answered":7}']))
)
def test_a_damaged_state_is_a_value_error(text: str) -> None:
    """Nothing else escapes, so that the reader can assume the worst instead of crashing."""
    with pytest.raises(ValueError, match="quota state"):
        Quota.from_text(text)


def test_a_slot_is_taken_only_where_one_is_free_and_settled_once() -> None:
    """Misuse is a bug and says so."""
    limits = QuotaLimits(1, 10.0)
    quota, slot = Quota().take(limits, 0.0)
    with pytest.raises(ValueError, match="no slot"):
        quota.take(limits, 0.0)
    assert quota.next_free_at(limits, 0.0) is None
    quota = quota.answer(slot, 2.0)
    with pytest.raises(ValueError, match="not in flight"):
        quota.answer(slot, 2.0)
    assert pytest.approx(12.01) == quota.next_free_at(limits, 3.0)


@given(
    st.lists(st.floats(0, 100), max_size=40),
    st.integers(0, 40),
    st.integers(1, 40),
    st.floats(0, 120),
)
def test_the_next_free_slot_is_free_exactly_then(
    answered: list[float], flying: int, requests: int, now: float
) -> None:
    """Not before, and not later; where no time is given, no time alone frees one."""
    limits = QuotaLimits(requests, 60.0)
    quota = Quota(tuple(sorted(answered)), tuple((n, now) for n in range(flying)), next_slot=flying)
    free_at = quota.next_free_at(limits, now)

    if free_at is None:
        assert 0 == quota.free(limits, now + 1e6)
    else:
        assert free_at >= now
        assert quota.free(limits, free_at) > 0
        assert free_at == now or 0 == quota.free(limits, free_at - 0.001 * (free_at - now))

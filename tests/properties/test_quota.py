"""Law 2, never over the quota: whatever the network does, no window at Zoho holds too many calls."""

import heapq
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.delivery.quota import Quota, QuotaLimits


def started(quota: Quota, limits: QuotaLimits, now: float) -> tuple[Quota, int]:
    """A call starts, with a reservation that is recorded at once."""
    quota = quota.reserve(limits, 1, now)
    return quota.recorded(quota.next_slot).take(limits, now)


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
            quota, slot = started(quota, limits, now)
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
        quota, slot = started(quota, limits, now)
        quota = quota.answer(slot, now + 0.2)
        made += 1

    assert made / (30 * 20) >= 0.99


def test_a_slot_is_taken_only_where_one_is_free_and_settled_once() -> None:
    """Misuse is a bug and says so."""
    limits = QuotaLimits(1, 10.0)
    quota, slot = started(Quota(), limits, 0.0)
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
    in_flight = tuple((n, now) for n in range(flying))
    quota = Quota(tuple(sorted(answered)), in_flight=in_flight, next_slot=flying)
    free_at = quota.next_free_at(limits, now)

    if free_at is None:
        assert 0 == quota.free(limits, now + 1e6)
    else:
        assert free_at >= now
        assert quota.free(limits, free_at) > 0
        assert free_at == now or 0 == quota.free(limits, free_at - 0.001 * (free_at - now))


def test_law_3_a_call_needs_a_reservation_that_is_recorded_and_young() -> None:
    """It is no use before the commit was acknowledged, nor in its last tenth, nor twice."""
    limits = QuotaLimits(10, 60.0, reservation_seconds=4.0)
    quota = Quota().reserve(limits, 2, 100.0)
    with pytest.raises(ValueError, match="no reservation"):
        quota.take(limits, 100.0)
    quota = quota.recorded(quota.next_slot)
    assert (2, 0) == (quota.usable(limits, 103.5, recorded=True), quota.usable(limits, 103.6))
    with pytest.raises(ValueError, match="no reservation"):
        quota.take(limits, 103.6)
    quota, slot = quota.take(limits, 101.0)
    assert (True, False) == (quota.is_young(limits, slot, 103.9), quota.is_young(limits, slot, 104.0))
    assert 1 == quota.usable(limits, 101.0, recorded=True)


@given(st.integers(1, 200), st.lists(st.integers(1, 300), max_size=20))
def test_no_more_is_reserved_than_can_be_written_down(requests: int, counts: list[int]) -> None:
    """However often it is asked for; what is void makes room again."""
    limits = QuotaLimits(requests, 60.0)
    quota = Quota()
    for count in counts:
        quota = quota.reserve(limits, count, 0.0)
        assert len(quota.reserved) <= requests

    assert min(requests, sum(counts)) == quota.usable(limits, 0.0)
    assert 1 == quota.reserve(limits, 1, 6.0).usable(limits, 6.0)

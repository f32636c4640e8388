from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from consumer.emulator.options import Limits
from consumer.emulator.throttle import Passage, Throttle, arrive, free_slots

LIMITS = Limits(requests=3, window_seconds=10.0, lock_seconds=50.0)
# Quarters of a second are exact in binary: sums and differences have no rounding.
GAPS = st.lists(st.integers(0, 80).map(lambda quarters: quarters / 4), max_size=80)


def run(limits: Limits, times: Iterable[float]) -> list[tuple[float, Passage]]:
    throttle, seen = Throttle(), []
    for now in times:
        throttle, passage = arrive(limits, throttle, now)
        seen.append((now, passage))
    return seen


def times_of(gaps: list[float]) -> list[float]:
    now, times = 0.0, []
    for gap in gaps:
        now += gap
        times.append(now)
    return times


def passages(limits: Limits, times: Iterable[float]) -> list[Passage]:
    return [passage for _, passage in run(limits, times)]


def test_call_after_the_last_allowed_one_trips_the_lock() -> None:
    """The fourth call of three allowed trips the lock, the fifth finds it locked."""
    assert passages(LIMITS, [0, 1, 2, 3, 4]) == ["passed", "passed", "passed", "tripped", "locked"]


def test_window_rolls() -> None:
    """A call stops counting when it is a whole window old, and not before."""
    assert passages(LIMITS, [0, 8, 9, 10]) == ["passed"] * 4
    assert passages(LIMITS, [0, 8, 9, 9.75]) == ["passed", "passed", "passed", "tripped"]


def test_lock_is_released_strictly_after_its_period() -> None:
    """A lock of 50 s that began at 3 still refuses at 53, and no longer after that."""
    assert passages(LIMITS, [0, 1, 2, 3, 53])[-1] == "locked"
    assert passages(LIMITS, [0, 1, 2, 3, 53.25])[-1] == "passed"


def test_calls_during_a_lock_do_not_make_it_longer() -> None:
    """However often one calls during a lock, it ends when it would have ended."""
    assert passages(LIMITS, [0, 1, 2, 3, *range(4, 53), 53.25])[-1] == "passed"


def test_full_allowance_after_a_lock() -> None:
    """After the lock as many calls pass as in the first window."""
    after = [53.25, 53.25, 53.25, 53.25]

    assert passages(LIMITS, [0, 1, 2, 3, *after])[-4:] == ["passed", "passed", "passed", "tripped"]


def test_fixed_window_lets_twice_as_many_through_at_its_edge() -> None:
    """A fixed window starts anew at every multiple of its length, which a rolling one does not."""
    fixed = Limits(requests=3, window_seconds=10.0, lock_seconds=50.0, fixed_window=True)

    assert passages(fixed, [9, 9, 9, 10, 10, 10]) == ["passed"] * 6


@given(GAPS)
def test_never_more_than_allowed_pass_in_any_rolling_window(gaps: list[float]) -> None:
    """Whatever arrives, no window holds more passed calls than allowed."""
    passed = [at for at, passage in run(LIMITS, times_of(gaps)) if passage == "passed"]

    assert all(
        sum(1 for at in passed if start <= at < start + LIMITS.window_seconds) <= LIMITS.requests
        for start in passed
    )


@given(GAPS)
def test_lock_lasts_exactly_its_period_from_the_call_that_tripped_it(gaps: list[float]) -> None:
    """Between a trip and the end of its lock every call is refused; the first one after it passes."""
    until = -1.0
    for now, passage in run(LIMITS, times_of(gaps)):
        assert (passage == "locked") == (now <= until)
        if passage == "tripped":
            until = now + LIMITS.lock_seconds


@given(GAPS)
def test_free_slots_tells_the_next_passage(gaps: list[float]) -> None:
    """A call passes exactly where a free slot was shown."""
    throttle = Throttle()
    for now in times_of(gaps):
        free = free_slots(LIMITS, throttle, now)
        throttle, passage = arrive(LIMITS, throttle, now)

        assert (free > 0) == (passage == "passed")

from hypothesis import given
from hypothesis import strategies as st

from consumer.emulator.audit import Ledger

WINDOW_SECONDS = 10.0


def most_by_hand(times: list[float]) -> int:
    windows = ([at for at in times if start <= at < start + WINDOW_SECONDS] for start in times)
    return max((len(window) for window in windows), default=0)


@given(st.lists(st.integers(0, 400).map(lambda quarters: quarters / 4), max_size=60).map(sorted))
def test_most_in_window_is_exact(times: list[float]) -> None:
    """The running count equals a count of every window by hand."""
    ledger = Ledger(WINDOW_SECONDS, 1_000)
    for at in times:
        ledger.arrived(at, "passed")

    assert ledger.snapshot().most_in_window == most_by_hand(times)


def test_arrivals_kept_are_bounded_and_the_numbers_are_not() -> None:
    """Only the last arrivals are kept, every call is counted."""
    ledger = Ledger(WINDOW_SECONDS, 3)
    for at in range(5):
        ledger.arrived(float(at), "passed")
    audit = ledger.snapshot()

    assert (audit.arrivals, audit.calls, audit.requests_per_second) == ((2.0, 3.0, 4.0), 5, 1.0)


def test_calls_in_flight_are_counted_in_all_and_per_session() -> None:
    """Two calls of different sessions are two in flight, but one of each."""
    ledger = Ledger(WINDOW_SECONDS, 3)
    ledger.began("1")
    ledger.began("2")
    ledger.ended("1")
    ledger.began("1")
    audit = ledger.snapshot()

    assert (audit.most_in_flight, audit.most_in_flight_of_one_session) == (2, 1)


def test_calls_that_trip_and_calls_during_the_lock_are_told_apart() -> None:
    """The call that trips a lock is refused by it, and only those after it are during it."""
    ledger = Ledger(WINDOW_SECONDS, 10)
    for passage in ("passed", "tripped", "locked", "locked"):
        ledger.arrived(0.0, passage)
    audit = ledger.snapshot()

    assert (audit.locks, audit.refused_by_lock, audit.calls_during_lock) == (1, 3, 2)

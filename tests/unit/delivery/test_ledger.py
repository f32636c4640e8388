"""The ledger: the newest applied event of each session among all records, in little memory."""

import tracemalloc
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.ledger import Ledger
from consumer.delivery.outcome import Applied, EventReference, Origin
from consumer.events.model import SessionKey

SESSION = SessionKey("1", "22", "333", "4444")
OTHER = SessionKey("001", "22", "333", "44445")
DAY = 86_400
IDS = st.text("0123456789", min_size=1, max_size=30)
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)


def later(one: Applied, other: Applied) -> bool:
    """The rule for events without revisions, and no two at one time."""
    return one.event.time_us > other.event.time_us


def applied(time_us: int = 1, *, at_us: int = 0, source: str = "lms", topic: str = "source") -> Applied:
    """An applied event, known by its time."""
    return Applied(EventReference(f"e{time_us}", source, time_us, None), Origin(topic, 0, time_us), at_us)


@given(
    st.builds(SessionKey, IDS, IDS, IDS, IDS),
    st.builds(
        Applied,
        st.builds(
            EventReference,
            TEXTS,
            TEXTS,
            st.integers(-(2**56), 2**58),
            st.none() | st.integers(0, 2**63 - 1),
        ),
        st.builds(Origin, TEXTS, st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)),
        st.integers(-(2**56), 2**58),
    ),
)
def test_what_is_put_in_comes_out(session: SessionKey, event: Applied) -> None:
    """Any ids, leading zeros too, any texts, times and numbers that the contract allows."""
    ledger = Ledger(later)

    ledger.put(str(session), event, 0)

    assert event == ledger.get(session)
    assert [session] == ledger.untouched_since(1, 10)


def test_the_newest_applied_of_all_records_is_kept() -> None:
    """In whatever order they are read: a former owner's may come late."""
    ledger = Ledger(later)
    for time_us in (2, 3, 1):
        ledger.put(str(SESSION), applied(time_us), time_us)

    assert applied(3) == ledger.get(SESSION)
    assert ledger.get(OTHER) is None
    assert 1 == len(ledger)


def test_a_session_whose_last_record_carries_less_is_to_be_written_again() -> None:
    """Until a record that carries the newest follows."""
    ledger = Ledger(later)
    ledger.put(str(SESSION), applied(3), 1)
    ledger.put(str(OTHER), applied(3), 1)
    assert [] == ledger.to_rewrite()

    ledger.put(str(SESSION), applied(1), 2)
    assert [(SESSION, applied(3))] == ledger.to_rewrite()

    ledger.put(str(SESSION), applied(3), 3)
    assert [] == ledger.to_rewrite()


def test_a_record_that_carries_nothing_applied_takes_nothing_away() -> None:
    """A former owner's dead letter, written late: the session is kept, and written again."""
    ledger = Ledger(later)
    ledger.put(str(SESSION), None, 1)
    assert (1, None, []) == (len(ledger), ledger.get(SESSION), ledger.to_rewrite())

    ledger.put(str(SESSION), applied(1), 2)
    ledger.put(str(SESSION), None, 3)

    assert applied(1) == ledger.get(SESSION)
    assert [(SESSION, applied(1))] == ledger.to_rewrite()


def test_of_one_event_applied_twice_the_later_call_counts() -> None:
    """A crash between the call and its outcome: neither is newer, and nothing has to be written again."""
    ledger = Ledger(later)
    ledger.put(str(SESSION), applied(1, at_us=5), 1)
    ledger.put(str(SESSION), applied(1, at_us=7), 2)

    assert applied(1, at_us=7) == ledger.get(SESSION)
    assert [] == ledger.to_rewrite()


def test_sessions_are_forgotten_when_nothing_was_heard_of_them() -> None:
    """Any record counts, also one that changes nothing; so many at a time as are asked for."""
    ledger = Ledger(later)
    sessions = [SessionKey("1", "2", "3", str(number)) for number in range(5)]
    for number, session in enumerate(sessions):
        ledger.put(str(session), applied(9), 100 + number)
    ledger.put(str(sessions[0]), applied(9), 500)
    ledger.put(str(sessions[1]), applied(1), 500)
    ledger.put(str(sessions[0]), applied(9), 50)

    assert sessions[2:4] == ledger.untouched_since(104, 10)
    assert sessions[2:3] == ledger.untouched_since(104, 1)


def test_a_tombstone_forgets_a_session_that_nobody_touched() -> None:
    """And what was to be written again of it."""
    ledger = Ledger(later)
    ledger.put(str(SESSION), applied(2), 10)
    ledger.put(str(SESSION), applied(1), 10)

    ledger.forget(str(SESSION), untouched_since=10)
    ledger.forget(str(OTHER), untouched_since=10)

    assert (0, None, []) == (len(ledger), ledger.get(SESSION), ledger.to_rewrite())


def test_a_tombstone_that_comes_late_is_written_over() -> None:
    """A former owner found the session untouched, and its tombstone came after a new event's outcome."""
    ledger = Ledger(later)
    ledger.put(str(SESSION), applied(2), 11)
    ledger.put(str(OTHER), None, 11)

    ledger.forget(str(SESSION), untouched_since=10)
    ledger.forget(str(OTHER), untouched_since=10)

    assert applied(2) == ledger.get(SESSION)
    assert [(SESSION, applied(2))] == ledger.to_rewrite()


def test_a_publisher_that_makes_up_sources_costs_no_more_than_its_events() -> None:
    """Names are shared while they are few; beyond that each stands beside its event."""
    ledger = Ledger(later)
    events = [applied(1, source=f"s{number}", topic=f"t{number}") for number in range(1_500)]
    for number, event in enumerate(events):
        ledger.put(f"1/2/3/{number}", event, 0)

    assert events == [ledger.get(SessionKey("1", "2", "3", str(number))) for number in range(1_500)]
    assert 1_000 == len(ledger._names)


def test_a_text_that_is_no_text_is_refused_and_changes_nothing() -> None:
    """A lone surrogate, which JSON can say."""
    ledger = Ledger(later)
    event = applied(1)
    with pytest.raises(ValueError, match="surrogates"):
        ledger.put(str(SESSION), event._replace(event=event.event._replace(id="\ud800")), 0)

    assert 0 == len(ledger)


def test_a_session_costs_at_most_350_bytes() -> None:
    """Zoho's ids of 18 digits and ids of events as UUIDs, at a number where the table has just grown."""
    count = 90_000  # a dict's table doubles at two thirds of 2**17
    ledger = Ledger(later)
    event = applied(
        1_795_000_000_000_000, at_us=1_795_000_000_000_000, source="https://lms.example.com/planner"
    )
    tracemalloc.start()
    try:
        for number in range(count):
            own = event._replace(event=event.event._replace(id=str(UUID(int=number))))
            ledger.put(f"478346000019479103/478346000019479115/478346000019479119/{10**17 + number}", own, 0)
        held_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert held_bytes / count <= 350

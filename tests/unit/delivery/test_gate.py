"""Law 4: an account's failure is met with silence, and one probe at a time."""

import pytest

from consumer.delivery.gate import AccountState, Gate, GateRules
from consumer.events.model import SessionKey

RULES = GateRules(lock_seconds=300.0, refusals_before_hold=20)


def key(number: int, course: int = 1) -> SessionKey:
    """A session."""
    return SessionKey(str(course), "2", "3", str(number))


@pytest.mark.parametrize(("named", "waited"), [(None, 300.0), (10.0, 300.0), (900.0, 900.0), (1e9, 86_400.0)])
def test_a_lock_is_waited_out_longer_where_named_never_shorter(named: float | None, waited: float) -> None:
    """The lock period, or what the answer names up to a day; strictly longer, by Zoho's clock."""
    gate = Gate().locked(named, "locked", RULES, 1000.0)

    assert (AccountState.THROTTLED, "no", "no", "probe") == (
        gate.state,
        gate.permission(1000.0),
        gate.permission(1000.0 + waited),
        gate.permission(1000.0 + waited * 1.01),
    )


def test_one_probe_at_a_time_and_only_its_success_ends_a_lock() -> None:
    """A late success of a call from before the lock proves nothing."""
    gate = Gate().locked(None, "locked", RULES, 0.0)
    assert AccountState.THROTTLED is gate.applied(probe=False).state
    gate = gate.probe_started()
    assert "no" == gate.permission(1000.0)
    assert AccountState.RUNNING is gate.applied(probe=True).state
    assert "no" == gate.locked(None, "again", RULES, 400.0).permission(600.0)


def test_three_different_sessions_that_fail_close_the_gate_and_two_do_not() -> None:
    """The same session again is its own trouble; any definite answer between starts the count anew."""
    gate = Gate()
    for number in (1, 1, 1, 2):
        gate = gate.failed(key(number), "500", RULES, 0.0, probe=False)
    assert AccountState.RUNNING is gate.state
    assert (
        AccountState.RUNNING is gate.applied(probe=False).failed(key(3), "500", RULES, 0.0, probe=False).state
    )
    assert AccountState.UNAVAILABLE is gate.failed(key(3), "500", RULES, 0.0, probe=False).state


def test_pauses_between_probes_grow_to_five_minutes() -> None:
    """1 s, 2 s, 4 s … 300 s, as long as the probe finds the same trouble."""
    gate, now, pauses = Gate().unreachable("refused", RULES, 0.0, probe=False), 0.0, []
    for _ in range(12):
        assert gate.closed is not None
        pauses.append(gate.closed.until - now)
        now = gate.closed.until
        gate = gate.probe_started().unreachable("refused", RULES, now, probe=True)

    assert [1.0, 2.0, 4.0, 8.0] == pauses[:4]
    assert 300.0 == max(pauses)


def test_twenty_refusals_of_two_courses_hold_and_of_one_do_not() -> None:
    """Nor do they if one was applied between; 0 never holds."""
    one_course, two_courses, off = Gate(), Gate(), Gate()
    for number in range(20):
        one_course = one_course.refused_one(key(number), RULES, 0.0, probe=False)
        two_courses = two_courses.refused_one(key(number, number % 2), RULES, 0.0, probe=False)
        off = off.refused_one(key(number, number % 2), GateRules(300.0, 0), 0.0, probe=False)

    assert AccountState.RUNNING is one_course.state
    assert AccountState.SUSPECT is two_courses.state
    assert AccountState.RUNNING is off.state
    assert AccountState.RUNNING is two_courses.hold_lifted().state
    assert (
        AccountState.SUSPECT is two_courses.probe_started().refused_one(key(99), RULES, 9.0, probe=True).state
    )


def test_no_more_calls_are_in_flight_than_may_be_refused_before_the_hold() -> None:
    """So that concurrency does not dead-letter more than the setting says."""
    gate = Gate()
    assert 20 == gate.calls_at_once(RULES)
    assert gate.calls_at_once(GateRules(300.0, 0)) is None
    for number in range(19):
        gate = gate.refused_one(key(number, number % 2), RULES, 0.0, probe=False)
    assert 1 == gate.calls_at_once(RULES)


def test_403_for_three_sessions_is_the_credentials_fault() -> None:
    """One applied between starts the count anew."""
    gate = Gate()
    for number in range(2):
        gate = gate.forbade(key(number), RULES, 0.0, probe=False)
    assert AccountState.RUNNING is gate.state
    assert AccountState.AUTH_FAILED is gate.forbade(key(9), RULES, 0.0, probe=False).state


def test_a_422_locks_until_it_is_shown_to_be_about_events() -> None:
    """Then it sets its event aside only, until another session gets one with nothing applied between."""
    gate = Gate().at_limit(key(1), RULES, 0.0, events_own=False, probe=False)
    assert AccountState.THROTTLED is gate.state
    gate = gate.probe_started().applied(probe=True)
    shown = gate.at_limit(key(1), RULES, 400.0, events_own=True, probe=False)
    assert AccountState.RUNNING is shown.state
    aside = shown.at_limit(key(2), RULES, 401.0, events_own=False, probe=False)
    assert AccountState.RUNNING is aside.state
    assert AccountState.THROTTLED is aside.at_limit(key(3), RULES, 402.0, events_own=False, probe=False).state
    assert (
        AccountState.RUNNING
        is aside.applied(probe=False).at_limit(key(3), RULES, 402.0, events_own=False, probe=False).state
    )


def test_a_lone_422_probe_never_hammers() -> None:
    """A probe that gets a 422 again waits a lock period, flagged or not."""
    gate = Gate(limit_seen=True, limit_of=None).locked(None, "locked", RULES, 0.0).probe_started()
    gate = gate.at_limit(key(1), RULES, 400.0, events_own=False, probe=True)

    assert "no" == gate.permission(600.0)


def test_a_late_answer_that_names_a_shorter_time_shortens_no_lock() -> None:
    """Neither the end of the day nor a throttled token mint, in whichever order they come."""
    lock = Gate().locked(None, "locked", RULES, 0.0)
    day = lock.day_used_up(RULES, 1.0, until=11.0, reason="used up", probe=False)
    mint = lock.token_throttled(10.0, "too many mints", 1.0)
    later = Gate().day_used_up(RULES, 0.0, until=9_000.0, reason="used up", probe=False)

    assert ["no", "no"] == [gate.permission(299.0) for gate in (day, mint)]
    assert "no" == later.locked(None, "locked", RULES, 1.0).permission(8_999.0)
    assert "probe" == later.locked(None, "locked", RULES, 1.0).permission(9_000.0)

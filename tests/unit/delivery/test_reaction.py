"""What a verdict does to the gate, where a probe's answer must not end what it does not disprove (law 4)."""

import pytest

from consumer.delivery.change import Attempts
from consumer.delivery.decision import Again, CallEnd, Decision, Finish, GiveUp
from consumer.delivery.gate import AccountState, Gate, GateRules
from consumer.delivery.reaction import react
from consumer.delivery.verdicts import (
    Applied,
    CallReport,
    DailyQuotaUsed,
    EchoDifference,
    Forbidden,
    Locked,
    MaximumLimit,
    Refused,
    Verdict,
    ZohoAnswer,
)
from consumer.events.model import SessionKey
from schemas.error_class import ErrorClass

RULES = GateRules(lock_seconds=300.0, refusals_before_hold=2)
ANSWER = ZohoAnswer(400)
REFUSED = Refused("rejected_by_zoho", ANSWER)
ECHOED = Applied((EchoDifference("startTime"),))
GIVEN_UP = GiveUp(ErrorClass.REJECTED_BY_ZOHO, "no", ANSWER)
LIMIT_OWN = GiveUp(ErrorClass.LIMIT_EXCEEDED, "no", ANSWER)


def after(
    gate: Gate,
    verdict: Verdict,
    decision: Decision,
    at: float,
    *,
    number: int = 1,
    probe: bool = False,
    left_today: int | None = None,
) -> Gate:
    """The gate after a call of session `number` (they alternate between courses) that ended at `at`."""
    session = SessionKey(str(number % 2), "2", "3", str(number))
    call = CallEnd(session, CallReport(verdict, sent=True, left_today=left_today), at - 1.0, at)
    return react(gate.probe_started() if probe else gate, Attempts(), call, decision, RULES, probe=probe)


def suspect() -> Gate:
    """Held after two refusals in two courses."""
    gate = after(Gate(), REFUSED, GIVEN_UP, 0.0, number=1)
    return after(gate, REFUSED, GIVEN_UP, 0.0, number=2)


def pause_of(gate: Gate, at: float) -> float:
    """How long no call is made from `at` on."""
    assert gate.closed is not None
    return gate.closed.until - at


def test_a_hold_for_other_values_probes_at_growing_pauses() -> None:
    """Each probe stores wrong values once more, so they must not go on at one a second."""
    gate, now, pauses = after(Gate(), ECHOED, Again(), 0.0), 0.0, []
    for _ in range(12):
        pauses.append(pause_of(gate, now))
        now += pauses[-1]
        gate = after(gate, ECHOED, Again(), now, probe=True)

    assert [1.0, 2.0, 4.0, 8.0] == pauses[:4]
    assert 300.0 == max(pauses)
    assert AccountState.RUNNING is after(gate, Applied(), Finish(), now + 300.0, probe=True).state


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [(Forbidden(ANSWER), Again(10.0)), (MaximumLimit(ANSWER), LIMIT_OWN), (REFUSED, GIVEN_UP)],
)
@pytest.mark.parametrize("held", [suspect(), after(Gate(), ECHOED, Again(), 0.0)], ids=["refusals", "echo"])
def test_a_hold_ends_only_where_a_change_is_applied(held: Gate, verdict: Verdict, decision: Decision) -> None:
    """A probe that is refused in any way keeps it, and the next pause is longer."""
    assert AccountState.SUSPECT is held.state

    gate = after(held, verdict, decision, 10.0, number=7, probe=True)

    assert (AccountState.SUSPECT, 2.0) == (gate.state, pause_of(gate, 10.0))
    assert AccountState.RUNNING is after(gate, Applied(), Finish(), 20.0, probe=True).state


def test_an_outage_does_not_lift_a_hold() -> None:
    """Held, then unavailable: a 403 shows that Zoho is back, not that its refusals are over."""
    gate = suspect().probe_started().unreachable("refused", RULES, 10.0, probe=True)

    assert (
        AccountState.SUSPECT is after(gate, Forbidden(ANSWER), Again(20.0), 20.0, number=7, probe=True).state
    )


def test_no_calls_left_today_does_not_shorten_a_lock() -> None:
    """A 422 for the probe is another lock period, whatever its `api-count-left-today` says."""
    gate = after(Gate(), Locked(ANSWER), Again(), 0.0)
    gate = after(gate, MaximumLimit(ANSWER), Again(), 400.0, probe=True, left_today=0)

    assert pause_of(gate, 400.0) >= 300.0


def test_a_used_up_day_that_names_a_second_is_not_asked_every_second() -> None:
    """A wait shorter than our own first pause counts as none: the pauses grow."""
    gate, now = after(Gate(), DailyQuotaUsed(ANSWER, 1.0), Again(), 0.0), 0.0
    pauses = []
    for _ in range(6):
        pauses.append(pause_of(gate, now))
        now += pauses[-1]
        gate = after(gate, DailyQuotaUsed(ANSWER, 1.0), Again(), now, probe=True)

    assert [60.0, 120.0, 240.0, 480.0, 900.0, 900.0] == pauses


def test_a_422_of_the_events_own_is_an_answer_and_ends_a_row_of_failures() -> None:
    """Three failures close the gate only with no definite answer between."""
    gate = Gate()
    for number in (1, 2):
        gate = gate.failed(SessionKey("1", "2", "3", str(number)), "500", RULES, 0.0, probe=False)
    gate = after(gate, MaximumLimit(ANSWER), LIMIT_OWN, 1.0, number=5)

    gate = gate.failed(SessionKey("1", "2", "3", "3"), "500", RULES, 2.0, probe=False)
    assert AccountState.RUNNING is gate.state

"""Law 4, for any answers in any order: a lock is silent, pauses are bounded, and one probe opens."""

import random

from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.change import Attempts
from consumer.delivery.decision import CallEnd, RetryRules, decide
from consumer.delivery.evidence import Evidence
from consumer.delivery.gate import AccountState, Gate, GateRules
from consumer.delivery.pauses import probe_pauses
from consumer.delivery.reaction import learn, react
from consumer.delivery.verdicts import (
    Applied,
    CallReport,
    CredentialRefused,
    DailyQuotaUsed,
    Failed,
    Forbidden,
    Locked,
    MaximumLimit,
    NoAnswer,
    Refused,
    TokenDead,
    TokenThrottled,
    Unreachable,
    Verdict,
    Withheld,
    ZohoAnswer,
)
from consumer.events.model import SessionKey

RULES = GateRules(lock_seconds=300.0, refusals_before_hold=20)
RETRY = RetryRules(5, 300.0, probe_pauses(300.0))
DAY_SECONDS = 86_400.0
ANSWER = ZohoAnswer(400)

waits = st.one_of(st.none(), st.floats(-10, 1e9))
verdicts: st.SearchStrategy[Verdict] = st.one_of(
    st.sampled_from(
        [
            Applied(),
            Refused("rejected_by_zoho", ANSWER),
            Forbidden(ANSWER),
            MaximumLimit(ANSWER),
            TokenDead(ANSWER),
            CredentialRefused("revoked"),
            Failed("500", ANSWER),
            NoAnswer("time-out"),
            Unreachable("refused"),
            Withheld(),
        ]
    ),
    st.builds(Locked, st.just(ANSWER), waits),
    st.builds(DailyQuotaUsed, st.just(ANSWER), waits),
    st.builds(TokenThrottled, st.just("mints"), st.floats(0, 1e9)),
)
sessions = st.builds(
    lambda course, n: SessionKey(str(course), "2", "3", str(n)), st.integers(0, 2), st.integers(0, 6)
)
answers = st.tuples(sessions, verdicts, st.floats(0.1, 100))


def answered(
    gate: Gate, evidence: Evidence, session: SessionKey, verdict: Verdict, now: float, *, probe: bool
) -> tuple[Gate, Evidence]:
    """The gate after one call's answer, as the worker has it."""
    sent = not isinstance(verdict, Withheld | Unreachable | TokenThrottled | CredentialRefused)
    call = CallEnd(session, CallReport(verdict, sent=sent), now - 0.1, now)
    decision, _ = decide(Attempts(), call, evidence, RETRY, 0.5)
    return react(gate, Attempts(), call, decision, RULES, probe=probe), learn(evidence, call)


@given(waits, st.lists(answers, max_size=12))
def test_law_4_no_answer_to_an_earlier_call_ends_or_shortens_a_lock(
    named: float | None, late: list[tuple[SessionKey, Verdict, float]]
) -> None:
    """Whatever comes late: no call before the lock period is over."""
    gate, evidence, now = Gate().locked(named, "locked", RULES, 0.0), Evidence(), 0.0
    lasts = max(300.0, min(named or 0.0, DAY_SECONDS))
    for session, verdict, seconds in late:
        now = min(now + seconds, 299.0)
        gate, evidence = answered(gate, evidence, session, verdict, now, probe=False)

        assert "no" == gate.permission(lasts)


@given(st.lists(answers, max_size=40))
def test_every_closure_ends_in_a_probe_within_its_bound_and_a_success_opens(
    found: list[tuple[SessionKey, Verdict, float]],
) -> None:
    """No sequence of answers closes the gate for good, or for longer than Zoho may name: a day."""
    gate, evidence, now = Gate(), Evidence(), 1_000.0
    for session, verdict, seconds in found:
        now += seconds
        permission = gate.permission(now)
        if permission == "no":
            assert gate.closed is not None
            now, permission = gate.closed.until, gate.permission(gate.closed.until)
        probe = permission == "probe"
        if probe:
            gate = gate.probe_started()
            assert "no" == gate.permission(now + 1e9)
        gate, evidence = answered(gate, evidence, session, verdict, now, probe=probe)
        if gate.closed is not None:
            longest = {
                AccountState.THROTTLED: DAY_SECONDS * 1.01,
                AccountState.DAILY_QUOTA: DAY_SECONDS * 1.01,
            }.get(gate.closed.state, 300.0)
            assert gate.closed.until - now <= longest
            if probe and not isinstance(verdict, TokenThrottled | Withheld | TokenDead):
                assert gate.closed.until - now >= 1.0
            assert not gate.closed.probing

    opened, _ = answered(
        gate.probe_started(), evidence, SessionKey("1", "2", "3", "4"), Applied(), now, probe=True
    )
    assert "open" == opened.permission(now)


@given(hold=st.integers(1, 40), concurrency=st.integers(1, 16), seed=st.integers(0, 2**32))
def test_no_more_than_the_hold_are_refused_before_it_whatever_the_concurrency(
    hold: int, concurrency: int, seed: int
) -> None:
    """Refusals in a row, of different sessions and two courses; some changes applied at times."""
    rules, chance = GateRules(300.0, hold), random.Random(seed)
    gate, in_flight, row = Gate(), 0, 0
    for number in range(200):
        bound = gate.calls_at_once(rules)
        assert bound is not None
        in_flight = max(in_flight, min(bound, concurrency)) - 1
        if chance.random() < 0.1:
            gate, row = gate.applied(probe=False), 0
            continue
        gate = gate.refused_one(SessionKey(str(number % 2), "2", "3", str(number)), rules, 0.0, probe=False)
        row += 1
        if gate.closed is not None:
            break

    at_least_two_courses = max(hold, 2)
    assert row + in_flight <= at_least_two_courses

"""Whose failure is it: an event is given up only on evidence that the account is not what fails."""

import pytest

from consumer.delivery.change import Attempts
from consumer.delivery.decision import Again, CallEnd, Finish, GiveUp, RetryRules, decide
from consumer.delivery.evidence import Evidence
from consumer.delivery.pauses import Pauses
from consumer.delivery.verdicts import (
    Applied,
    CallReport,
    CredentialRefused,
    EchoDifference,
    Failed,
    Forbidden,
    Locked,
    MaximumLimit,
    NoAnswer,
    Refused,
    Unreachable,
    Verdict,
    Withheld,
    ZohoAnswer,
)
from consumer.events.model import SessionKey
from schemas.error_class import ErrorClass

MINE, OTHER = SessionKey("1", "2", "3", "4"), SessionKey("1", "2", "3", "5")
RULES = RetryRules(attempts=3, lock_seconds=300.0, pauses=Pauses(1.0, 300.0))
ANSWER = ZohoAnswer(500)


def call(verdict: Verdict, at: float, *, sent: bool = True) -> CallEnd:
    """A call of our session that took a second."""
    return CallEnd(MINE, CallReport(verdict, sent), at, at + 1.0)


def given_up_after(
    verdict: Verdict, *, others_applied: bool, others_served: bool, tries: int = 50
) -> int | None:
    """At which call the event is given up; `others_…`: what another session's calls come to in between."""
    attempts, evidence = Attempts(), Evidence()
    for number in range(tries):
        at = number * 1000.0
        if others_served:
            evidence = evidence.with_definite(OTHER, at - 500.0, applied=others_applied)
        decision, attempts = decide(attempts, call(verdict, at), evidence, RULES, 0.5)
        if isinstance(decision, GiveUp):
            return number + 1
        assert isinstance(decision, Again)
        assert at + 1.0 < decision.not_before <= at + 1.0 + 300.0
    return None


@pytest.mark.parametrize("verdict", [Failed("500", ANSWER), NoAnswer("time-out"), Forbidden(ZohoAnswer(403))])
def test_a_lone_failing_event_is_never_given_up(verdict: Verdict) -> None:
    """It may be the account that fails: retried with bounded pauses, for ever."""
    assert given_up_after(verdict, others_applied=False, others_served=False) is None


@pytest.mark.parametrize("verdict", [Failed("500", ANSWER), NoAnswer("time-out"), Forbidden(ZohoAnswer(403))])
def test_an_event_that_fails_while_others_are_applied_is_given_up_after_its_attempts(
    verdict: Verdict,
) -> None:
    """`CONSUMER_ATTEMPTS` calls, no more."""
    assert 3 == given_up_after(verdict, others_applied=True, others_served=True)


def test_403_counts_only_where_others_are_applied() -> None:
    """A refusal of another session shows that Zoho serves, not that the credential may write."""
    forbidden, failed = Forbidden(ZohoAnswer(403)), Failed("500", ANSWER)

    assert given_up_after(forbidden, others_applied=False, others_served=True) is None
    assert 3 == given_up_after(failed, others_applied=False, others_served=True)


def test_evidence_of_the_same_session_is_none() -> None:
    """Only another session's call says something about the account."""
    evidence = Evidence().with_definite(MINE, 5.0, applied=True)
    assert not evidence.applied_since(None, but=MINE)
    evidence = evidence.with_definite(OTHER, 1.0, applied=True).with_definite(MINE, 9.0, applied=True)
    assert evidence.applied_since(0.5, but=MINE)
    assert not evidence.applied_since(2.0, but=MINE)


@pytest.mark.parametrize(
    ("second_at", "others_at", "given_up"),
    [(302.0, 150.0, True), (302.0, None, False), (200.0, 150.0, False), (302.0, 0.5, False)],
)
def test_a_422_is_the_events_only_a_lock_period_later_with_others_applied_between(
    second_at: float, others_at: float | None, *, given_up: bool
) -> None:
    """Else it may be the threshold."""
    evidence = Evidence()
    limit = MaximumLimit(ZohoAnswer(422, "422", "Maximum limit exceeded"))
    first, attempts = decide(Attempts(), call(limit, 0.0), evidence, RULES, 0.5)
    assert Again(not_before=301.0) == first
    if others_at is not None:
        evidence = evidence.with_definite(OTHER, others_at, applied=True)
    second, _ = decide(attempts, call(limit, second_at), evidence, RULES, 0.5)

    assert given_up == (isinstance(second, GiveUp) and second.error_class is ErrorClass.LIMIT_EXCEEDED)


@pytest.mark.parametrize(
    "verdict", [Locked(ANSWER), CredentialRefused("revoked"), Unreachable("refused"), Withheld()]
)
def test_the_accounts_failure_costs_the_event_nothing(verdict: Verdict) -> None:
    """It waits, first in its line, with no failed attempt against it."""
    decision, attempts = decide(Attempts(), call(verdict, 0.0, sent=False), Evidence(), RULES, 0.5)

    assert (Again(), Attempts()) == (decision, attempts)


def test_a_refusal_is_final_and_success_finishes() -> None:
    """With what Zoho said in the message; a success with another echo is kept where the setting says hold."""
    refused = Refused("rejected_by_zoho", ZohoAnswer(400, "INVALID_INPUT", "no"))
    decision, attempts = decide(Attempts(), call(refused, 0.0), Evidence(), RULES, 0.5)
    assert isinstance(decision, GiveUp)
    assert "INVALID_INPUT" in decision.message
    assert 1 == attempts.calls
    echoed = Applied((EchoDifference("startTime"),))
    hold = RetryRules(3, 300.0, Pauses(1.0, 300.0), hold_on_echo=True)
    assert isinstance(decide(Attempts(), call(echoed, 0.0), Evidence(), RULES, 0.5)[0], Finish)
    assert isinstance(decide(Attempts(), call(echoed, 0.0), Evidence(), hold, 0.5)[0], Again)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            ZohoAnswer(404, None, "no Route matched with those values"),
            (
                "Zoho refused it (HTTP 404 without a Zoho code: course, batch, module or session unknown, or "
                "the People URL leads elsewhere): no Route matched with those values"
            ),
        ),
        (
            ZohoAnswer(404, "7024", "No records found"),
            "Zoho refused it (HTTP 404, code 7024): No records found",
        ),
    ],
)
def test_a_404_that_a_proxy_may_have_said_names_both_causes(answer: ZohoAnswer, message: str) -> None:
    """Without a code of Zoho's it is as likely the URL's fault."""
    verdict = Refused("session_not_found", answer)
    decision, _ = decide(Attempts(), call(verdict, 0.0), Evidence(), RULES, 0.5)

    assert isinstance(decision, GiveUp)
    assert message == decision.message

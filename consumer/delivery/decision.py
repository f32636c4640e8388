"""What a verdict means for its event: finished, dead-lettered, or tried again. Pure.

What it means for the account is `gate`'s part; both look at the same verdict.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from consumer.delivery.change import Attempts
from consumer.delivery.evidence import Evidence
from consumer.delivery.pauses import Pauses
from consumer.delivery.verdicts import (
    Applied,
    CallReport,
    CredentialRefused,
    CredentialReplaced,
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
    Withheld,
    ZohoAnswer,
)
from consumer.events.model import SessionKey
from schemas.error_class import ErrorClass


@dataclass(frozen=True, slots=True)
class RetryRules:
    """When an event is given up: after `attempts` failed calls that count against it.

    `lock_seconds` is how long a 422 sets its event aside. `hold_on_echo`: a success that shows other
    values than were sent settles nothing.
    """

    attempts: int
    lock_seconds: float
    pauses: Pauses
    hold_on_echo: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Applied: the event is done."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The event goes to the dead-letter topic."""

    error_class: ErrorClass
    message: str
    answer: ZohoAnswer | None


@dataclass(frozen=True, slots=True)
class Again:
    """The event waits for another call, not before `not_before` (epoch seconds)."""

    not_before: float = 0.0


Decision = Finish | GiveUp | Again


@dataclass(frozen=True, slots=True)
class CallEnd:
    """One call of one session's change, and when it began and ended."""

    session: SessionKey
    report: CallReport
    started_at: float
    ended_at: float


def decide(
    attempts: Attempts, call: CallEnd, evidence: Evidence, rules: RetryRules, chance: float
) -> tuple[Decision, Attempts]:
    """The event's fate after this call, and its attempts with the call counted in.

    `evidence` is that of before this call. `chance` in [0, 1) jitters the pause.
    """
    verdict = call.report.verdict
    before = attempts
    if call.report.sent:
        attempts = replace(
            attempts, calls=attempts.calls + 1, started_at=call.started_at, token_repeated=False
        )
    match verdict:
        case Applied():
            hold = rules.hold_on_echo and bool(verdict.echo_differences)
            return (Again() if hold else Finish()), attempts
        case Refused():
            return _give_up(ErrorClass(verdict.error_class), "Zoho refused it", verdict.answer), attempts
        case Forbidden():
            counts = evidence.applied_since(before.started_at, but=call.session)
            return _failed_once(attempts, call, rules, chance, counts=counts)
        case Failed() | NoAnswer():
            counts = evidence.definite_since(before.started_at, but=call.session)
            return _failed_once(attempts, call, rules, chance, counts=counts)
        case MaximumLimit():
            return _at_limit(attempts, call, evidence, rules)
        case TokenDead():
            return Again(), replace(attempts, token_repeated=True)
        case (
            Locked()
            | DailyQuotaUsed()
            | CredentialRefused()
            | TokenThrottled()
            | Unreachable()
            | Withheld()
            | CredentialReplaced()
        ):
            return Again(), attempts
        case _:
            assert_never(verdict)


def _failed_once(
    attempts: Attempts, call: CallEnd, rules: RetryRules, chance: float, *, counts: bool
) -> tuple[Decision, Attempts]:
    # The first call's evidence may be from before an outage: it counts, but it never is the last one.
    first = attempts.failed == 0
    attempts = replace(attempts, failed=attempts.failed + 1, counted=attempts.counted + counts)
    if counts and not first and attempts.counted >= rules.attempts:
        return _given_up_after(attempts, call), attempts
    pause = rules.pauses.jittered(attempts.failed - 1, chance)
    return Again(not_before=call.ended_at + pause), attempts


def _given_up_after(attempts: Attempts, call: CallEnd) -> GiveUp:
    tries = f"after {attempts.calls} calls, while other sessions were served"
    match call.report.verdict:
        case Forbidden(answer=answer):
            return _give_up(ErrorClass.FORBIDDEN_BY_ZOHO, f"Zoho forbids it {tries}", answer)
        case Failed(reason=reason, answer=answer):
            return GiveUp(ErrorClass.FAILED_AT_ZOHO, f"Zoho failed {tries}: {reason}", answer)
        case NoAnswer(reason=reason):
            text = f"no answer {tries}, so it may have been applied: {reason}"
            return GiveUp(ErrorClass.OUTCOME_UNKNOWN, text, None)
        case other:
            raise AssertionError(f"{type(other).__name__} is no failed attempt")


def _at_limit(
    attempts: Attempts, call: CallEnd, evidence: Evidence, rules: RetryRules
) -> tuple[Decision, Attempts]:
    verdict = call.report.verdict
    assert isinstance(verdict, MaximumLimit)  # noqa: S101  (narrows the type)
    if limit_is_the_events(attempts, call, evidence, rules):
        text = "Zoho says again, after a full lock period in which it served others, that a limit is reached"
        return _give_up(ErrorClass.LIMIT_EXCEEDED, text, verdict.answer), attempts
    first = call.ended_at if attempts.limit_at is None else attempts.limit_at
    return Again(not_before=call.ended_at + rules.lock_seconds), replace(attempts, limit_at=first)


def limit_is_the_events(attempts: Attempts, call: CallEnd, evidence: Evidence, rules: RetryRules) -> bool:
    """Whether a 422 is the event's own: not its first, a lock period later, others applied between."""
    first = attempts.limit_at
    return (
        first is not None
        and call.started_at >= first + rules.lock_seconds
        and evidence.applied_since(first, but=call.session)
    )


_UNKNOWN = "course, batch, module or session unknown, or the People URL leads elsewhere"


def _give_up(error_class: ErrorClass, text: str, answer: ZohoAnswer) -> GiveUp:
    said = f": {answer.message}" if answer.message else ""
    code = f", code {answer.code}" if answer.code else ""
    if error_class is ErrorClass.SESSION_NOT_FOUND and not code:
        # A proxy or another site says the same at a wrong URL.
        code = f" without a Zoho code: {_UNKNOWN}"
    return GiveUp(error_class, f"{text} (HTTP {answer.http_status}{code}){said}", answer)

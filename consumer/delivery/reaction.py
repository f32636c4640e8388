"""What a verdict means for its account: one table from verdicts to the gate's transitions. Pure."""

from typing import assert_never

from consumer.delivery.change import Attempts
from consumer.delivery.decision import Again, CallEnd, Decision, GiveUp
from consumer.delivery.evidence import Evidence
from consumer.delivery.gate import AccountState, Gate, GateRules
from consumer.delivery.verdicts import (
    Applied,
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
from schemas.error_class import ErrorClass


def react(  # noqa: C901, PLR0912  (one case for each verdict is the point)
    gate: Gate, before: Attempts, call: CallEnd, decision: Decision, rules: GateRules, *, probe: bool
) -> Gate:
    """The gate after this call. `before`: the event's attempts before it; `decision`: its fate."""
    now, session, verdict = call.ended_at, call.session, call.report.verdict
    before_call = gate
    match verdict:
        case Applied():
            if _settled(decision):
                gate = gate.applied(probe=probe)
            else:
                fields = ", ".join(difference.field for difference in verdict.echo_differences)
                gate = gate.echo_differs(fields, rules, now, probe=probe)
        case Refused():
            gate = gate.refused_one(session, rules, now, probe=probe)
        case Forbidden():
            gate = gate.forbade(session, rules, now, probe=probe)
        case Locked():
            gate = gate.locked(
                verdict.wait_seconds, f"Zoho locked the API{_said(verdict.answer)}", rules, now
            )
        case MaximumLimit():
            own = isinstance(decision, GiveUp) and decision.error_class is ErrorClass.LIMIT_EXCEEDED
            gate = gate.at_limit(session, rules, now, events_own=own, probe=probe)
        case DailyQuotaUsed():
            reason = f"the day's calls are used up{_said(verdict.answer)}"
            named = verdict.wait_seconds or 0.0  # as with a lock: honoured where it is longer, never shorter
            until = now + named if named > rules.lock_seconds else None
            gate = gate.day_used_up(rules, now, until=until, reason=reason, probe=probe)
        case TokenDead():
            if before.token_repeated:
                reason = f"Zoho refuses a token that was just minted{_said(verdict.answer)}"
                gate = gate.credential_refused(reason, rules, now, probe=probe)
            elif probe:
                gate = gate.probe_settled_nothing()
        case CredentialRefused():
            gate = gate.credential_refused(verdict.reason, rules, now, probe=probe)
        case TokenThrottled():
            gate = gate.token_throttled(verdict.wait_seconds, verdict.reason, now)
        case Failed() | NoAnswer():
            gate = gate.failed(session, verdict.reason, rules, now, probe=probe)
        case Unreachable():
            gate = gate.unreachable(verdict.reason, rules, now, probe=probe)
        case Withheld() | CredentialReplaced():
            gate = gate.probe_settled_nothing() if probe else gate
        case _:
            assert_never(verdict)
    left = call.report.left_today
    if left is not None and left <= rules.daily_reserve and not isinstance(verdict, Locked | DailyQuotaUsed):
        reason = f"Zoho says that {left or 'no'} calls are left today"
        if rules.daily_reserve:
            reason += f", of which {rules.daily_reserve} are to be left (CONSUMER_QUOTA_DAILY_RESERVE)"
        if probe and before_call.state is AccountState.DAILY_QUOTA:
            # A probe that was applied tells the same once more: each costs a call of the reserve.
            return before_call.day_used_up(rules, now, until=None, reason=reason, probe=True)
        # As of no probe: where this answer closed the gate, it stays closed for as long as it said.
        gate = gate.day_used_up(rules, now, until=None, reason=reason, probe=False)
    return gate


def learn(evidence: Evidence, call: CallEnd) -> Evidence:
    """The evidence with this call's answer in it."""
    match call.report.verdict:
        case Applied():
            return evidence.with_definite(call.session, call.started_at, applied=True)
        case Refused() | Forbidden():
            return evidence.with_definite(call.session, call.started_at, applied=False)
        case _:
            return evidence


def _settled(decision: Decision) -> bool:
    return not isinstance(decision, Again)


def _said(answer: ZohoAnswer) -> str:
    code = f", code {answer.code}" if answer.code else ""
    return f" (HTTP {answer.http_status}{code})"

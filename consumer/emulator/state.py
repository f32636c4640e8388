"""The emulated portal: decides about every request. No I/O; the time of each event is an argument."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from consumer.emulator import faults as fault_rules
from consumer.emulator import oauth, throttle
from consumer.emulator.answers import Answer, json_answer, lms_error, session_updated
from consumer.emulator.audit import Audit, Ledger
from consumer.emulator.dialects import LockFacts, lock_answer
from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions
from consumer.emulator.sessions import NO_SESSION, Call, SessionPath, Sessions
from consumer.emulator.throttle import Passage, Throttle
from consumer.emulator.treatments import (
    Surroundings,
    Treatment,
    daily_quota_used,
    not_found,
    scope_missing,
    token_dead,
    token_missing,
    treat,
)
from consumer.emulator.validation import Input, Invalid, is_id, read_session_data, session_date

MAX_FOREIGN_CALLS = 10_000
_SCHEME = "Zoho-oauthtoken "
_COOKIE = ("Set-Cookie", "zp_emulated=1; Path=/; HttpOnly")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request decides. `uri` is its path, without the query."""

    uri: str
    authorization: str | None = field(default=None, repr=False)
    given: Input = Input()  # noqa: RUF009


@dataclass(frozen=True, slots=True)
class Decision:
    """What will become of a call: a refusal, or a write and a success; and how a fault bends it."""

    call: Call
    refusal: Answer | None = None
    fields: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    treatment: Treatment = Treatment()  # noqa: RUF009
    left_today: int | None = None

    @property
    def writes(self) -> bool:
        """Whether a change takes effect at some time."""
        return self.refusal is None and self.treatment.effect != "never"


class Portal:
    """One Zoho account: its throttle, tokens, sessions, faults and audit.

    A call goes `arrive`, `decide`, `take_effect` (where it writes), `compose`, `end`. `now` is any
    clock's seconds that never run backwards; `epoch_offset_seconds` added to it is the wall clock.
    """

    def __init__(
        self, options: EmulatorOptions, started_at: float, epoch_offset_seconds: float = 0.0
    ) -> None:
        self.options = options
        self.epoch_offset_seconds = epoch_offset_seconds
        self.sessions = Sessions(options.sessions_kept, options.calls_kept_per_session)
        self.faults: tuple[Fault, ...] = options.faults
        self.throttle = Throttle()
        self.tokens = oauth.Tokens()
        self._ledger = Ledger(options.limits.window_seconds, options.arrivals_kept)
        self._calls = 0
        self._started_at = started_at
        self._day, self._used_today = 0, 0

    def arrive(self, path: SessionPath | None, now: float) -> Call:
        """Count a request to the People host, the moment its head is there.

        `path` None: an address or a method that the API hasn't got.
        """
        self._calls += 1
        self.throttle, passage = throttle.arrive(self.options.limits, self.throttle, now)
        call = Call(self._calls, path or NO_SESSION, now, passage)
        self._ledger.arrived(now, passage)
        self._ledger.began(call.path.session_id)
        if path is not None:
            self.sessions.called(call)
        return call

    def decide(self, call: Call, request: Request, now: float) -> Decision:
        """Decide about a call whose body is read."""
        uri = request.uri
        refusal = self._refuse_at_door(call.passage, request, now)
        left_today = None if refusal else self._count_for_day(now)
        if refusal is None and left_today is not None and left_today < 0:
            refusal, left_today = daily_quota_used(uri), 0
        self.faults, fault = fault_rules.strike(
            self.faults, call.path.session_id, call.path.course_id, refused=refusal is not None
        )
        treatment = treat(fault, self._surroundings(uri, now)) if fault else Treatment()
        decision = Decision(call, refusal, treatment=treatment, left_today=left_today)
        if treatment.answer is not None:
            decision = replace(decision, refusal=treatment.answer)
        elif refusal is None:
            decision = self._judge(decision, request)
        self._note(decision, fault)
        return decision

    def take_effect(self, decision: Decision, now: float) -> None:
        """Write the change. Call it only where `decision.writes`, and once."""
        self.sessions.write(decision.call.path, decision.fields)
        decision.call.effect_at = now
        self._ledger.wrote()

    def compose(self, decision: Decision) -> Answer:
        """Make the answer, from what is stored by now."""
        answer = decision.refusal or self._success(decision)
        headers = (*answer.headers, _COOKIE)
        if decision.left_today is not None:
            headers = (*headers, ("api-count-left-today", str(decision.left_today)))
        if decision.treatment.gzip:
            headers = (*headers, ("Content-Encoding", "gzip"))
            answer = replace(answer, body=gzip.compress(answer.body, compresslevel=1, mtime=0))
        decision.call.http_status = answer.status
        return replace(answer, headers=headers)

    def end(self, call: Call, now: float, *, gone: bool) -> None:
        """Note that the call is over: answered, or `gone`, its connection lost first. Only once counts."""
        if call.is_over:
            return
        if gone:
            call.gone_at = now
        else:
            call.answered_at = now
        self._ledger.ended(call.path.session_id)

    def mint(self, form: Mapping[str, str], now: float, new_token: str) -> tuple[Answer, Treatment]:
        """Answer a request to the token endpoint; `new_token` becomes the token where one is granted."""
        self.faults, fault = fault_rules.strike_mint(self.faults)
        treatment = treat(fault, self._surroundings("", now)) if fault else Treatment()
        answer = treatment.answer
        if answer is None:
            state, answer = oauth.mint(self.options.tokens, self.tokens, form, now, new_token)
            if treatment.effect != "never":
                self.tokens = state
        self._ledger.minted(fault.kind if fault else answer.verdict)
        return answer, treatment

    def lock(self, now: float, seconds: float | None = None) -> None:
        """Lock the API from now on, as others' calls might have done; None: for the usual period."""
        usual_seconds = self.options.limits.lock_seconds
        self.throttle = throttle.lock(self.throttle, now, usual_seconds if seconds is None else seconds)

    def foreign_calls(self, count: int, now: float) -> None:
        """Let others make this many calls now: they take from the window and the day, not from the audit."""
        if not 0 <= count <= MAX_FOREIGN_CALLS:
            raise ValueError(f"count must be 0 to {MAX_FOREIGN_CALLS}")
        for _ in range(count):
            self.throttle, passage = throttle.arrive(self.options.limits, self.throttle, now)
            if passage == "passed":
                self._count_for_day(now)

    def kill_tokens(self) -> None:
        """Kill every live access token before its time."""
        self.tokens = oauth.kill_all(self.tokens)

    def set_revoked(self, *, revoked: bool) -> None:
        """Revoke the refresh token, or restore it. Live access tokens stay."""
        self.tokens = replace(self.tokens, revoked=revoked)

    def add_fault(self, fault: Fault) -> None:
        """Add it behind those there are; ValueError where there are too many."""
        self.faults = fault_rules.add(self.faults, fault)

    def clear_faults(self) -> None:
        """Take all faults away."""
        self.faults = ()

    def left_today(self, now: float) -> int | None:
        """How many calls the day still has; None where days have no limit."""
        if not self.options.daily_requests:
            return None
        used = self._used_today if self._day_of(now) == self._day else 0
        return max(0, self.options.daily_requests - used)

    def use_up_day(self, now: float) -> None:
        """Use up the day's calls."""
        self._day, self._used_today = self._day_of(now), self.options.daily_requests

    def audit(self) -> Audit:
        """Everything that came in so far."""
        return self._ledger.snapshot()

    def _refuse_at_door(self, passage: Passage, request: Request, now: float) -> Answer | None:
        uri, authorization = request.uri, request.authorization
        if passage != "passed":
            return lock_answer(self.options.lock_answer, self._facts(uri, now))
        if authorization is None or not authorization.startswith(_SCHEME) or authorization == _SCHEME:
            return token_missing(uri)
        if not oauth.is_live(self.tokens, authorization.removeprefix(_SCHEME), now):
            return token_dead(uri)
        if self.options.tokens.scope not in oauth.SCOPES:
            return scope_missing(uri, self.options.scope_missing_status)
        return None

    def _count_for_day(self, now: float) -> int | None:
        """Take one call from the day; a negative number means that there was none left."""
        if not self.options.daily_requests:
            return None
        day = self._day_of(now)
        if day != self._day:
            self._day, self._used_today = day, 0
        if self._used_today >= self.options.daily_requests:
            return -1
        self._used_today += 1
        return self.options.daily_requests - self._used_today

    def _judge(self, decision: Decision, request: Request) -> Decision:
        path, options, uri = decision.call.path, self.options, request.uri
        if not all(is_id(part) for part in path) or not options.catalogue.has(path.session_id):
            return replace(decision, refusal=not_found(uri, options.error_form, options.not_found_form))
        read = read_session_data(options.input_style, request.given)
        if isinstance(read, Invalid):
            form, code, message = options.error_form, read.code, read.message
            return replace(decision, refusal=lms_error(form, 400, uri, code, message, verdict=code.lower()))
        decision.call.session_data, decision.call.style = read.fields, read.style
        first_and_last = options.catalogue.batch_dates.get(path.batch_id)
        if first_and_last and not first_and_last[0] <= session_date(read.fields) <= first_and_last[1]:
            code, message = "BATCH_DATE_AND_SESSION_DATE_MISMATCH", "date is not within the batch's dates"
            refusal = lms_error(options.error_form, 400, uri, code, message, verdict=code.lower())
            return replace(decision, refusal=refusal)
        return replace(decision, fields=read.fields)

    def _success(self, decision: Decision) -> Answer:
        path, treatment = decision.call.path, decision.treatment
        session = self.sessions.get(path.session_id)
        fields = session.fields if session else decision.fields
        code_is_text = self.options.code_is_text
        body = session_updated(path.module_id, path.session_id, fields, code_is_text=code_is_text)
        body["session"] |= treatment.echo
        if treatment.padding_bytes:
            body["padding"] = " " * treatment.padding_bytes
        return json_answer("applied", 200, body)

    def _note(self, decision: Decision, fault: Fault | None) -> None:
        call = decision.call
        call.verdict = decision.refusal.verdict if decision.refusal else "applied"
        call.fault = fault.kind if fault else None
        self._ledger.answered(call.fault or call.verdict)

    def _surroundings(self, uri: str, now: float) -> Surroundings:
        status = self.options.tokens.error_status
        return Surroundings(self._facts(uri, now), self.options.error_form, status)

    def _facts(self, uri: str, now: float) -> LockFacts:
        limits = self.options.limits
        wait_seconds = self.throttle.lock_seconds_left(now) or limits.lock_seconds
        epoch_seconds = now + self.epoch_offset_seconds
        return LockFacts(uri, limits.requests, limits.window_seconds, wait_seconds, epoch_seconds)

    def _day_of(self, now: float) -> int:
        return int((now - self._started_at) // self.options.day_seconds)

"""One Zoho account: what it may do, and what is known of it, over all its tenures in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from consumer.clock import Clock, rfc3339
from consumer.delivery.backlog import Backlog
from consumer.delivery.decision import RetryRules
from consumer.delivery.evidence import Evidence
from consumer.delivery.forecast import Forecast
from consumer.delivery.gate import AccountState, Gate, GateRules
from consumer.delivery.ports import DeadLetterPort, HistoryPort, OutcomePort, Telemetry, ZohoPort
from consumer.delivery.quota import Quota, QuotaLimits
from consumer.delivery.quota_state import QuotaState, read_state, taken_over
from consumer.delivery.session_ledger import SessionLedger
from consumer.delivery.share import Share
from consumer.delivery.troubles import WITHOUT_OWNER, Trouble, Troubles
from consumer.delivery.turns import Order
from consumer.events.model import EventRules, SessionKey
from consumer.records import TopicPartition

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountRules:
    """The account's settings, as the core needs them. `daily_requests` 0: only what Zoho's answers say."""

    name: str
    events: EventRules
    quota: QuotaLimits
    gate: GateRules
    retry: RetryRules
    concurrency: int = 8
    backlog_events: int = 10_000
    backlog_bytes: int = 64 * 1024 * 1024
    daily_requests: int = 0
    daily_reserve: int = 0
    warn_on_echo: bool = True
    order: Order = "oldest"
    ledger_seconds: float = 400 * 86_400.0


@dataclass(slots=True)
class Account:
    """The state that outlives a tenure: quota, gate, evidence, and what could not be committed.

    `on_wake` is called by whoever changes something that may let a call start.
    `calls`: our calls so far that may have reached Zoho.
    `quiet_until`: no call before, because one of the last owner may still be under way.
    `blocked`: sessions of which a call without an answer may still arrive, and until when.
    `done_beyond`: records finished beyond the committed position, by partition, with that position;
    `generation`: the group's when the account was last owned.
    """

    rules: AccountRules
    zoho: ZohoPort
    letters: DeadLetterPort
    outcomes: OutcomePort
    history: HistoryPort
    ledger: SessionLedger
    telemetry: Telemetry
    clock: Clock
    gate: Gate = field(default_factory=Gate)
    quota: Quota = field(default_factory=Quota)
    quiet_until: float = 0.0
    share: Share = field(default_factory=Share)
    forecast: Forecast = field(default_factory=Forecast)
    calls: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    left_today: int | None = None
    owned: bool = False
    since: float = 0.0
    backlog: Backlog = field(default_factory=Backlog)
    blocked: dict[SessionKey, float] = field(default_factory=dict)
    lag: Callable[[], dict[str, int]] = dict
    done_beyond: dict[TopicPartition, tuple[int, frozenset[int]]] = field(default_factory=dict)
    generation: int = -1
    on_wake: Callable[[], None] = lambda: None
    troubles: Troubles = field(init=False)
    shown: AccountState = AccountState.STANDBY
    # How far the wall clock is ahead of `clock`, which never jumps.
    clock_behind: Callable[[], float] = lambda: 0.0
    # Who writes the quota's state, what it said last, and how many times it said something new.
    writer: str = field(default_factory=lambda: token_hex(4))
    written: str = ""
    writes: int = 0

    def __post_init__(self) -> None:
        """No troubles yet."""
        self.troubles = Troubles(self.changed)
        self.since = self.clock()

    # The quota's state, over all owners.

    def state_text(self) -> str:
        """The quota's state as it is now, for the commit's metadata."""
        state = QuotaState(
            self.quota, self.zoho.mint_budget, self.gate.closed, self.share, self.rules.quota.window_seconds
        )
        # Others read it by their own wall clock; ours may have been set since this process started.
        state = state.shifted(round(self.clock_behind(), 2))
        text = state.to_text(self.writer, 0)
        if text != self.written:
            self.written, self.writes = text, self.writes + 1
        return state.to_text(self.writer, self.writes)

    def resume(self, text: str | None, *, committed: bool) -> None:
        """Ownership begins: go on from what the last owner's commit says, the worst where it says nothing.

        `committed`: whether there was any commit at all. What this process wrote itself, it knows better.
        """
        now = self.clock()
        limits = self.rules.quota
        state, writer = QuotaState.of_nobody(), ""
        if text:
            try:
                state, writer = read_state(text)
            except ValueError as exc:
                log.warning("quota state not readable", account=self.rules.name, reason=str(exc))
                text = None
        if writer == self.writer:
            return
        if text:
            state = state.shifted(-round(self.clock_behind(), 2))
            state, self.quiet_until = taken_over(state, limits, now)
        elif committed:
            state = QuotaState.at_worst(limits, self.rules.gate.lock_seconds, now)
            log.warning(
                "the position was set by somebody: all slots and token mints count as just used",
                account=self.rules.name,
            )
        self.quota = state.quota
        self.share = state.share
        self.zoho.resume_mints(state.mints)
        self.gate = Gate(closed=state.closed)

    def changed(self) -> None:
        """Something that decides the state changed: note since when, tell, and wake the worker."""
        state = self.state
        if state is not self.shown:
            was, self.shown, self.since = self.shown, state, self.clock()
            tell = log.info if state in (AccountState.RUNNING, AccountState.STANDBY) else log.warning
            tell(
                "account state changed",
                account=self.rules.name,
                state=str(state),
                was=str(was),
                reason=self.reason,
            )
        self.on_wake()

    @property
    def state(self) -> AccountState:
        """The account's state, as shown to operators."""
        trouble = self._trouble()
        if trouble is not None:
            lost = trouble[0] is Trouble.POSITION
            return AccountState.POSITION_LOST if lost else AccountState.KAFKA_DOWN
        return self.gate.state if self.owned else AccountState.STANDBY

    @property
    def reason(self) -> str | None:
        """Why the state is not `running`."""
        trouble = self._trouble()
        if trouble is not None:
            return trouble[1]
        if not self.owned:
            return "another replica owns the account, or the group is forming"
        return None if self.gate.closed is None else self.gate.closed.reason

    def _trouble(self) -> tuple[Trouble, str] | None:
        return self.troubles.gravest() if self.owned else self.troubles.gravest(WITHOUT_OWNER)

    # Others who call with the same account.

    def limits(self, now: float) -> QuotaLimits:
        """The quota as far as it is ours."""
        return self.share.limits(self.rules.quota, now)

    def observe(self, left_today: int | None, now: float, *, alone: bool) -> None:
        """A call was answered; `left_today` is what Zoho says is left of the day's calls."""
        limits, before = self.rules.quota, self.share.of(self.rules.quota, now)
        if left_today is not None:
            self.left_today = left_today
            self.share = self.share.observed(left_today, self.calls, limits, now, alone=alone)
        left = [] if left_today is None else [left_today]
        if self.rules.daily_requests:
            left.append(max(0, self.rules.daily_requests - self.quota.day_calls))
        ended_before = self.runs_out_at(now)
        if left:
            self.forecast = self.forecast.observed(min(left), limits.window_seconds, now)
        share, runs_out_at = self.share.of(limits, now), self.runs_out_at(now)
        if (share < 1.0) != (before < 1.0):
            log.info(
                "others use the account" if share < 1.0 else "the account is ours alone again",
                account=self.rules.name,
                share=round(share, 3),
                others_in_window=self.share.others(limits, now),
            )
        if runs_out_at is not None and ended_before is None:
            log.warning(
                "the day's calls will run out",
                account=self.rules.name,
                at=self._shown(runs_out_at),
                left=min(left),
            )

    def lock_came(self, now: float) -> None:
        """Zoho locked the API though we kept to our share: others must have called."""
        until = now if self.gate.closed is None else self.gate.closed.until
        self.share = self.share.lock(self.rules.quota, now, until)
        log.warning(
            "locked though the quota was kept: others use the account",
            account=self.rules.name,
            share=round(self.share.of(self.rules.quota, now), 3),
        )

    def runs_out_at(self, now: float) -> float | None:
        """When the day's calls but the reserve are used up at the present pace; None: not today."""
        _, day_ends_at = self._day(now)
        return self.forecast.runs_out_at(self.rules.daily_reserve, day_ends_at)

    def day_ends_at(self, now: float) -> float | None:
        """Where our own calls used up the day's allowance: when the next day begins, in the portal's zone.

        Zoho does not say when its day ends; the portal's midnight is the assumption.
        """
        if self.rules.daily_requests == 0:
            return None
        start, end = self._day(now)
        self.quota = self.quota.on_day(start)
        spent = self.quota.day_calls >= self.rules.daily_requests - self.rules.daily_reserve
        return end if spent else None

    def _day(self, now: float) -> tuple[float, float]:
        """The portal's day at `now`: its start as the calendar has it, its end by `clock`."""
        wall_now = self.wall(now)
        start, end = day_bounds(wall_now, self.rules.events.zone)
        return start, now + (end - wall_now)

    def wall(self, seconds: float) -> float:
        """A moment of `clock` by the wall clock as it is now: that of the start may have been wrong."""
        return seconds + round(self.clock_behind(), 2)

    def _shown(self, seconds: float | None) -> str | None:
        return None if seconds is None else rfc3339(self.wall(seconds))

    def status(self) -> dict[str, Any]:
        """The account's part of `/status` (contract, section 9)."""
        now = self.clock()
        limits = self.limits(now)
        closed, oldest = self.gate.closed, self.backlog.oldest_event_at()
        waiting = closed is not None and self.state is closed.state
        next_free_at = self.quota.next_free_at(limits, now)
        if next_free_at is not None:
            next_free_at = max(next_free_at, self.quiet_until)
        return {
            "state": str(self.state),
            "since": self._shown(self.since),
            "until": self._shown(closed.until) if closed and waiting and closed.until > now else None,
            "reason": self.reason,
            "quota": {
                "requests": self.rules.quota.requests,
                "share": round(self.share.of(self.rules.quota, now), 3),
                "others_in_window": self.share.others(self.rules.quota, now),
                "window_seconds": limits.window_seconds,
                "used": self.quota.used(limits, now),
                "next_free_at": self._shown(next_free_at),
                "left_today": self.left_today,
                "runs_out_at": self._shown(self.runs_out_at(now)),
            },
            "backlog": {
                "events": self.backlog.events,
                "sessions": self.backlog.sessions,
                "oldest_event_at": None if oldest is None else rfc3339(oldest),
                "eta_seconds": round(self.eta_seconds(now), 1),
            },
            "lag": self.lag(),
        }

    def eta_seconds(self, now: float) -> float:
        """How long the backlog takes at the quota, from now, with no trouble on the way."""
        events = self.backlog.events
        if events == 0:
            return 0.0
        limits = self.limits(now)
        opens_at = 0.0 if self.gate.closed is None else self.gate.closed.until
        closed = max(0.0, max(opens_at, self.quiet_until) - now)
        beyond_free = max(0, events - self.quota.free(limits, now))
        return closed + beyond_free / limits.requests * limits.window_seconds


def day_bounds(now: float, zone: ZoneInfo) -> tuple[float, float]:
    """Start and end of the day of `now` in `zone`, epoch seconds."""
    today = datetime.fromtimestamp(now, tz=zone).date()
    start = datetime(today.year, today.month, today.day, tzinfo=zone)
    following = datetime.fromordinal(today.toordinal() + 1)
    return start.timestamp(), following.replace(tzinfo=zone).timestamp()

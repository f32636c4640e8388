"""One Zoho account: what it may do, and what is known of it, over all its tenures in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from zoneinfo import ZoneInfo

import structlog

from consumer.clock import Clock, rfc3339
from consumer.delivery.backlog import Backlog
from consumer.delivery.decision import RetryRules
from consumer.delivery.done import Done
from consumer.delivery.evidence import Evidence
from consumer.delivery.forecast import Forecast
from consumer.delivery.gate import AccountState, Closed, Gate, GateRules
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.ports import DeadLetterPort, HistoryPort, OutcomePort, Telemetry, ZohoPort
from consumer.delivery.quota import Quota, QuotaLimits
from consumer.delivery.quota_state import QuotaState, read_state, taken_over
from consumer.delivery.session_ledger import SessionLedger
from consumer.delivery.share import Share
from consumer.delivery.troubles import WITHOUT_OWNER, Trouble, Troubles
from consumer.delivery.turns import Order
from consumer.events.model import EventRules, SessionKey
from consumer.records import TopicPartition

# So many commits in a row that came too late are told as the account's state.
LATE_COMMITS_TO_TELL = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountRules:
    """The account's settings, as the core needs them. `daily_requests` 0: only what Zoho's answers say."""

    name: str
    source_topic: str
    replay_topic: str
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
    replay_share: float = 0.1
    ledger_seconds: float = 400 * 86_400.0


@dataclass(slots=True)
class Account:
    """The state that outlives a tenure: quota, gate, evidence, and what could not be committed.

    `on_wake` is called by whoever changes something that may let a call start.
    `calls`: our calls so far that may have reached Zoho.
    `blocked`: sessions of which a call without an answer may still arrive, and until when.
    `done_beyond`: records finished beyond the committed position, by partition, with that position;
    `position_known`: the position is one that an owner has committed, not one that somebody set;
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
    tell_done: Callable[[Done], None] = lambda done: None  # noqa: ARG005
    done_beyond: dict[TopicPartition, tuple[int, frozenset[int]]] = field(default_factory=dict)
    generation: int = -1
    position_known: bool = False
    on_wake: Callable[[], None] = lambda: None
    troubles: Troubles = field(init=False)
    shown: AccountState = AccountState.STANDBY
    # How far the wall clock is ahead of `clock`, which never jumps.
    clock_behind: Callable[[], float] = lambda: 0.0
    # Who writes the quota's state, how many times so far, what it said last, and of what.
    writer: str = field(default_factory=lambda: token_hex(4))
    writes: int = 0
    _written: str = ""
    _written_of: tuple[Quota, MintBudget, Closed | None, Share] | None = None
    # Whether others were last seen to use the account; why commits come too late to call, if they do.
    _others_told: bool = False
    late_commits: int = 0
    too_slow: str | None = None

    def __post_init__(self) -> None:
        """No troubles yet."""
        self.troubles = Troubles(self.changed)
        self.since = self.clock()

    # The quota's state, over all owners.

    def state_text(self) -> str:
        """The quota's state as it is now, for the commit's metadata; the same text while it is the same."""
        parts = (self.quota, self.zoho.mint_budget, self.gate.closed, self.share)
        if self._written_of is None or any(a is not b for a, b in zip(parts, self._written_of, strict=True)):
            limits = self.rules.quota
            state = QuotaState(*parts, limits.window_seconds, limits.longest_seconds)
            # Others read it by their own wall clock; ours may have been set since this process started.
            behind = round(self.clock_behind(), 2)
            self.writes += 1
            self._written = state.shifted(behind).to_text(self.writer, self.writes, self.clock() + behind)
            self._written_of = parts
        return self._written

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
        self.position_known = bool(writer)
        if writer == self.writer:
            return
        if text:
            state = taken_over(state.shifted(-round(self.clock_behind(), 2)), limits, now)
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

    @property
    def quiet_until(self) -> float:
        """No call before, because one of a former owner may still be under way; may be long past."""
        return self.quota.quiet_until(self.rules.quota)

    def recorded(self, below: int) -> None:
        """A commit holds the reservations numbered below: what they were made for may start now."""
        if below <= self.quota.recorded_below:
            return
        limits, now = self.rules.quota, self.clock()
        self.quota = self.quota.recorded(below)
        wanted = bool(self.quota.reserved)
        late = wanted and not self.quota.usable(limits, now, recorded=True)
        self.late_commits = self.late_commits + 1 if late else 0
        too_slow = None
        if self.late_commits >= LATE_COMMITS_TO_TELL:
            too_slow = (
                "offset commits take so long that no call can start in time after one "
                f"({limits.reservation_seconds:g} s): look at the broker"
            )
        if too_slow != self.too_slow:
            self.too_slow = too_slow
            self.changed()
        self.on_wake()

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
        if trouble is None and self.owned and self.too_slow:
            return AccountState.KAFKA_DOWN
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
        if self.too_slow:
            return self.too_slow
        if self.gate.closed is None and self.quiet_until > self.clock():
            return "calls of the last owner may still be under way; none is made before they must be over"
        return None if self.gate.closed is None else self.gate.closed.reason

    def _trouble(self) -> tuple[Trouble, str] | None:
        return self.troubles.gravest() if self.owned else self.troubles.gravest(WITHOUT_OWNER)

    # Others who call with the same account.

    def limits(self, now: float) -> QuotaLimits:
        """The quota as far as it is ours."""
        return self.share.limits(self.rules.quota, now)

    def observe(self, left_today: int | None, now: float, *, alone: bool) -> None:
        """A call was answered; `left_today` is what Zoho says is left of the day's calls."""
        limits = self.rules.quota
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
        if (share < 1.0) != self._others_told:
            self._others_told = share < 1.0
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
                at=rfc3339(self.wall(runs_out_at)),
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


def day_bounds(now: float, zone: ZoneInfo) -> tuple[float, float]:
    """Start and end of the day of `now` in `zone`, epoch seconds."""
    today = datetime.fromtimestamp(now, tz=zone).date()
    start = datetime(today.year, today.month, today.day, tzinfo=zone)
    following = datetime.fromordinal(today.toordinal() + 1)
    return start.timestamp(), following.replace(tzinfo=zone).timestamp()

"""What an account's next owner must know: it travels in the metadata of the group's offset commits. Pure.

Written at every commit of the account, by whoever owns it, and fenced by the group's generation with
it. Read at a take-over, with the worst assumed wherever it does not say better.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from consumer.delivery.gate import LONGEST_NAMED_WAIT_SECONDS, AccountState, Closed
from consumer.delivery.mint_budget import MAX_MINTS, WINDOW_SECONDS, MintBudget
from consumer.delivery.quota import Quota, QuotaLimits
from consumer.delivery.share import Share

STATE_VERSION = 1
# Kafka keeps so many UTF-16 units of metadata for a partition; the text is ASCII.
MAX_CHARACTERS = 4_096
_LATEST_SECONDS = 2.0**36
_KEPT_STATES = (AccountState.THROTTLED, AccountState.DAILY_QUOTA)


@dataclass(frozen=True, slots=True)
class Held:
    """Why the writer made no call, and since when. For who looks on: the next owner finds out for itself."""

    state: AccountState
    since: float


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The quota's state. `by` names the process that wrote it, `number` counts what it wrote.

    `closed`: a lock or a used-up day, whose end Zoho gave; written of any other one is only that it is there,
    read as `held`. `window_seconds`: the quota's window when it
    was written; answers older than that are forgotten. `longest_seconds`: what a call of the writer's may
    take at most, from its reservation on.
    """

    quota: Quota = field(default_factory=Quota)
    mints: MintBudget = field(default_factory=MintBudget)
    closed: Closed | None = None
    share: Share = field(default_factory=Share)
    window_seconds: float = 60.0
    longest_seconds: float = 30.0
    held: Held | None = None

    def to_text(self, by: str, number: int, now: float) -> str:
        """As compact JSON, times in milliseconds: some 300 characters for 30 slots, 4,096 at most.

        For a call whose answer is not known, when it must be over by the writer's own limits: no later
        owner can know better.
        """
        quota, closed = self.quota, self.closed
        kept = closed is not None and not closed.own and closed.state in _KEPT_STATES
        answered = (*quota.answered, *quota.inherited)
        pending = [
            at
            for _, reserved_at in (*quota.in_flight, *quota.reserved)
            for at in [reserved_at + self.longest_seconds]
        ]
        pending += [at for at in quota.answered if at > now] + list(quota.pending)
        return json.dumps(
            {
                "v": STATE_VERSION,
                "by": by,
                "n": number,
                "window": _ms(self.window_seconds),
                "longest": _ms(self.longest_seconds),
                # Ascending times as the first and the steps between: that is what makes 200 of them fit.
                "answered": _steps(sorted(at for at in answered if at <= now)),
                "pending": _steps(sorted(pending)),
                "day": [_ms(quota.day), quota.day_calls],
                "mints": [_steps(sorted(self.mints.minted_at)), _ms(self.mints.blocked_until)],
                "share": [
                    round(self.share.ceiling * 1000),
                    _ms(self.share.changed_at),
                    int(self.share.locked),
                ],
                "closed": [str(closed.state), _ms(closed.since), _ms(closed.until)]
                if closed is not None and kept
                else None,
                # An earlier release neither writes nor reads it.
                "held": [str(closed.state), _ms(closed.since)] if closed is not None and not kept else None,
            },
            separators=(",", ":"),
        )

    def shifted(self, seconds: float) -> "QuotaState":
        """The same on a clock that is ahead by so much. The day is the calendar's and stays."""
        quota, closed = self.quota, self.closed
        return replace(
            self,
            quota=replace(
                quota,
                answered=tuple(at + seconds for at in quota.answered),
                inherited=tuple(at + seconds for at in quota.inherited),
                pending=tuple(at + seconds for at in quota.pending),
                in_flight=tuple((slot, at + seconds) for slot, at in quota.in_flight),
                reserved=tuple((slot, at + seconds) for slot, at in quota.reserved),
            ),
            mints=replace(
                self.mints,
                minted_at=tuple(at + seconds for at in self.mints.minted_at),
                blocked_until=self.mints.blocked_until and self.mints.blocked_until + seconds,
            ),
            share=replace(self.share, changed_at=self.share.changed_at and self.share.changed_at + seconds),
            closed=closed and replace(closed, since=closed.since + seconds, until=closed.until + seconds),
        )

    @classmethod
    def of_nobody(cls) -> "QuotaState":
        """No commit was ever made, so no call was."""
        return cls()

    @classmethod
    def at_worst(cls, limits: QuotaLimits, lock_seconds: float, now: float) -> "QuotaState":
        """Somebody set the position, and what was known is gone: everything was just used up.

        The mints' ten minutes shrink with the lock period where that is scaled down.
        """
        blocked_until = now + min(WINDOW_SECONDS, 2 * lock_seconds)
        return cls(
            Quota(pending=(now + limits.longest_seconds,) * limits.requests),
            MintBudget().blocked(blocked_until),
            window_seconds=limits.window_seconds,
        )


def read_state(text: str) -> tuple[QuotaState, str]:
    """The inverse of `to_text`: the state, and who wrote it. Raises ValueError for anything else.

    All of its calls come back as inherited ones.
    """
    try:
        found: Any = json.loads(text, parse_constant=_refuse)
        if found["v"] != STATE_VERSION:
            raise ValueError(f"version {found['v']!r} is not {STATE_VERSION}")
        day, day_calls = found["day"]
        minted, blocked_until = found["mints"]
        quota = Quota(
            inherited=_times(found["answered"]),
            pending=_times(found["pending"]),
            day=_seconds(day),
            day_calls=_count(day_calls),
        )
        mints = MintBudget(_times(minted)[-MAX_MINTS:], _seconds(blocked_until))
        thousandths, changed_at, locked = found["share"]
        share = Share(min(1.0, _count(thousandths) / 1000), _seconds(changed_at), bool(_count(locked)))
        by = found["by"]
        if not isinstance(by, str):
            raise TypeError("by")
        window_seconds, longest_seconds = _seconds(found["window"]), _seconds(found["longest"])
        closed, held = _closed(found["closed"]), _held(found.get("held"))
        return QuotaState(quota, mints, closed, share, window_seconds, longest_seconds, held), by
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise ValueError(f"not a quota state: {type(exc).__name__}") from exc


def taken_over(state: QuotaState, limits: QuotaLimits, now: float) -> QuotaState:
    """What another process left, as this one may use it.

    Every time is another clock's: it may be late by the margin, and what has happened happened before
    `now`, what is under way is over after the writer's longest call. An owner that left calls without
    an answer may have minted a token that is not written down either.
    """
    margin = limits.clock_margin_seconds
    latest = now + max(state.longest_seconds, limits.longest_seconds)
    inherited = tuple(min(at, now) for at in state.quota.inherited)
    pending = tuple(min(at, latest) for at in state.quota.pending)
    if state.window_seconds < limits.window_seconds:
        # Calls that the shorter window had forgotten count in the longer one.
        inherited = (now,) * limits.requests
    mints = replace(state.mints, minted_at=tuple(min(at, now) + margin for at in state.mints.minted_at))
    if pending:
        mints = mints.mint(now)
    closed = state.closed
    if closed is not None:
        until = min(closed.until, now + LONGEST_NAMED_WAIT_SECONDS) + margin
        closed = replace(closed, until=until) if until > now else None
    # The newest are enough: the others are free before any of these.
    pending = pending[-limits.requests :]
    inherited = inherited[max(0, len(inherited) + len(pending) - limits.requests) :]
    quota = Quota(
        inherited=inherited,
        pending=pending,
        day=state.quota.day,
        day_calls=state.quota.day_calls + len(pending),
    )
    share = replace(state.share, changed_at=min(state.share.changed_at, now))
    return QuotaState(quota, mints, closed, share, limits.window_seconds)


def _closed(found: Any) -> Closed | None:
    if found is None:
        return None
    name, since, until = found
    state = AccountState(name)
    if state not in _KEPT_STATES:
        raise ValueError("state")
    return Closed(state, "as the account's last owner found it", _seconds(since), _seconds(until))


def _held(found: Any) -> Held | None:
    """None for what isn't understood, as a later release's state: no call depends on it."""
    try:
        name, since = found
        return Held(AccountState(name), _seconds(_count(since)))
    except (TypeError, ValueError, OverflowError):
        return None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _steps(times: Iterable[float]) -> list[int]:
    marks = [_ms(at) for at in times]
    return [after - before for before, after in zip([0, *marks], marks, strict=False)]


def _times(steps: Any) -> tuple[float, ...]:
    if not isinstance(steps, list) or len(steps) > MAX_CHARACTERS:
        raise TypeError("times")
    return tuple(sorted(_seconds(at) for at in accumulate(_count(step) for step in steps)))


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("a count")
    return value


def _seconds(milliseconds: Any) -> float:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        raise TypeError("a time")
    seconds = milliseconds / 1000
    if not (math.isfinite(seconds) and abs(seconds) < _LATEST_SECONDS):
        raise ValueError("a time")
    return seconds


def _refuse(constant: str) -> None:
    raise ValueError(constant)

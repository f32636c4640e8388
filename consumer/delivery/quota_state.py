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

from consumer.delivery.gate import AccountState, Closed
from consumer.delivery.mint_budget import MAX_MINTS, WINDOW_SECONDS, MintBudget
from consumer.delivery.quota import Quota, QuotaLimits
from consumer.delivery.share import Share

STATE_VERSION = 1
# Kafka keeps so many UTF-16 units of metadata for a partition; the text is ASCII.
MAX_CHARACTERS = 4_096
_LATEST_SECONDS = 2.0**36
_KEPT_STATES = (AccountState.THROTTLED, AccountState.DAILY_QUOTA)


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The quota's state. `by` names the process that wrote it, `number` counts what it wrote.

    `closed`: a lock or a used-up day, whose end is known. `window_seconds`: the quota's window when it
    was written; answers older than that are forgotten.
    """

    quota: Quota = field(default_factory=Quota)
    mints: MintBudget = field(default_factory=MintBudget)
    closed: Closed | None = None
    share: Share = field(default_factory=Share)
    window_seconds: float = 60.0

    def to_text(self, by: str, number: int) -> str:
        """As compact JSON, times in milliseconds: some 300 characters for 30 slots, 4,096 at most."""
        quota, closed = self.quota, self.closed
        unanswered = sorted(at for _, at in (*quota.in_flight, *quota.reserved))
        return json.dumps(
            {
                "v": STATE_VERSION,
                "by": by,
                "n": number,
                "window": _ms(self.window_seconds),
                # Ascending times as the first and the steps between: that is what makes 200 of them fit.
                "answered": _steps(quota.answered),
                "unanswered": _steps(unanswered),
                "day": [_ms(quota.day), quota.day_calls],
                "mints": [_steps(sorted(self.mints.minted_at)), _ms(self.mints.blocked_until)],
                "share": [
                    round(self.share.ceiling * 1000),
                    _ms(self.share.changed_at),
                    int(self.share.locked),
                ],
                "closed": None
                if closed is None or closed.state not in _KEPT_STATES
                else [str(closed.state), _ms(closed.since), _ms(closed.until)],
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
            Quota(answered=(now,) * limits.requests),
            MintBudget().blocked(blocked_until),
            window_seconds=limits.window_seconds,
        )


def read_state(text: str) -> tuple[QuotaState, str]:
    """The inverse of `to_text`: the state, and who wrote it. Raises ValueError for anything else.

    The calls without an answer come back as reservations.
    """
    try:
        found: Any = json.loads(text, parse_constant=_refuse)
        if found["v"] != STATE_VERSION:
            raise ValueError(f"version {found['v']!r} is not {STATE_VERSION}")
        day, day_calls = found["day"]
        minted, blocked_until = found["mints"]
        unanswered = _times(found["unanswered"])
        quota = Quota(
            answered=_times(found["answered"]),
            reserved=tuple(enumerate(unanswered, start=1)),
            next_slot=len(unanswered) + 1,
            day=_seconds(day),
            day_calls=_count(day_calls),
        )
        mints = MintBudget(_times(minted)[-MAX_MINTS:], _seconds(blocked_until))
        thousandths, changed_at, locked = found["share"]
        share = Share(min(1.0, _count(thousandths) / 1000), _seconds(changed_at), bool(_count(locked)))
        by = found["by"]
        if not isinstance(by, str):
            raise TypeError("by")
        return QuotaState(quota, mints, _closed(found["closed"]), share, _seconds(found["window"])), by
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise ValueError(f"not a quota state: {type(exc).__name__}") from exc


def taken_over(state: QuotaState, limits: QuotaLimits, now: float) -> tuple[QuotaState, float]:
    """What another process left, as this one may use it, and until when no call may be made at all.

    Every time is another clock's: it may be late by the margin, and what has happened happened before
    `now`. A call without an answer may still be under way: it counts as answered when it must be over,
    and nothing is sent before, so that it overwrites nothing newer. Its owner may have minted a token
    that is not written down either.
    """
    margin = limits.clock_margin_seconds
    answered = [min(at, now + limits.abort_margin_seconds) + margin for at in state.quota.answered]
    over = [min(at, now) + limits.longest_seconds + margin for _, at in state.quota.reserved]
    held = sorted((*answered, *over))[-limits.requests :]
    if state.window_seconds < limits.window_seconds:
        # Calls that the shorter window had forgotten count in the longer one.
        held = [max(held[-1] if held else now, now)] * limits.requests
    quota = Quota(answered=tuple(held), day=state.quota.day, day_calls=state.quota.day_calls + len(over))
    mints = replace(state.mints, minted_at=tuple(min(at, now) + margin for at in state.mints.minted_at))
    if over:
        mints = mints.mint(now)
    closed = state.closed
    if closed is not None:
        closed = replace(closed, until=closed.until + margin)
        closed = closed if closed.until > now else None
    quiet_until = max((at for at in held if at > now + margin), default=0.0)
    share = replace(state.share, changed_at=min(state.share.changed_at, now))
    return QuotaState(quota, mints, closed, share, limits.window_seconds), quiet_until


def _closed(found: Any) -> Closed | None:
    if found is None:
        return None
    name, since, until = found
    state = AccountState(name)
    if state not in _KEPT_STATES:
        raise ValueError("state")
    return Closed(state, "as the account's last owner found it", _seconds(since), _seconds(until))


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

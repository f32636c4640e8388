"""Which share of the quota is ours, where others call with the same account. Pure.

Others show in two ways: Zoho's count of the day's calls falls faster than we call, or a lock comes
though we kept to the quota. What is seen is left to them, and half as much again. As long as no lock
has come, half of the quota stays ours: the day's count may tell of calls to other APIs, which take
nothing from our window. A lock halves our share; it grows back by a tenth a window, or by a fiftieth
while others are still seen.
"""

import math
from dataclasses import dataclass, replace

from consumer.delivery.quota import QuotaLimits

HEADROOM = 1.5
SHARE_WITHOUT_LOCK = 0.5
SHARE_AFTER_LOCK = 0.5
WINDOWS = 3
STEP_ALONE = 0.1
STEP_BESIDE_OTHERS = 0.02


@dataclass(frozen=True, slots=True)
class Share:
    """Times are epoch seconds.

    `ceiling`: our share as it was at `changed_at`; it grows from there (after a lock: from its end).
    `locked`: a lock has come since others were first seen.
    `seen`: (time, count) of others' calls in the last windows.
    `left`, `calls`: the day's count when it last held all of our calls, and how many those were;
    `attributed`: others' calls found since; `observed_at`: when an answer last told the count.
    `burst_calls`, `burst_answers`, `lowest`: our calls when none was last under way, and since then the
    answers and the lowest count among them (answers come in any order).
    """

    ceiling: float = 1.0
    changed_at: float = 0.0
    locked: bool = False
    seen: tuple[tuple[float, int], ...] = ()
    left: int | None = None
    calls: int = 0
    attributed: int = 0
    observed_at: float = 0.0
    burst_calls: int = 0
    burst_answers: int = 0
    lowest: int | None = None

    def of(self, limits: QuotaLimits, now: float) -> float:
        """Our share at `now`: above 0, and 1 where nobody else calls."""
        return min(self._grown(limits, now), self._beside_others(limits, now))

    def limits(self, limits: QuotaLimits, now: float) -> QuotaLimits:
        """The quota as far as it is ours: one call a window at least."""
        share = self.of(limits, now)
        return limits if share >= 1.0 else replace(limits, requests=max(1, int(limits.requests * share)))

    def others(self, limits: QuotaLimits, now: float) -> int:
        """The most calls of others that were seen in any of the last three windows.

        Of more than one, since a burst of ours hides theirs until its end.
        """
        window = limits.hold_seconds
        recent = [each for each in self.seen if each[0] > now - WINDOWS * window]
        return max((sum(n for at, n in recent if end - window < at <= end) for end, _ in recent), default=0)

    def observed(self, left: int, calls: int, limits: QuotaLimits, now: float, *, alone: bool) -> "Share":
        """Zoho's count of the day stood at `left` at an answer; we have made `calls` calls by now.

        `alone`: none of ours is under way any more.
        """
        if self.left is not None and left > self.left:  # a new day
            share = replace(self, left=None, lowest=None)
            return share._burst_over(calls) if alone else share
        lowest = left if self.lowest is None else min(self.lowest, left)
        share = replace(self, lowest=lowest, burst_answers=self.burst_answers + 1)
        if self.left is not None:
            found = max(0, self.left - lowest - (calls - self.calls) - self.attributed)
            if found:
                share = share._seen(found, limits, now)
        share = replace(share, observed_at=now)
        if not alone:
            return share
        if share.burst_calls + share.burst_answers == calls:
            share = replace(share, left=lowest, calls=calls, attributed=0)
        # Else a call was never answered, and may be in the count or not: the former mark stays.
        return share._burst_over(calls)

    def lock(self, limits: QuotaLimits, now: float, until: float) -> "Share":
        """A lock came though we kept to our share; nothing is learnt before its end."""
        return replace(self, ceiling=self.of(limits, now) * SHARE_AFTER_LOCK, changed_at=until, locked=True)

    def _burst_over(self, calls: int) -> "Share":
        return replace(self, burst_calls=calls, burst_answers=0, lowest=None)

    def _seen(self, count: int, limits: QuotaLimits, now: float) -> "Share":
        kept = tuple(each for each in self.seen if each[0] > now - WINDOWS * limits.hold_seconds)
        # Of those that came since the last answer, as many as fell into the last window.
        recent = math.ceil(count * min(1.0, limits.hold_seconds / max(now - self.observed_at, 0.001)))
        share = self._fold(limits, now)
        return replace(share, seen=(*kept, (now, recent)), attributed=self.attributed + count)

    def _grown(self, limits: QuotaLimits, now: float) -> float:
        step = STEP_BESIDE_OTHERS if self.others(limits, now) else STEP_ALONE
        return min(1.0, self.ceiling + step * self._windows(limits, now))

    def _windows(self, limits: QuotaLimits, now: float) -> int:
        return math.floor(max(0.0, now - self.changed_at) / limits.hold_seconds)

    def _beside_others(self, limits: QuotaLimits, now: float) -> float:
        others = self.others(limits, now)
        least = 0.0 if self.locked else SHARE_WITHOUT_LOCK
        return max(least, 1.0 - HEADROOM * others / limits.requests, 1.0 / limits.requests)

    def _fold(self, limits: QuotaLimits, now: float) -> "Share":
        """Keep what has grown so far: the pace may be another from now on."""
        grown = self._grown(limits, now)
        changed_at = self.changed_at + self._windows(limits, now) * limits.hold_seconds
        alone_again = grown >= 1.0 and not self.others(limits, now)
        return replace(self, ceiling=grown, changed_at=changed_at, locked=self.locked and not alone_again)

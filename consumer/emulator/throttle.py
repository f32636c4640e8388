"""The threshold and its lock, as Zoho's throttling framework is believed to count. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

from consumer.emulator.options import Limits

Passage = Literal["passed", "tripped", "locked"]


@dataclass(frozen=True, slots=True)
class Throttle:
    """The calls that count at present (by arrival, in order), and the lock's last moment if any.

    A call stops counting when it is `window_seconds` old. The lock covers its last moment too: it
    is released strictly after it.
    """

    counted: tuple[float, ...] = ()
    locked_until: float | None = None

    def is_locked(self, now: float) -> bool:
        """Whether a call that arrives now is refused by a lock that began before."""
        return self.locked_until is not None and now <= self.locked_until

    def lock_seconds_left(self, now: float) -> float:
        """How long the lock still lasts, 0 where there is none."""
        return 0.0 if self.locked_until is None else max(0.0, self.locked_until - now)


def arrive(limits: Limits, throttle: Throttle, now: float) -> tuple[Throttle, Passage]:
    """Count a call at its arrival. `now` must not run backwards.

    The call after the last allowed one trips the lock and is refused. Calls during a lock are
    refused, not counted, and don't make it longer. Afterwards the full allowance is there.
    """
    if throttle.is_locked(now):
        return throttle, "locked"
    released = Throttle() if throttle.locked_until is not None else throttle
    counted = _still_counted(limits, released.counted, now)
    if len(counted) >= limits.requests:
        return lock(released, now, limits.lock_seconds), "tripped"
    return replace(released, counted=(*counted, now)), "passed"


def lock(throttle: Throttle, now: float, seconds: float) -> Throttle:
    """Lock from now on, whatever was counted."""
    return replace(throttle, counted=(), locked_until=now + seconds)


def free_slots(limits: Limits, throttle: Throttle, now: float) -> int:
    """How many calls would pass at this moment."""
    if throttle.is_locked(now):
        return 0
    if throttle.locked_until is not None:
        return limits.requests
    return limits.requests - len(_still_counted(limits, throttle.counted, now))


def _still_counted(limits: Limits, counted: tuple[float, ...], now: float) -> tuple[float, ...]:
    """Drop the oldest; they are in order, so the first that counts ends the search."""
    old = 0
    while old < len(counted) and not _counts(limits, counted[old], now):
        old += 1
    return counted[old:]


def _counts(limits: Limits, arrived_at: float, now: float) -> bool:
    if limits.fixed_window:
        return arrived_at // limits.window_seconds == now // limits.window_seconds
    return now - arrived_at < limits.window_seconds

"""How long a replay may take beside the live events. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consumer.delivery.outcome import STATE_KEY_PREFIX
from consumer.records import Record

_HOUR_SECONDS: Final = 3_600
_DAY_HOURS: Final = 24
# Our own outcomes, as they are written: parsing hundreds of thousands would cost seconds.
_APPLIED_LIVE: Final = (b'"outcome":"applied"', b'"deadLetterId":null')
_REFUSED: Final = b'"outcome":"dead_lettered"'
_WITHOUT_CALL: Final = tuple(
    f'"errorClass":"{each}"'.encode() for each in ("event_unreadable", "event_invalid", "event_unmappable")
)


@dataclass(frozen=True, slots=True)
class Quota:
    """What Zoho allows, and what of it replays may take while events wait."""

    requests: int
    window_seconds: float
    replay_share: float


class LiveCalls:
    """Counts the calls of the last 24 hours that were no replays', by the outcomes topic's records."""

    def __init__(self, now_seconds: float) -> None:
        """None yet."""
        self._now_seconds = now_seconds
        self._hours = [0] * _DAY_HOURS

    def add(self, records: Iterable[Record]) -> None:
        """Records of the outcomes topic; of an event that took several calls, one is counted."""
        for record in records:
            hour = int((self._now_seconds - record.timestamp_ms / 1000) // _HOUR_SECONDS)
            if 0 <= hour < _DAY_HOURS and _is_live_call(record):
                self._hours[hour] += 1

    def in_window(self, window_seconds: float) -> float:
        """Calls in a window of the busiest hour."""
        return max(self._hours) * window_seconds / _HOUR_SECONDS


def replay_seconds(
    calls: int, quota: Quota, live_in_window: float, *, share: float = 1.0, backlog_seconds: float = 0.0
) -> float:
    """About how long so many calls take.

    Replays get what live events leave, and while events wait (`backlog_seconds`) their share of the quota,
    at least a call a window. `share`: what of the quota is ours beside others who use the account.
    """
    ours = max(1.0, quota.requests * share)
    least = max(1.0, ours * quota.replay_share)
    after = max(least, ours - live_in_window)
    waiting = least * backlog_seconds / quota.window_seconds
    if calls <= waiting:
        return calls / least * quota.window_seconds
    # The first window's calls go at once.
    windows = math.ceil((calls - waiting) / after) - 1
    return backlog_seconds + windows * quota.window_seconds


def _is_live_call(record: Record) -> bool:
    value = record.value
    if value is None or record.key is None or record.key.startswith(STATE_KEY_PREFIX):
        return False
    if all(each in value for each in _APPLIED_LIVE):
        return True
    return _REFUSED in value and not any(each in value for each in _WITHOUT_CALL)

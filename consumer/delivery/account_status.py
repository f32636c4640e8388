"""How an account stands, as `/status` and the gauges tell it (contract, section 9)."""

from typing import Any

from consumer.clock import rfc3339
from consumer.delivery.account import Account
from consumer.delivery.gate import AccountState


def status_of(account: Account) -> dict[str, Any]:
    """The account's part of `/status`."""
    now = account.clock()
    limits = account.limits(now)
    oldest = account.backlog.oldest_event_at()
    next_free_at = account.quota.next_free_at(limits, now)
    if next_free_at is not None:
        next_free_at = max(next_free_at, account.quiet_until)
    return {
        "state": str(account.state),
        "since": _shown(account, account.since),
        "until": _waits_until(account, now),
        "reason": account.reason,
        "quota": {
            "requests": account.rules.quota.requests,
            "share": round(account.share.of(account.rules.quota, now), 3),
            "others_in_window": account.share.others(account.rules.quota, now),
            "window_seconds": limits.window_seconds,
            "used": account.quota.used(limits, now),
            "next_free_at": _shown(account, next_free_at),
            "left_today": account.left_today,
            "runs_out_at": _shown(account, account.runs_out_at(now)),
        },
        "backlog": {
            "events": account.backlog.events,
            "sessions": account.backlog.sessions,
            "replays": account.backlog.replays,
            "oldest_event_at": None if oldest is None else rfc3339(oldest),
            "eta_seconds": round(eta_seconds(account, now), 1),
        },
        "lag": account.lag(),
    }


def eta_seconds(account: Account, now: float) -> float:
    """How long the backlog takes at the quota, from now, with no trouble on the way: a call a session."""
    calls = account.backlog.sessions
    if calls == 0:
        return 0.0
    limits = account.limits(now)
    opens_at = 0.0 if account.gate.closed is None else account.gate.closed.until
    closed_seconds = max(0.0, max(opens_at, account.quiet_until) - now)
    beyond_free = max(0, calls - account.quota.free(limits, now))
    return closed_seconds + beyond_free / limits.requests * limits.window_seconds


def _waits_until(account: Account, now: float) -> str | None:
    """When what keeps calls from being made is over, where that is known."""
    closed = account.gate.closed
    until = closed.until if closed is not None and account.state is closed.state else 0.0
    if account.state is AccountState.RUNNING:
        until = account.quiet_until
    return _shown(account, until) if until > now else None


def _shown(account: Account, seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(account.wall(seconds))

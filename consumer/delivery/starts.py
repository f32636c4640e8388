"""When the next call of an account may start, and the reservations that it takes (laws 2 and 3)."""

from collections.abc import Callable

from consumer.delivery.account import Account
from consumer.delivery.backlog import Backlog


class Starts:
    """Looks at gate, quota, reservations and backlog of one account. Times are its clock's.

    `on_progress` is called where a commit has to record a reservation, or how the account stands.
    """

    def __init__(self, account: Account, backlog: Backlog, on_progress: Callable[[], None]) -> None:
        self._account = account
        self._backlog = backlog
        self._on_progress = on_progress
        self._no_slot_since: float | None = None

    def next_at(self, now: float, under_way: int) -> float | None:
        """When the next call may start: `now` if it may; None where something has to happen first."""
        account = self._account
        if now < account.quiet_until:
            return account.quiet_until
        gate = account.gate.own_day_over(now)
        if gate is not account.gate:
            account.gate = gate
            account.changed()
            self._on_progress()  # who looks on reads it from the commit
        permission = gate.permission(now)
        if permission == "no":
            return None if gate.closed is None or gate.closed.probing else gate.closed.until
        if under_way >= self._calls_at_once(probe=permission == "probe"):
            return None
        slot_at = self._slot_at(now)
        if slot_at is None or slot_at > now:
            return slot_at
        if not self._backlog.waiting(now, 1) and permission == "open":
            return self._backlog.next_ready_at()
        # Where none is recorded yet, the commit that records one wakes us.
        return now if account.quota.usable(account.rules.quota, now, recorded=True) else None

    def reserve(self, now: float) -> None:
        """See to it that the calls that may start soon have a reservation by then."""
        account = self._account
        limits = account.limits(now)
        soon = now + limits.lead_seconds
        permission = account.gate.permission(soon)
        if permission == "no" or soon < account.quiet_until:
            return
        probe = permission == "probe"
        bound = min(self._calls_at_once(probe=probe), account.quota.free(limits, soon))
        # A probe may take a change that was set aside for later.
        wanted = min(bound, self._backlog.sessions) if probe else self._backlog.waiting(soon, bound)
        missing = wanted - account.quota.usable(limits, soon)
        before = account.quota.next_slot
        if missing > 0:
            account.quota = account.quota.reserve(limits, missing, now)
        if account.quota.next_slot > before:
            self._on_progress()

    def take(self, now: float) -> int:
        """A call starts: its slot."""
        account = self._account
        account.quota, slot = account.quota.take(account.limits(now), now)
        account.telemetry.waited_for_slot(0.0 if self._no_slot_since is None else now - self._no_slot_since)
        self._no_slot_since = None
        return slot

    def _calls_at_once(self, *, probe: bool) -> int:
        if probe:
            return 1
        bound = self._account.gate.calls_at_once(self._account.rules.gate)
        concurrency = self._account.rules.concurrency
        return concurrency if bound is None else min(bound, concurrency)

    def _slot_at(self, now: float) -> float | None:
        """When a slot is free; `now` if one is."""
        day_ends_at = self._account.day_ends_at(now)
        if day_ends_at is not None:
            reason = "the day's own allowance (CONSUMER_QUOTA_DAILY_REQUESTS less the reserve) is used up"
            self._set_gate_of_day(reason, day_ends_at, now)
            return day_ends_at
        slot_at = self._account.quota.next_free_at(self._account.limits(now), now)
        taken = slot_at is None or slot_at > now
        if taken and self._backlog.events and self._no_slot_since is None:
            self._no_slot_since = now
        return slot_at

    def _set_gate_of_day(self, reason: str, until: float, now: float) -> None:
        account = self._account
        account.gate = account.gate.own_day_used_up(account.rules.gate, now, until=until, reason=reason)
        account.changed()

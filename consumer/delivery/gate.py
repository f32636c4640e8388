"""May the account be called? Its state, and how an answer changes it (law 4). Pure.

An account's failure closes the gate: everything is kept, and one call at a time probes whether it is
over. An event's failure leaves the gate open. `decision` is the other half: what it means for the event.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from consumer.delivery.pauses import Pauses, credential_pauses, day_pauses, probe_pauses
from consumer.events.model import SessionKey

# "After the lock period" is strictly after, by Zoho's clock: wait this share of it longer.
LOCK_MARGIN = 0.005
# So many different sessions must fail, with nothing succeeding between, to blame the account.
FAILURES_TO_CLOSE = 3
LONGEST_NAMED_WAIT_SECONDS = 86_400.0


class AccountState(StrEnum):
    """The states of the contract, section 5; the metric label `state`."""

    RUNNING = "running"
    THROTTLED = "throttled"
    DAILY_QUOTA = "daily_quota"
    AUTH_FAILED = "auth_failed"
    UNAVAILABLE = "unavailable"
    SUSPECT = "suspect"
    KAFKA_DOWN = "kafka_down"
    POSITION_LOST = "position_lost"
    STANDBY = "standby"


# Closed until a time that Zoho or the calendar gives: no other answer makes it earlier.
_TIMED = (AccountState.THROTTLED, AccountState.DAILY_QUOTA)


@dataclass(frozen=True, slots=True)
class GateRules:
    """`refusals_before_hold`: 0 never holds. `daily_reserve`: calls of the day that are left to others."""

    lock_seconds: float = 300.0
    refusals_before_hold: int = 20
    daily_reserve: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """Why no call is made, since when, and until when; then one call at a time probes.

    `own`: a bound that we set ourselves closed it, not Zoho.
    """

    state: AccountState
    reason: str
    since: float
    until: float
    pauses: int = 0
    probing: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """The account's gate. Open where `closed` is None.

    `failing`: sessions whose calls failed since one last succeeded (three close the gate).
    `forbidden`: sessions answered 403 since one was last applied.
    `refused`, `refused_courses`: sessions and courses of refusals since one was last applied.
    `limit_seen`: a 422 was shown to be its event's own; `limit_of`: whose 422 came last, with
    nothing applied since.
    """

    closed: Closed | None = None
    failing: frozenset[SessionKey] = frozenset()
    forbidden: frozenset[SessionKey] = frozenset()
    refused: frozenset[SessionKey] = frozenset()
    refused_courses: frozenset[str] = frozenset()
    limit_seen: bool = False
    limit_of: SessionKey | None = None

    @property
    def state(self) -> AccountState:
        """What Zoho's answers say of the account."""
        return AccountState.RUNNING if self.closed is None else self.closed.state

    def permission(self, now: float) -> Literal["open", "probe", "no"]:
        """Whether a call may start at `now`: as many as there are slots, one probe, or none."""
        if self.closed is None:
            return "open"
        return "probe" if now >= self.closed.until and not self.closed.probing else "no"

    def calls_at_once(self, rules: GateRules) -> int | None:
        """At most so many calls may be in flight; None: no bound of the gate's.

        So that no more events than `refusals_before_hold` are dead-lettered before the hold: calls in
        flight and refusals since one was applied are never more together, from the first call on.
        """
        if rules.refusals_before_hold == 0:
            return None
        return max(1, rules.refusals_before_hold - len(self.refused))

    def probes_newest(self) -> bool:
        """Whether the next probe is to be of the newest change, not of the oldest: they alternate."""
        return self.closed is not None and self.closed.pauses % 2 == 1

    def probe_started(self) -> "Gate":
        """One call went out though the gate is closed."""
        return self if self.closed is None else replace(self, closed=replace(self.closed, probing=True))

    def probe_settled_nothing(self) -> "Gate":
        """The probe was not sent, or has to be repeated: the next one may start at once."""
        return self if self.closed is None else replace(self, closed=replace(self.closed, probing=False))

    # What answers say. `probe` is whether the call was one.

    def applied(self, *, probe: bool) -> "Gate":
        """A change was applied."""
        gate = replace(
            self,
            failing=frozenset(),
            forbidden=frozenset(),
            refused=frozenset(),
            refused_courses=frozenset(),
            limit_of=None,
        )
        proves = (AccountState.UNAVAILABLE, AccountState.SUSPECT)
        return replace(gate, closed=None) if probe or self.state in proves else gate

    def refused_one(self, session: SessionKey, rules: GateRules, now: float, *, probe: bool) -> "Gate":
        """Zoho refused an event: it serves, so it is not unavailable; too many in a row are suspect."""
        room = len(self.refused) < max(rules.refusals_before_hold, 1)
        gate = replace(
            self,
            failing=frozenset(),
            refused=self.refused | {session} if room else self.refused,
            refused_courses=self.refused_courses
            if len(self.refused_courses) > 1
            else self.refused_courses | {session.course_id},
        )
        return gate._served(rules, now, probe=probe)

    def is_suspect(self, rules: GateRules) -> bool:
        """Whether the refusals since the last applied change are too many to be the events' fault."""
        hold = rules.refusals_before_hold
        return hold > 0 and len(self.refused) >= hold and len(self.refused_courses) > 1

    def forbade(self, session: SessionKey, rules: GateRules, now: float, *, probe: bool) -> "Gate":
        """403: about this session, or where it is every session's, about the credential."""
        gate = replace(self, failing=frozenset(), forbidden=_bounded(self.forbidden, session))
        if len(gate.forbidden) >= FAILURES_TO_CLOSE:
            reason = "Zoho answers 403 for every session: the credential's user lacks the permission"
            return gate.close_growing(
                AccountState.AUTH_FAILED, reason, credential_pauses(rules.lock_seconds), now, probe=probe
            )
        return gate._served(rules, now, probe=probe)

    def failed(
        self, session: SessionKey, reason: str, rules: GateRules, now: float, *, probe: bool
    ) -> "Gate":
        """5xx, no answer, or one that can't be understood."""
        gate = replace(self, failing=_bounded(self.failing, session))
        if probe or (len(gate.failing) >= FAILURES_TO_CLOSE and self.closed is None):
            return gate.unreachable(reason, rules, now, probe=probe)
        return gate

    def unreachable(self, reason: str, rules: GateRules, now: float, *, probe: bool) -> "Gate":
        """The account can't be served at all: connect or TLS errors, or failures for every session."""
        return self.close_growing(
            AccountState.UNAVAILABLE, reason, probe_pauses(rules.lock_seconds), now, probe=probe
        )

    def locked(self, wait_seconds: float | None, reason: str, rules: GateRules, now: float) -> "Gate":
        """Zoho locked the API: silence for the lock period, or longer where the answer names a time."""
        named = min(wait_seconds or 0.0, LONGEST_NAMED_WAIT_SECONDS)
        until = now + max(rules.lock_seconds, named) * (1 + LOCK_MARGIN)
        return self._close(AccountState.THROTTLED, reason, now, until)

    def token_throttled(self, wait_seconds: float, reason: str, now: float) -> "Gate":
        """No token to be had for a while: a lock of the accounts server's."""
        until = now + min(wait_seconds, LONGEST_NAMED_WAIT_SECONDS)
        return self._close(AccountState.THROTTLED, reason, now, until)

    def own_day_used_up(self, rules: GateRules, now: float, *, until: float, reason: str) -> "Gate":
        """The day's own allowance is used up: closed until the day ends, whatever comes before."""
        gate = self.day_used_up(rules, now, until=until, reason=reason, probe=False)
        ours = gate.closed is not None and gate.closed.reason == reason
        return replace(gate, closed=replace(gate.closed, own=True)) if gate.closed and ours else gate

    def own_day_over(self, now: float) -> "Gate":
        """Open where the day's own allowance closed it and the day has ended: there is nothing to probe."""
        closed = self.closed
        return replace(self, closed=None) if closed and closed.own and now >= closed.until else self

    def day_used_up(
        self, rules: GateRules, now: float, *, until: float | None, reason: str, probe: bool
    ) -> "Gate":
        """The day's quota is used up; where its end is unknown, probes find out."""
        if until is not None:
            until = min(until, now + LONGEST_NAMED_WAIT_SECONDS)
            return self._close(AccountState.DAILY_QUOTA, reason, now, until)
        return self.close_growing(
            AccountState.DAILY_QUOTA, reason, day_pauses(rules.lock_seconds), now, probe=probe
        )

    def credential_refused(self, reason: str, rules: GateRules, now: float, *, probe: bool) -> "Gate":
        """A person is needed: tried again with growing pauses, or at once when the credential changes."""
        return self.close_growing(
            AccountState.AUTH_FAILED, reason, credential_pauses(rules.lock_seconds), now, probe=probe
        )

    def echo_differs(self, fields: str, rules: GateRules, now: float, *, probe: bool) -> "Gate":
        """A success that shows other values than were sent, where the setting says hold.

        Zoho serves, but nothing is known to be applied: it opens nothing, and pauses go on growing.
        """
        gate = replace(self, failing=frozenset(), forbidden=frozenset())
        reason = f"Zoho stores other values than were sent ({fields}): check CONSUMER_ZOHO_TIME_ZONE"
        return gate.close_growing(
            AccountState.SUSPECT, reason, probe_pauses(rules.lock_seconds), now, probe=probe
        )

    def at_limit(
        self, session: SessionKey, rules: GateRules, now: float, *, events_own: bool, probe: bool
    ) -> "Gate":
        """422 without a lock marker: the throttle, unless it was shown to be about events."""
        if events_own:
            gate = replace(self, limit_seen=True, limit_of=None, failing=frozenset())
            return gate._served(rules, now, probe=probe)
        if self.closed is None and self.limit_seen and self.limit_of in (None, session):
            return replace(self, limit_of=session)
        reason = "HTTP 422 without a reason: perhaps the threshold, so a full lock period is waited"
        gate = replace(self, limit_seen=False, limit_of=session)
        return gate.locked(None, reason, rules, now)

    def credential_changed(self) -> "Gate":
        """A credential other than the refused one is at hand: probe at once, whatever the pause was."""
        if self.closed is None or self.state is not AccountState.AUTH_FAILED:
            return self
        return replace(self, closed=replace(self.closed, until=0.0, pauses=0))

    def hold_lifted(self) -> "Gate":
        """The setting that holds a suspect account changed: open, and count anew."""
        gate = replace(self, refused=frozenset(), refused_courses=frozenset())
        return replace(gate, closed=None) if self.state is AccountState.SUSPECT else gate

    def close_growing(
        self, state: AccountState, reason: str, pauses: Pauses, now: float, *, probe: bool
    ) -> "Gate":
        """Close for a pause, longer than the last one where a probe found the same trouble again."""
        closed = self.closed
        if closed is not None and not probe:
            # An answer to a call from before the gate closed says nothing new.
            return self if closed.state is not AccountState.UNAVAILABLE else self._retitled(state, reason)
        same = closed is not None and closed.state is state
        n = closed.pauses + 1 if closed is not None and same else 0
        since = closed.since if closed is not None and same else now
        return replace(self, closed=Closed(state, reason, since, now + pauses.nth(n), n))

    def _served(self, rules: GateRules, now: float, *, probe: bool) -> "Gate":
        """A definite answer, but nothing applied: an outage is over, a hold is not."""
        held = self.closed if self.state is AccountState.SUSPECT else None
        if held is not None or self.is_suspect(rules):
            reason = held.reason if held is not None else _too_many_refused(rules)
            return self.close_growing(
                AccountState.SUSPECT, reason, probe_pauses(rules.lock_seconds), now, probe=probe
            )
        if probe or self.state is AccountState.UNAVAILABLE:
            return replace(self, closed=None)
        return self

    def _retitled(self, state: AccountState, reason: str) -> "Gate":
        assert self.closed is not None  # noqa: S101  (narrows the type)
        return replace(self, closed=replace(self.closed, state=state, reason=reason))

    def _close(self, state: AccountState, reason: str, now: float, until: float) -> "Gate":
        """Close until a known time, never earlier than a closure in force that knew its own."""
        closed = self.closed
        if closed is not None and closed.state in _TIMED and closed.until > until:
            return replace(self, closed=replace(closed, probing=False))
        if closed is not None and closed.state is state:
            return replace(self, closed=Closed(state, reason, closed.since, until))
        return replace(self, closed=Closed(state, reason, now, until))


def _too_many_refused(rules: GateRules) -> str:
    return (
        f"{rules.refusals_before_hold} events in a row were refused, of different sessions and "
        "courses: a setting or the account is more likely to be wrong than all of them"
    )


def _bounded(sessions: frozenset[SessionKey], session: SessionKey) -> frozenset[SessionKey]:
    return sessions if len(sessions) >= FAILURES_TO_CLOSE else sessions | {session}

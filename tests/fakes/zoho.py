"""A Zoho of the tests' own: answers as it is told, and remembers every call."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from consumer.clock import Clock
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.verdicts import Applied, CallReport, Locked, Unreachable, Verdict, Withheld, ZohoAnswer
from consumer.events.model import SessionKey

Script = Callable[[SessionKey, float], Verdict]

LOCKED = Locked(ZohoAnswer(200, "7209", "API access blocked since threshold limit exceeded"))


def applies(_session: SessionKey, _now: float) -> Verdict:
    """Whatever is asked."""
    return Applied()


@dataclass
class FakeZoho:
    """A `ZohoPort` that answers `script(session, now)` after `connect_seconds` and `call_seconds`.

    `arrivals`: when each call that was sent arrived, halfway through, and for which session.
    `left_today`: what the answers say is left of the day's calls.
    `names`: the names each session was given, in the order in which they were applied.
    """

    clock: Clock
    script: Script = applies
    call_seconds: float = 0.2
    connect_seconds: float = 0.0
    arrivals: list[tuple[float, SessionKey]] = field(default_factory=list)
    names: dict[SessionKey, list[str]] = field(default_factory=dict)
    in_flight: list[SessionKey] = field(default_factory=list)
    most_in_flight: int = 0
    overlapped: bool = False
    mint_budget: MintBudget = field(default_factory=MintBudget)
    left_today: Callable[[], int] | None = None

    def resume_mints(self, budget: MintBudget) -> None:
        """Go on from these."""
        self.mint_budget = budget

    async def update_session(
        self, session: SessionKey, session_data: Mapping[str, str], may_start: Callable[[], bool]
    ) -> CallReport:
        """One call: connect, ask whether it may start, send, be answered."""
        if self.connect_seconds:
            await asyncio.sleep(self.connect_seconds)
        if not may_start():
            return CallReport(Withheld(), sent=False)
        self.overlapped |= session in self.in_flight
        self.in_flight.append(session)
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        try:
            await asyncio.sleep(self.call_seconds / 2)
            verdict = self.script(session, self.clock())
            sent = not isinstance(verdict, Unreachable | Withheld)
            if sent:
                self.arrivals.append((self.clock(), session))
            if isinstance(verdict, Applied):
                self.names.setdefault(session, []).append(session_data["name"])
            await asyncio.sleep(self.call_seconds / 2)
        finally:
            self.in_flight.remove(session)
        left = self.left_today() if self.left_today is not None and sent else None
        return CallReport(verdict, sent=sent, left_today=left)


@dataclass
class Threshold:
    """A script as Zoho counts: `requests` in any window, the next one locks; then `within` answers."""

    requests: int = 30
    window_seconds: float = 60.0
    lock_seconds: float = 300.0
    within: Script = applies
    locks: int = 0
    locked_until: float = 0.0
    refused_while_locked: int = 0
    counted: list[float] = field(default_factory=list)

    def __call__(self, session: SessionKey, now: float) -> Verdict:
        """A call arrives."""
        if now <= self.locked_until:
            self.refused_while_locked += 1
            return LOCKED
        self.counted = [at for at in self.counted if at > now - self.window_seconds]
        if len(self.counted) >= self.requests:
            self.lock(now)
            return LOCKED
        self.counted.append(now)
        return self.within(session, now)

    def lock(self, now: float) -> None:
        """The threshold was passed, by us or by another who shares the account."""
        self.locks += 1
        self.locked_until = now + self.lock_seconds
        self.counted = []

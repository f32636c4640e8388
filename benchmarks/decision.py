"""What a decision costs: whose call is next, with a full backlog. No Kafka, no Zoho."""

import time
from collections.abc import Sequence

from benchmarks.stage import Figure
from consumer.delivery.backlog import Backlog
from consumer.delivery.change import Change
from consumer.delivery.newness import Version
from consumer.delivery.turns import Order
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Record, TopicPartition

EVENTS, SESSIONS = 10_000, 5_000
AIM_MICROSECONDS = 50.0
BURST = 3_000


class Dict(dict[SessionKey, Version]):
    """The last applied events, as a dict."""

    def set(self, session: SessionKey, version: Version) -> None:
        """This one was applied."""
        self[session] = version


async def measure() -> list[Figure]:
    """The mean over all decisions until the backlog is empty; and the longest line of one session."""
    figures = []
    orders: tuple[Order, ...] = ("oldest", "soonest")
    for order in orders:
        backlog = Backlog(ledger=Dict(), order=order)
        changes = [_change(n, n % SESSIONS) for n in range(EVENTS)]
        adding = _seconds_to_add(backlog, changes)
        deciding, settling, calls = _drain(backlog)
        spent = deciding / calls * 1e6
        good = spent < AIM_MICROSECONDS
        what = f"decision: {order}, {EVENTS:,} events of {SESSIONS:,} sessions"
        figures += [
            Figure(what, f"{spent:.1f} us", f"< {AIM_MICROSECONDS:.0f} us", good),
            Figure(f"decision: {order}, to settle a call", f"{settling / calls * 1e6:.1f} us", ""),
            Figure(f"decision: {order}, to add an event", f"{adding / EVENTS * 1e6:.1f} us", ""),
        ]
    backlog = Backlog(ledger=Dict())
    changes = [_change(n, 0) for n in range(BURST)]
    adding = _seconds_to_add(backlog, changes)
    repeating = _seconds_to_add(backlog, [_change(n, 0, at=BURST + n) for n in range(BURST)])
    figures += [
        Figure(f"decision: one session, to add each of {BURST:,}", f"{adding / BURST * 1e6:.1f} us", ""),
        Figure("decision: the same, a copy of each again", f"{repeating / BURST * 1e6:.1f} us", ""),
    ]
    return figures


def _drain(backlog: Backlog) -> tuple[float, float, int]:
    """Seconds spent on decisions, on what follows a call, and how many calls there were."""
    deciding = settling = 0.0
    calls = 0
    while True:
        begun = time.perf_counter()
        group = backlog.take(1e6)
        decided = time.perf_counter()
        if group is None:
            return deciding, settling, calls
        calls += 1
        backlog.applied(group)
        deciding += decided - begun
        settling += time.perf_counter() - decided


def _seconds_to_add(backlog: Backlog, changes: Sequence[Change]) -> float:
    begun = time.perf_counter()
    for change in changes:
        backlog.add(change)
    return time.perf_counter() - begun


def _change(number: int, session: int, at: int | None = None) -> Change:
    """The second event of a session has fewer fields, so that each needs a call."""
    sequence = number if at is None else at
    key = SessionKey("478346000019479103", "478346000019479115", "478346000019479119", str(session))
    partition = TopicPartition("training.session.changed", 0)
    version = Version(None, number, partition, sequence, sequence, "/planner", f"e-{number}")
    fields = 1 if number < SESSIONS else 0
    starts_at = 1e6 + number * 7919 % 86_400
    record = Record(partition.topic, 0, sequence, 0, None, None)
    return Change(record, key, EventIdentity(), version, fields, starts_at)

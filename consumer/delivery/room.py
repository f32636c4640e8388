"""How much may be held in memory, and how much more may be read (law 7). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.delivery.account import AccountRules
from consumer.records import RECORD_OVERHEAD_BYTES, Record

MOST_REPLAYS = 1_000


@dataclass(slots=True)
class Load:
    """So many records, and about how much memory they take."""

    records: int = 0
    size_bytes: int = 0

    def add(self, record: Record) -> None:
        """One more."""
        self.records += 1
        self.size_bytes += record.held_bytes

    def remove(self, record: Record) -> None:
        """One less."""
        self.records -= 1
        self.size_bytes -= record.held_bytes


def live_room(rules: AccountRules, live: Load, replays: Load, at_most_bytes: int) -> int:
    """How many more records of the source may be read, each as large as an event may be; 0: none.

    So that what is held stays within the backlog's bounds, and `at_most_bytes` more; a single larger
    record passes.
    """
    free_bytes = rules.backlog_bytes - live.size_bytes - replays.size_bytes
    return _room(rules, rules.backlog_events - live.records - replays.records, min(free_bytes, at_most_bytes))


def replay_room(rules: AccountRules, replays: Load) -> int:
    """The same of the replay topic, whose room is small and its own: neither kind keeps the other out."""
    bound = replay_bound(rules)
    return _room(rules, bound.records - replays.records, bound.size_bytes - replays.size_bytes)


def replay_bound(rules: AccountRules) -> Load:
    """How much of the replay topic is held at most: a tenth of the backlog, a quarter of its bytes."""
    return Load(min(max(1, rules.backlog_events // 10), MOST_REPLAYS), rules.backlog_bytes // 4)


def _room(rules: AccountRules, records: int, size_bytes: int) -> int:
    if records <= 0 or size_bytes <= 0:
        return 0
    largest = rules.events.max_event_bytes + RECORD_OVERHEAD_BYTES
    return min(records, max(1, size_bytes // largest))


def shared_rooms(held_bytes: Mapping[str, int], backlog_bytes: int) -> dict[str, int]:
    """How many more bytes each account may hold, where all share `backlog_bytes`.

    An even share is each one's own, so that a full backlog of one's starves no other: all together hold
    twice as much at most.
    """
    left = backlog_bytes - sum(held_bytes.values())
    even = backlog_bytes // max(1, len(held_bytes))
    return {name: max(left, even - held) for name, held in held_bytes.items()}

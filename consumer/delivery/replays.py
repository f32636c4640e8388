"""The replays an account holds: the beginning and the end of each, as its dead letter's state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from consumer.clock import Clock
from consumer.delivery.dead_letter_state import STATE_AFTER, StateChange
from consumer.delivery.replay import Replay, read_replay
from consumer.records import Record
from schemas.outcome import DeadLetterStateName, OutcomeName

SERVICE: Final = "session-consumer"
SKIPPED_REASON: Final = "events of this type are skipped by setting (CONSUMER_OTHER_EVENT_TYPES)"

HasEnded = Callable[[str, int], bool]


@dataclass(slots=True, eq=False)
class Held:
    """A replay that is not finished yet. `end`: what it came to, once that may have been written."""

    replay: Replay
    end: StateChange | None = None


class Replays:
    """The replays of one tenure, by the offset of their record; `topic` is the account's replay topic.

    A record of another topic is never a replay, whatever its headers say: publishers can't make one.
    """

    def __init__(self, topic: str, wall_clock: Clock) -> None:
        self.topic = topic
        self.has_ended: HasEnded = lambda _id, _count: False
        self._wall_clock = wall_clock
        self._held: dict[tuple[int, int], Held] = {}
        self._waiting: set[tuple[str, int]] = set()

    def of(self, record: Record) -> Replay | None:
        """The replay that this record is, while it is held."""
        held = self.held(record)
        return None if held is None else held.replay

    def held(self, record: Record) -> Held | None:
        """The same, with how far it is."""
        return self._held.get((record.partition, record.offset)) if record.topic == self.topic else None

    def take_in(self, record: Record) -> bool:
        """A record came in. False if it is a replay that needs nothing more: a copy of one that waits,
        or one whose end is on record.
        """
        replay = read_replay(record) if record.topic == self.topic else None
        if replay is None:
            return True
        name = (replay.dead_letter_id, replay.count)
        if name in self._waiting or self.has_ended(*name):
            return False
        self._waiting.add(name)
        self._held[record.partition, record.offset] = Held(replay)
        return True

    def let_go(self, record: Record) -> None:
        """The record is finished."""
        held = self.held(record)
        if held is not None:
            del self._held[record.partition, record.offset]
            self._waiting.discard((held.replay.dead_letter_id, held.replay.count))

    def begun(self, held: Held) -> StateChange:
        """What to write of its beginning: once its end may be there, that one, for batches are repeated."""
        return held.end or self._change(held.replay, "replaying")

    def ended(self, held: Held, outcome: OutcomeName | None) -> StateChange:
        """What to write of its end; `outcome` None: skipped by setting."""
        if held.end is None:
            if outcome is None:
                change = self._change(held.replay, "discarded")
                held.end = change._replace(by=SERVICE, reason=SKIPPED_REASON)
            else:
                held.end = self._change(held.replay, STATE_AFTER[outcome], outcome)
        return held.end

    def _change(
        self, replay: Replay, state: DeadLetterStateName, outcome: OutcomeName | None = None
    ) -> StateChange:
        return StateChange(
            replay.dead_letter_id,
            state,
            replay.count,
            replay.run_id,
            replay.by,
            replay.reason,
            self._wall_clock(),
            outcome,
        )

"""A record that is done, as it is told to logs and traces: ids, numbers and what became of it. Pure."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from consumer.delivery.outcome import EventReference, Origin
from consumer.delivery.replay import Replay
from consumer.events.model import EventIdentity
from schemas.error_class import ErrorClass
from schemas.outcome import OutcomeName

Skipped = Literal["skipped"]

# Of an event that was called for again and again, the last of its calls are told.
MAX_CALLS_TOLD: Final = 10


class CallMade(NamedTuple):
    """One call to Zoho. Times are the wall clock's, epoch seconds; `http_status` None: no answer."""

    started_at: float
    ended_at: float
    verdict: str
    http_status: int | None


class Work(NamedTuple):
    """What was done for a record. `received_at`: epoch seconds; `took_seconds`: all its calls together."""

    identity: EventIdentity
    received_at: float
    calls: int = 0
    took_seconds: float = 0.0
    last_calls: tuple[CallMade, ...] = ()


@dataclass(slots=True)
class Done:
    """What became of a record, told once, when that is durable: `at`, in epoch seconds.

    `record`: where it was read. `by`: the newer event that superseded its own. `dead_letter_id`: the dead
    letter that was written for it, or that it replayed. `replay`: the replay that it was.
    """

    account: str
    record: Origin
    work: Work
    outcome: OutcomeName | Skipped
    at: float
    error_class: ErrorClass | None = None
    dead_letter_id: str | None = None
    replay: Replay | None = None
    by: EventReference | None = None

    @property
    def waited_seconds(self) -> float:
        """From its receipt to its end, less the calls: for slots, locks, its turn, and Kafka."""
        return max(0.0, self.at - self.work.received_at - self.work.took_seconds)

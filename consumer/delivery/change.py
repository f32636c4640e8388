"""A change: an event that waits for its session's turn, with what its calls came to so far."""

from dataclasses import dataclass, field

from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Record


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was tried for one event. Times are those of the calls, epoch seconds.

    `counted`: failed calls that speak against the event, not against the account.
    `limit_at`: the answer time of its first 422.
    `token_repeated`: the last call was the one repeat after a dead token.
    """

    calls: int = 0
    counted: int = 0
    failed: int = 0
    started_at: float | None = None
    limit_at: float | None = None
    token_repeated: bool = False


@dataclass(slots=True, eq=False)
class Change:
    """An event in the backlog.

    It keeps the record alone and no payload: the event is read from the record again when its call
    starts, so that 10,000 of them fit into the memory that is promised.
    """

    record: Record
    session: SessionKey
    identity: EventIdentity
    event_at: float
    sequence: int
    received_at: float
    attempts: Attempts = field(default_factory=Attempts)

"""A change: an event that waits for its session's turn, with what its calls came to so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consumer.delivery.done import MAX_CALLS_TOLD, CallMade, Work
from consumer.delivery.newness import Version, version_of
from consumer.delivery.outcome import Origin
from consumer.events.model import Event, EventIdentity, SessionKey
from consumer.records import Record

# The fields of `sessionData` that an event may leave out, each with its bit in `Change.fields`.
OPTIONAL_FIELDS = {"description": 1, "roomId": 2, "lockUntil": 4, "gradeCategoryId": 8}


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

    @property
    def on_trial(self) -> bool:
        """Whether it is being found out if the event itself is to blame: no newer one may take over."""
        return self.counted > 0 or self.limit_at is not None or self.token_repeated


@dataclass(slots=True, eq=False)
class Change:
    """An event in the backlog.

    It keeps the record alone and no payload: the event is read from the record again when its call
    starts, so that 10,000 of them fit into the memory that is promised.

    `fields`: which optional fields it carries, as bits of `OPTIONAL_FIELDS`. `starts_at`: when the
    session starts, epoch seconds. `is_replay`: it is a dead letter's, tried again. `repeats`: another
    copy of the event was waiting when it came. `received_at`: when it came, epoch seconds of the wall clock.
    `took_seconds`, `last_calls`: as in `Work`.
    """

    record: Record
    session: SessionKey
    identity: EventIdentity
    version: Version
    fields: int
    starts_at: float
    is_replay: bool = False
    received_at: float = 0.0
    attempts: Attempts = field(default_factory=Attempts)
    repeats: bool = False
    took_seconds: float = 0.0
    last_calls: tuple[CallMade, ...] = ()

    @property
    def sequence(self) -> int:
        """Its place in the reading order."""
        return self.version.sequence

    @property
    def event_at(self) -> float:
        """The event's time, epoch seconds."""
        return self.version.time_us / 1_000_000

    @property
    def work(self) -> Work:
        """What was done for it so far."""
        return Work(self.identity, self.received_at, self.attempts.calls, self.took_seconds, self.last_calls)

    def called(self, call: CallMade) -> None:
        """A call was made for it."""
        self.took_seconds += call.ended_at - call.started_at
        self.last_calls = (*self.last_calls, call)[-MAX_CALLS_TOLD:]


def change_of(
    event: Event,
    record: Record,
    origin: Origin,
    sequence: int,
    *,
    is_replay: bool = False,
    received_at: float = 0.0,
) -> Change:
    """The change of an event that was read from this record, as the `sequence`-th."""
    return Change(
        record,
        event.session,
        event.identity,
        version_of(event, origin, sequence),
        optional_fields(event.session_data),
        event.starts_at.timestamp(),
        is_replay,
        received_at,
    )


def optional_fields(session_data: Mapping[str, str]) -> int:
    """Which optional fields are there, as bits of `OPTIONAL_FIELDS`."""
    return sum(bit for name, bit in OPTIONAL_FIELDS.items() if name in session_data)

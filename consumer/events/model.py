"""What reading a record can give: an event, a refusal, or nothing of ours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from consumer.events.trace_context import TraceContext
from schemas.error_class import ErrorClass

InputStyle = Literal["query", "json", "form", "both"]


class SessionKey(NamedTuple):
    """Which training session, by Zoho's four ids (strings of 1 to 30 digits)."""

    course_id: str
    batch_id: str
    module_id: str
    session_id: str

    def __str__(self) -> str:
        """As in `dlq.session` and the outcomes topic's keys."""
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class EventRules:
    """The settings that decide whether an event is good; one value per account."""

    zone: ZoneInfo
    input_style: InputStyle = "query"
    # Path of the People URL in front of /api (usually empty): it counts for the 8,000 byte target.
    base_path: str = ""
    max_event_bytes: int = 262_144
    max_clock_skew_seconds: float = 300.0
    skip_other_types: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken field. `pointer` is RFC 6901, into the event as in structured mode."""

    pointer: str
    problem: str


@dataclass(frozen=True, slots=True)
class EventIdentity:
    """What of an event's identity could be read, for headers and logs. All of it may be missing."""

    id: str | None = None
    source: str | None = None
    time: str | None = None
    session: SessionKey | None = None
    revision: int | None = None
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A valid event that Zoho can hold.

    `session_data` is Zoho's `sessionData`, ready to send: names and values are strings, in the
    order of Zoho's documentation.
    """

    id: str
    source: str
    time: datetime
    session: SessionKey
    revision: int | None
    starts_at: datetime
    session_data: dict[str, str]
    trace: TraceContext | None = None

    @property
    def identity(self) -> EventIdentity:
        """For headers and logs."""
        time = self.time.isoformat()
        return EventIdentity(self.id, self.source, time, self.session, self.revision, self.trace)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that will never be sent: its class, one sentence that says how to mend it, and the fields."""

    error_class: ErrorClass
    message: str
    problems: tuple[Problem, ...] = ()
    retryable: bool = False
    identity: EventIdentity = EventIdentity()


@dataclass(frozen=True, slots=True)
class OtherType:
    """A CloudEvent of another type, where the settings say that such are skipped."""

    type: str


Reading = Event | Refusal | OtherType

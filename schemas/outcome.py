"""What became of every event: the values of the compacted outcomes topic (contract, section 6)."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.error_class import ErrorClass
from schemas.fields import Attribute, Contract, DateTime, Revision

OutcomeName = Literal["applied", "superseded", "stale", "duplicate", "dead_lettered"]
DeadLetterStateName = Literal["open", "replaying", "applied", "superseded", "discarded"]
Session = Annotated[str, Field(strict=True, pattern=r"^[0-9]{1,30}(/[0-9]{1,30}){3}$")]
Text = Annotated[str, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]


class Origin(Contract):
    """Where a record was first read."""

    topic: Text
    partition: Count
    offset: Count


class EventReference(Contract):
    """Which event."""

    id: Attribute
    source: Attribute
    time: DateTime
    revision: Revision | None = None
    """Null where the event has none."""


class AppliedEvent(EventReference):
    """The session's last applied event."""

    at: DateTime
    """When Zoho said that it stored it."""
    origin: Origin


class Outcome(Contract):
    """One event's end. The key is `session`; readers keep the newest `applied` among all records of a key."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    """The version of this record's form."""
    session: Session
    """`courseId/batchId/moduleId/sessionId`."""
    event: EventReference
    """The event this is about."""
    origin: Origin
    """Where its record was first read; a replay counts with this one too."""
    outcome: OutcomeName
    """What became of it."""
    by: EventReference | None
    """The newer event that made it needless (`superseded`)."""
    dead_letter_id: Text | None
    """The dead letter that was written (`dead_lettered`) or replayed (all others)."""
    error_class: ErrorClass | None
    """Why it was dead-lettered."""
    at: DateTime
    """When this was decided."""
    applied: AppliedEvent | None
    """The session's last applied event, always repeated; null where none was applied yet."""


class DeadLetterState(Contract):
    """A dead letter's state. The key is `dead-letter/<dlq.id>`; without a record the state is `open`."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    """The version of this record's form."""
    dead_letter_id: Text
    """Its `dlq.id`."""
    state: DeadLetterStateName
    """`superseded` also where a replay came to `stale`, or the session has a newer applied event."""
    replay_count: Count
    """How often it was replayed."""
    run_id: Text | None
    """The replay run that changed it."""
    by: Text | None
    """Who asked for the change."""
    reason: Text | None
    """Why, in their words."""
    at: DateTime
    """When the state changed."""
    outcome: OutcomeName | None
    """What the replayed record came to."""

"""The event that publishers send: CloudEvents 1.0 with one session's change (contract, section 2)."""

from typing import Final, Literal

from schemas.fields import (
    Attribute,
    Contract,
    Date,
    DateTime,
    Delivery,
    Description,
    Name,
    Optional,
    Revision,
    ZohoId,
)

EVENT_TYPE: Final = "training.session.changed.v1"
SPEC_VERSION: Final = "1.0"


class TrainingSession(Contract):
    """The session as it is to be. An optional field that is left out stays as it is in Zoho."""

    name: Name
    """What learners see; has a character that is not white space."""
    trainer_id: ZohoId
    """The trainer's record in Zoho People (`trainerErecno`)."""
    delivery: Delivery
    """How the session is held."""
    starts_at: DateTime
    """RFC 3339 with offset, whole minutes."""
    ends_at: DateTime
    """RFC 3339 with offset, whole minutes; after `startsAt`, on the same date in the portal's time zone."""
    description: Optional[Description] = None
    """Free text."""
    room_id: Optional[ZohoId] = None
    """The room in Zoho People."""
    locked_until: Optional[Date] = None
    """Zoho's `lockUntil`, a date."""
    grade_category_id: Optional[ZohoId] = None
    """The grade category in Zoho People."""


class SessionChanged(Contract):
    """`data` of the event: which session, by Zoho's ids, and what it looks like now."""

    course_id: ZohoId
    """The course in Zoho People LMS: a string of digits, never a number (ids exceed 2^53)."""
    batch_id: ZohoId
    """The batch of the course."""
    module_id: ZohoId
    """The module of the batch."""
    session_id: ZohoId
    """The session; recommended as the record's key."""
    revision: Optional[Revision] = None
    """Grows with each change of the session; decides which of two events is newer where both have one."""
    session: TrainingSession
    """The session as it is to be."""


class SessionChangedEvent(Contract):
    """The whole event, as in CloudEvents structured mode; in binary mode attributes are `ce_…` headers."""

    specversion: Literal["1.0"]
    """The version of CloudEvents."""
    id: Attribute
    """With `source` it identifies the event: the same pair again is a duplicate. 1,024 bytes at most."""
    source: Attribute
    """Who publishes, as a URI reference. 1,024 bytes at most."""
    type: Literal["training.session.changed.v1"]
    """What the event says."""
    time: DateTime
    """When the change was made: decides which of two events is newer where one has no `revision`."""
    data: SessionChanged
    """The change."""

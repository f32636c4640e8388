"""Who an event is, as far as it can be read: for the dead letters of events that are refused. Pure.

What is good is what the models take: a refused event is identified by all that a valid one would be.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from consumer.events.model import EventIdentity, SessionKey
from consumer.events.trace_context import TraceContext
from schemas.fields import Attribute, Revision, ZohoId
from schemas.moments import parse_date_time

T = TypeVar("T")

_ATTRIBUTE: Final = TypeAdapter[str](Attribute)
_ZOHO_ID: Final = TypeAdapter[str](ZohoId)
_REVISION: Final = TypeAdapter[int](Revision)


def identity_of(
    event: Mapping[str, object], time: datetime | None, trace: TraceContext | None = None
) -> EventIdentity:
    """From an event as in structured mode, broken as it may be.

    `time`: its time, read already (`readable_time`).
    """
    return EventIdentity(
        id=_good(_ATTRIBUTE, event.get("id")),
        source=_good(_ATTRIBUTE, event.get("source")),
        time=None if time is None else time.isoformat(),
        session=_session(event.get("data")),
        revision=_revision(event.get("data")),
        trace=trace,
    )


def readable_time(event: Mapping[str, object]) -> datetime | None:
    """The event's time; None where it can't be read."""
    try:
        return parse_date_time(event.get("time"))
    except ValueError:
        return None


def _session(event_data: object) -> SessionKey | None:
    if not isinstance(event_data, dict):
        return None
    ids = [_good(_ZOHO_ID, event_data.get(name)) for name in ("courseId", "batchId", "moduleId", "sessionId")]
    good = [each for each in ids if each is not None]
    return SessionKey(*good) if len(good) == len(ids) else None


def _revision(event_data: object) -> int | None:
    return _good(_REVISION, event_data.get("revision")) if isinstance(event_data, dict) else None


def _good(kind: TypeAdapter[T], value: object) -> T | None:
    try:
        return kind.validate_python(value)
    except ValidationError:
        return None

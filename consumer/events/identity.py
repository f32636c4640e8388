"""Who an event is, as far as it can be read: for the dead letters of events that are refused. Pure."""

from collections.abc import Mapping
from datetime import datetime

from consumer.events.model import EventIdentity, SessionKey
from consumer.events.trace_context import TraceContext
from schemas.fields import MAX_ATTRIBUTE_BYTES, MAX_ID_DIGITS, MAX_REVISION
from schemas.moments import parse_date_time


def identity_of(
    event: Mapping[str, object], time: datetime | None, trace: TraceContext | None = None
) -> EventIdentity:
    """From an event as in structured mode, broken as it may be: only what is printable and within bounds.

    `time`: its time, read already (`readable_time`).
    """
    return EventIdentity(
        id=_bounded(event.get("id")),
        source=_bounded(event.get("source")),
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


def _bounded(value: object) -> str | None:
    if isinstance(value, str) and value.isprintable() and 0 < len(value.encode()) <= MAX_ATTRIBUTE_BYTES:
        return value
    return None


def _session(event_data: object) -> SessionKey | None:
    if not isinstance(event_data, dict):
        return None
    ids = [event_data.get(name) for name in ("courseId", "batchId", "moduleId", "sessionId")]
    good = [each for each in ids if isinstance(each, str) and _is_zoho_id(each)]
    return SessionKey(*good) if len(good) == len(ids) else None


def _revision(event_data: object) -> int | None:
    revision = event_data.get("revision") if isinstance(event_data, dict) else None
    good = isinstance(revision, int) and not isinstance(revision, bool) and 0 <= revision <= MAX_REVISION
    return revision if good else None


def _is_zoho_id(text: str) -> bool:
    return len(text) <= MAX_ID_DIGITS and text.isascii() and text.isdigit()

"""Who an event is, as far as it can be read: for the dead letters of events that are refused. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from consumer.events.model import EventIdentity, SessionKey
from schemas.fields import MAX_ATTRIBUTE_BYTES, MAX_ID_DIGITS
from schemas.moments import parse_date_time

_ZOHO_ID: Final = re.compile(rf"[0-9]{{1,{MAX_ID_DIGITS}}}")


def identity_of(event: Mapping[str, object]) -> EventIdentity:
    """From an event as in structured mode, broken as it may be: only what is printable and within bounds."""
    return EventIdentity(
        id=_bounded(event.get("id")),
        source=_bounded(event.get("source")),
        time=_time(event.get("time")),
        session=_session(event.get("data")),
    )


def _bounded(value: object) -> str | None:
    if isinstance(value, str) and value.isprintable() and 0 < len(value.encode()) <= MAX_ATTRIBUTE_BYTES:
        return value
    return None


def _time(value: object) -> str | None:
    try:
        return parse_date_time(value).isoformat()
    except ValueError:
        return None


def _session(event_data: object) -> SessionKey | None:
    if not isinstance(event_data, dict):
        return None
    ids = [event_data.get(name) for name in ("courseId", "batchId", "moduleId", "sessionId")]
    good = [each for each in ids if isinstance(each, str) and _ZOHO_ID.fullmatch(each)]
    return SessionKey(*good) if len(good) == len(ids) else None

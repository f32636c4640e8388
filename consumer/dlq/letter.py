"""A dead letter as those who replay it see it: from the record's headers. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from consumer.delivery.newness import Version
from consumer.delivery.outcome import MAX_OFFSET, MAX_PARTITION, Origin, micros
from consumer.records import Record, TopicPartition
from schemas import dead_letter as names
from schemas.fields import MAX_REVISION

_MOST_DIGITS: Final = 19
_MAX_COUNT: Final = 10**9
# Of a header of ours, and of a value that a revision is looked for in: what is larger came packed.
_MAX_BYTES: Final = 1024 * 1024


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


# Letters are read by the hundred thousand: only what is asked for below, and what many have in common is
# held once.
_MAX_SHARED_BYTES: Final = 2_048
_cached_text: Final = lru_cache(maxsize=4096)(_text)


def _shared_text(value: bytes) -> str:
    return _cached_text(value) if len(value) <= _MAX_SHARED_BYTES else _text(value)


_OWN: Final = (
    names.ID,
    names.ERRORS_PARTITION,
    names.ERRORS_OFFSET,
    names.EVENT_ID,
    names.EVENT_TIME,
    names.FAILED_AT,
    names.SESSION,
    names.SOURCE_TIMESTAMP,
)
_SHARED: Final = (
    names.ACCOUNT,
    names.ERRORS_DELIVERY_COUNT,
    names.ERRORS_MESSAGE,
    names.ERRORS_TOPIC,
    names.ERROR_CLASS,
    names.ERROR_DETAILS,
    names.ERROR_RETRYABLE,
    names.EVENT_SOURCE,
    names.HTTP_STATUS,
    names.REPLAY_COUNT,
    names.REPLAY_RUN_ID,
    names.ZOHO_CODE,
    names.ZOHO_MESSAGE,
)
_READ: Final[tuple[tuple[str, Callable[[bytes], str]], ...]] = (
    *((name, _text) for name in _OWN),
    *((name, _shared_text) for name in _SHARED),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One copy of a dead letter; `id` names the dead letter, whatever became of it since.

    Times are RFC 3339 as written; `failed_at_seconds` is epoch seconds. `partition`, `offset`: where this
    copy is. `revision`: the event's, where its value can be read. Texts are what headers say.
    """

    id: str
    error_class: str
    retryable: bool
    message: str
    details: str | None
    session: str | None
    event_id: str | None
    event_source: str | None
    event_time: str | None
    revision: int | None
    http_status: int | None
    zoho_code: str | None
    zoho_message: str | None
    failed_at: str
    failed_at_seconds: float
    source_timestamp: str | None
    calls: int
    replay_count: int
    run_id: str | None
    account: str
    origin: Origin
    partition: int
    offset: int

    @property
    def version(self) -> Version | None:
        """What decides whether another event is newer; None where too little of the event can be read."""
        if self.event_time is None or self.session is None:
            return None
        try:
            time_us = micros(datetime.fromisoformat(self.event_time))
        except (ValueError, TypeError):
            return None
        return Version(
            self.revision,
            time_us,
            TopicPartition(self.origin.topic, self.origin.partition),
            self.origin.offset,
            0,
            self.event_source or "",
            self.event_id or "",
        )

    @property
    def broken_fields(self) -> list[Mapping[str, str]]:
        """The fields to blame, each with `pointer` and `problem`."""
        try:
            found = json.loads(self.details or "[]")
        except (ValueError, RecursionError):
            return []
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def read_letter(record: Record) -> Letter | None:
    """The dead letter that a record of the dead-letter topic is; None where it is none of ours."""
    raw = dict(record.headers)
    if names.ID not in raw:
        return None
    given = {name: (read, value) for name, read in _READ if (value := raw.get(name)) is not None}
    if any(len(value) > _MAX_BYTES for _, value in given.values()):
        return None
    found = {name: read(value) for name, (read, value) in given.items()}
    try:
        failed_at = datetime.fromisoformat(found[names.FAILED_AT])
        origin = Origin(
            found[names.ERRORS_TOPIC],
            _number(found[names.ERRORS_PARTITION], MAX_PARTITION),
            _number(found[names.ERRORS_OFFSET], MAX_OFFSET),
        )
        status = found.get(names.HTTP_STATUS)
        return Letter(
            id=found[names.ID],
            error_class=found[names.ERROR_CLASS],
            retryable=found[names.ERROR_RETRYABLE] == "true",
            message=found.get(names.ERRORS_MESSAGE, ""),
            details=found.get(names.ERROR_DETAILS),
            session=found.get(names.SESSION),
            event_id=found.get(names.EVENT_ID),
            event_source=found.get(names.EVENT_SOURCE),
            event_time=found.get(names.EVENT_TIME),
            revision=_revision(record.value) if names.SESSION in found else None,
            http_status=None if status is None else _number(status, _MAX_COUNT),
            zoho_code=found.get(names.ZOHO_CODE),
            zoho_message=found.get(names.ZOHO_MESSAGE),
            failed_at=found[names.FAILED_AT],
            failed_at_seconds=failed_at.timestamp(),
            source_timestamp=found.get(names.SOURCE_TIMESTAMP),
            calls=_number(found.get(names.ERRORS_DELIVERY_COUNT, "0"), _MAX_COUNT),
            replay_count=_number(found.get(names.REPLAY_COUNT, "0"), _MAX_COUNT),
            run_id=found.get(names.REPLAY_RUN_ID),
            account=found.get(names.ACCOUNT, ""),
            origin=origin,
            partition=record.partition,
            offset=record.offset,
        )
    except (KeyError, ValueError, OverflowError):
        return None


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) > most:
        raise ValueError("not a number within its bounds")
    return int(text)


def _revision(value: bytes | None) -> int | None:
    """The event's revision in either mode; read leniently, since the event may be broken elsewhere."""
    if value is None or len(value) > _MAX_BYTES or b'"revision"' not in value:
        return None
    try:
        found: Any = json.loads(value.decode())
        found = found.get("data", found)
        revision = found.get("revision")
    except (ValueError, AttributeError, RecursionError):
        return None
    good = type(revision) is int and 0 <= revision <= MAX_REVISION
    return revision if good else None

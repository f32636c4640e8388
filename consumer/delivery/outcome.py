"""What became of an event: the outcomes topic's record (contract, section 6), to and from bytes. Pure."""

import json
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final, NamedTuple

from consumer.clock import rfc3339
from consumer.events.model import SessionKey
from consumer.records import Headers
from schemas.error_class import ErrorClass
from schemas.fields import MAX_ATTRIBUTE_BYTES, MAX_REVISION
from schemas.outcome import OutcomeName

# Keys of the second kind of record: a dead letter's state.
STATE_KEY_PREFIX: Final = b"dead-letter/"
MAX_OFFSET: Final = 2**63 - 1
MAX_PARTITION: Final = 2**31 - 1
MAX_TOPIC_CHARACTERS: Final = 249

# What we write is below 20 kB. What is larger is none of ours and not taken apart: 30 MB of `[[],[],…` come
# as a few kilobytes, stay for good in a topic that is compacted, and take 800 MB as objects of Python.
MAX_VALUE_BYTES: Final = 65_536

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SESSION: Final = re.compile(r"[0-9]{1,30}(?:/[0-9]{1,30}){3}")
_HEAD: Final = '{"schema":1,'
_EVENT: Final = '"event":'
_ORIGIN: Final = '"origin":'
_APPLIED: Final = ',"applied":'
_decode: Final = json.JSONDecoder().raw_decode


class EventReference(NamedTuple):
    """Which event. `time_us`: its `time`, microseconds since 1970 in UTC."""

    id: str
    source: str
    time_us: int
    revision: int | None


class Origin(NamedTuple):
    """Where a record was first read."""

    topic: str
    partition: int
    offset: int


class Applied(NamedTuple):
    """A session's last applied event. `at_us`: when Zoho said that it stored it, as `time_us`."""

    event: EventReference
    origin: Origin
    at_us: int


class OutcomeRecord(NamedTuple):
    """A record of the outcomes topic; without a value it is a tombstone."""

    key: bytes
    value: bytes | None

    @property
    def headers(self) -> Headers:
        """None: all is in the value."""
        return ()

    @property
    def size_bytes(self) -> int:
        """About its size on the wire."""
        return len(self.key) + len(self.value or b"")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One event's end. `at`: epoch seconds. The fields are those of `schemas.outcome.Outcome`."""

    session: SessionKey
    event: EventReference
    origin: Origin
    outcome: OutcomeName
    at: float
    applied: Applied | None
    by: EventReference | None = None
    dead_letter_id: str | None = None
    error_class: ErrorClass | None = None

    def record(self) -> OutcomeRecord:
        """As it is written. By hand: thousands a second, and `applied` last, where `applied_of` seeks it."""
        session = str(self.session)
        by = "null" if self.by is None else f"{{{_reference(self.by)}}}"
        text = (
            f'{_HEAD}"session":"{session}","event":{{{_reference(self.event)}}},{_origin(self.origin)},'
            f'"outcome":"{self.outcome}","by":{by},"deadLetterId":{_maybe(self.dead_letter_id)},'
            f'"errorClass":{_maybe(self.error_class)},"at":"{rfc3339(self.at)}"'
            f"{_APPLIED}{_applied(self.applied)}}}"
        )
        return OutcomeRecord(session.encode(), text.encode())


def written_again(session: SessionKey, applied: Applied) -> Outcome:
    """The outcome of a session's last applied event once more, so that the key's last record carries it."""
    return Outcome(
        session=session,
        event=applied.event,
        origin=applied.origin,
        outcome="applied",
        at=applied.at_us / 1e6,
        applied=applied,
    )


def tombstone(session: SessionKey) -> OutcomeRecord:
    """What lets compaction forget a session."""
    return OutcomeRecord(str(session).encode(), None)


def session_of(key: bytes) -> str:
    """The session that a record's key names; ValueError where it names none."""
    text = key.decode("ascii")
    if _SESSION.fullmatch(text) is None:
        raise ValueError("the key is no session")
    return text


def applied_of(value: bytes) -> Applied | None:
    """The `applied` of an outcome's value; ValueError where it is no outcome of schema 1.

    Of what we wrote ourselves only the end is parsed: a take-over reads them by the hundred thousand.
    """
    text = text_of(value)
    place = text.rfind(_APPLIED)
    try:
        if place > 0 and text.startswith(_HEAD):
            found, end = _decode(text, place + len(_APPLIED))
            if text[end:] == "}":
                return None if found is None else _read_applied(found)
        whole = json.loads(text)
        if whole["schema"] != 1:
            raise ValueError("not of schema 1")
        return None if whole["applied"] is None else _read_applied(whole["applied"])
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as exc:
        raise ValueError(f"not an outcome: {type(exc).__name__}") from None


def settled_of(value: bytes) -> tuple[Origin, int] | None:
    """Whose outcome a value is: where its record was first read, and `event_mark` of its event.

    None where it can't be told; only of what we wrote ourselves.
    """
    text = text_of(value)
    place, event = text.find(_ORIGIN), text.find(_EVENT)
    if not text.startswith(_HEAD) or place < 0 or event < 0:
        return None
    try:
        found, _ = _decode(text, place + len(_ORIGIN))
        reference, _ = _decode(text, event + len(_EVENT))
        return _read_origin(found), event_mark(reference["source"], reference["id"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def text_of(value: bytes) -> str:
    """The text of a value; ValueError where it is none, or larger than anything that we write."""
    if len(value) > MAX_VALUE_BYTES:
        raise ValueError("larger than what is written here")
    return value.decode()


def event_mark(source: str, event_id: str) -> int:
    """32 bits of an event's identity."""
    return zlib.crc32(f"{source}\0{event_id}".encode(errors="replace"))


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _read_origin(found: Any) -> Origin:
    return Origin(
        _text(found["topic"], MAX_TOPIC_CHARACTERS),
        _number(found["partition"], MAX_PARTITION),
        _number(found["offset"], MAX_OFFSET),
    )


def _read_applied(found: Any) -> Applied:
    return Applied(
        EventReference(
            _text(found["id"], MAX_ATTRIBUTE_BYTES),
            _text(found["source"], MAX_ATTRIBUTE_BYTES),
            _read_time(found["time"]),
            None if found.get("revision") is None else _number(found["revision"], MAX_REVISION),
        ),
        _read_origin(found["origin"]),
        _read_time(found["at"]),
    )


def _text(found: object, max_characters: int) -> str:
    if type(found) is not str or len(found) > max_characters or "\0" in found:
        raise ValueError("not a text within its bound")
    return found


def _number(found: object, most: int) -> int:
    if type(found) is not int or not 0 <= found <= most:
        raise ValueError("not a number within its bounds")
    return found


def _read_time(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    # It is written again in UTC, where the ends of the calendar are nearer: OverflowError beyond.
    return micros(moment.astimezone(UTC))


def _reference(event: EventReference) -> str:
    revision = "null" if event.revision is None else event.revision
    return (
        f'"id":{quoted(event.id)},"source":{quoted(event.source)},'
        f'"time":"{_time(event.time_us)}","revision":{revision}'
    )


def _origin(origin: Origin) -> str:
    return (
        f'"origin":{{"topic":{quoted(origin.topic)},"partition":{origin.partition},"offset":{origin.offset}}}'
    )


def _applied(applied: Applied | None) -> str:
    if applied is None:
        return "null"
    return f'{{{_reference(applied.event)},"at":"{_time(applied.at_us)}",{_origin(applied.origin)}}}'


def _time(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()[:-6] + "Z"


def _maybe(text: str | None) -> str:
    return "null" if text is None else quoted(text)

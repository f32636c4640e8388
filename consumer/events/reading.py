"""From a record, or a document, to an event: the one place where good and bad part. Pure."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from consumer.events.headers import Binary, Mode, NoMode, Structured, find_mode
from consumer.events.identity import identity_of, readable_time
from consumer.events.mapping import map_session
from consumer.events.model import (
    Event,
    EventIdentity,
    EventRules,
    OtherType,
    Problem,
    Reading,
    Refusal,
    SessionKey,
)
from consumer.events.problems import problems_of, summary
from consumer.events.strict_json import UnreadableJsonError, parse_json
from consumer.events.trace_context import TraceContext, trace_in_event
from consumer.records import Record
from schemas.error_class import ErrorClass
from schemas.event import EVENT_TYPE, SessionChangedEvent

_MAX_TYPE_CHARACTERS: Final = 200


def read_record(record: Record, rules: EventRules, now_seconds: float) -> Reading:
    """What the record is: an event, a refusal with every fault, or nothing of ours.

    `now_seconds`: the consumer's clock, epoch seconds. Never raises, whatever the record holds.
    """
    latest_seconds = max(now_seconds, record.timestamp_ms / 1000) + rules.max_clock_skew_seconds
    return _read(find_mode(record.headers), record.value, rules, latest_seconds)


def reread(record: Record, rules: EventRules) -> Event:
    """The event of a record that was one before, under the same rules; its `time` is not checked again."""
    reading = _read(find_mode(record.headers), record.value, rules, math.inf)
    if not isinstance(reading, Event):
        raise TypeError(f"{record.topic}:{record.partition}:{record.offset} is no longer a valid event")
    return reading


def read_structured(raw: bytes, rules: EventRules, now_seconds: float, *, maps: bool = True) -> Reading:
    """The same for the bytes of a structured event without a record around it.

    With `maps=False` section 3 of the contract is not checked, and the event's `session_data` is empty.
    """
    return _read(Structured(), raw, rules, now_seconds + rules.max_clock_skew_seconds, maps=maps)


def read_bare_data(
    raw: bytes, attributes: dict[str, str], rules: EventRules, now_seconds: float, *, maps: bool = True
) -> Reading:
    """The same for the bytes of an event's `data`, to be sent with these attributes."""
    return _read(Binary(attributes), raw, rules, now_seconds + rules.max_clock_skew_seconds, maps=maps)


def _read(
    mode: Mode, value: bytes | None, rules: EventRules, latest_seconds: float, *, maps: bool = True
) -> Reading:
    attributes = {} if isinstance(mode, Structured) else mode.attributes
    trace = mode.trace
    if rules.skip_other_types and (other := _other_type(attributes)):
        return other  # before its value is looked at: that may be of any format
    if isinstance(mode, NoMode):
        return _unreadable(mode.message, attributes, trace)
    if value is None:
        return _unreadable(
            "The record has no value (null); send the event as a JSON object.", attributes, trace
        )
    try:
        content = parse_json(value, rules.max_event_bytes)
    except UnreadableJsonError as error:
        return _unreadable(str(error), attributes, trace)
    if not isinstance(content, dict):
        return _unreadable("The value is JSON, but not an object; send one JSON object.", attributes, trace)
    if isinstance(mode, Binary):
        event = {**attributes, "data": content}
        return _judge(event, mode.problems, rules, latest_seconds, trace, maps=maps)
    if rules.skip_other_types and (other := _other_type(content)):
        return other
    return _judge(content, (), rules, latest_seconds, trace or trace_in_event(content), maps=maps)


def _other_type(event: Mapping[str, object]) -> OtherType | None:
    event_type = event.get("type")
    if isinstance(event_type, str) and event_type and event_type != EVENT_TYPE:
        return OtherType(event_type[:_MAX_TYPE_CHARACTERS])
    return None


def _judge(
    content: Mapping[str, object],
    header_problems: tuple[Problem, ...],
    rules: EventRules,
    latest_seconds: float,
    trace: TraceContext | None,
    *,
    maps: bool,
) -> Reading:
    try:
        event = SessionChangedEvent.model_validate(content)
    except ValidationError as error:
        named = {each.pointer for each in header_problems}
        others = tuple(each for each in problems_of(error) if each.pointer not in named)
        time = readable_time(content)
        ahead = _time_problems(time, rules, latest_seconds)
        return _invalid(header_problems + others + ahead, identity_of(content, time, trace))
    time_problems = _time_problems(event.time, rules, latest_seconds)
    mapped = _mapped(event, rules if maps else None, trace)
    if isinstance(mapped, Event) and not time_problems:
        return mapped
    mapping_problems = () if isinstance(mapped, Event) else mapped
    identity = identity_of(content, event.time, trace)
    if time_problems:
        return _invalid(time_problems + mapping_problems, identity, retryable=not mapping_problems)
    return Refusal(
        ErrorClass.EVENT_UNMAPPABLE,
        summary("Zoho can't hold this session", mapping_problems),
        mapping_problems,
        identity=identity,
    )


def _mapped(
    event: SessionChangedEvent, rules: EventRules | None, trace: TraceContext | None
) -> Event | tuple[Problem, ...]:
    change = event.data
    key = SessionKey(change.course_id, change.batch_id, change.module_id, change.session_id)
    session_data = {} if rules is None else map_session(key, change.session, rules)
    if isinstance(session_data, tuple):
        return session_data
    return Event(
        id=event.id,
        source=event.source,
        time=event.time,
        session=key,
        revision=change.revision,
        starts_at=change.session.starts_at,
        session_data=session_data,
        trace=trace,
    )


def _time_problems(time: datetime | None, rules: EventRules, latest_seconds: float) -> tuple[Problem, ...]:
    if time is None or time.timestamp() <= latest_seconds:
        return ()
    return (
        Problem(
            "/time",
            f"is more than {rules.max_clock_skew_seconds:g} s ahead of the consumer's clock and the record's "
            "timestamp, which would make later changes look old; set the publisher's clock right",
        ),
    )


def _invalid(problems: tuple[Problem, ...], identity: EventIdentity, *, retryable: bool = False) -> Refusal:
    message = summary("The event is invalid", problems)
    return Refusal(ErrorClass.EVENT_INVALID, message, problems, retryable, identity)


def _unreadable(message: str, attributes: Mapping[str, object], trace: TraceContext | None) -> Refusal:
    identity = identity_of(attributes, readable_time(attributes), trace)
    return Refusal(ErrorClass.EVENT_UNREADABLE, message, identity=identity)

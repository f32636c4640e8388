"""Events and records to break, one field at a time."""

import copy
import json
from collections.abc import Callable
from typing import Any

from consumer.events.examples import NOW_SECONDS, valid_examples
from consumer.events.model import Event, EventRules, Reading, Refusal
from consumer.events.reading import read_record
from consumer.events.zones import load_zone
from consumer.records import Headers, Record

NOW = NOW_SECONDS
KOLKATA = EventRules(zone=load_zone("Asia/Kolkata"))
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)
BINARY: Headers = (
    ("content-type", b"application/json"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"urn:test"),
    ("ce_type", b"training.session.changed.v1"),
    ("ce_time", b"2026-11-20T08:15:30Z"),
)


def full_event(change: Callable[[dict[str, Any]], object] = lambda _: None) -> dict[str, Any]:
    """The example with every field, changed."""
    event = copy.deepcopy(valid_examples()["full"])
    change(event)
    return event


def session_event(**fields: object) -> dict[str, Any]:
    """The example with other fields in its session."""
    return full_event(lambda event: event["data"]["session"].update(fields))


def record(value: object, headers: Headers = STRUCTURED, timestamp_ms: int = 0) -> Record:
    """A record of that value, encoded as JSON unless it is bytes or nothing."""
    match value:
        case None | bytes():
            raw = value
        case _:
            raw = json.dumps(value, ensure_ascii=False).encode()
    return Record("t", 0, 7, timestamp_ms, b"key", raw, headers)


def read(value: object, headers: Headers = STRUCTURED, rules: EventRules = KOLKATA) -> Reading:
    """As the consumer would, on the day of the examples."""
    return read_record(record(value, headers), rules, NOW)


def accepted(value: object, headers: Headers = STRUCTURED, rules: EventRules = KOLKATA) -> Event:
    """The event; fails where it is refused."""
    reading = read(value, headers, rules)
    assert isinstance(reading, Event), reading
    return reading


def refused(value: object, headers: Headers = STRUCTURED, rules: EventRules = KOLKATA) -> Refusal:
    """The refusal; fails where there is none."""
    reading = read(value, headers, rules)
    assert isinstance(reading, Refusal), reading
    return reading


def pointers(refusal: Refusal) -> list[str]:
    """Where its problems are."""
    return [problem.pointer for problem in refusal.problems]

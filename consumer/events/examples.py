"""The examples in `schemas/examples`, and what the reader says of the invalid ones."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from consumer.events.model import EventRules, Refusal
from consumer.events.reading import read_structured
from consumer.events.zones import load_zone
from schemas.catalogue import INVALID_EXAMPLES, VALID_EXAMPLES, read_json

# The portal's zone in the examples, and the day on which they are read.
TIME_ZONE: Final = "Asia/Kolkata"
NOW_SECONDS: Final = datetime(2026, 11, 20, 8, 16, tzinfo=UTC).timestamp()


def valid_examples() -> dict[str, dict[str, Any]]:
    """Name to structured event, in the order of their names."""
    return {path.stem: read_json(path) for path in sorted(VALID_EXAMPLES.glob("*.json"))}


def invalid_examples() -> dict[str, dict[str, Any]]:
    """Name to `why`, `event` or `value`, `error_class`, `message` and `details`."""
    return {path.stem: read_json(path) for path in sorted(INVALID_EXAMPLES.glob("*.json"))}


def value_of(example: dict[str, Any]) -> bytes:
    """An invalid example as a record's value."""
    if "value" in example:
        return str(example["value"]).encode()
    return json.dumps(example["event"], ensure_ascii=False).encode()


def explain(example: dict[str, Any]) -> dict[str, Any]:
    """The example with what a dead letter of it carries; ValueError where the reader accepts it."""
    rules = EventRules(zone=load_zone(example.get("time_zone", TIME_ZONE)))
    reading = read_structured(value_of(example), rules, NOW_SECONDS)
    if not isinstance(reading, Refusal):
        raise ValueError(f"no fault is found in the example: {example['why']}")  # noqa: TRY004
    written = {key: example[key] for key in ("why", "time_zone", "event", "value") if key in example}
    return written | {
        "error_class": reading.error_class.value,
        "retryable": reading.retryable,
        "message": reading.message,
        "details": [{"pointer": each.pointer, "problem": each.problem} for each in reading.problems],
    }

"""What is wrong with an event, field by field, in our own words: what to send instead, never what came."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from consumer.events.model import Problem
from schemas.dead_letter import MAX_MESSAGE_BYTES
from schemas.event import EVENT_TYPE, SPEC_VERSION
from schemas.fields import MAX_ATTRIBUTE_BYTES, MAX_ID_DIGITS, MAX_REVISION

_ID: Final = f"a string of 1 to {MAX_ID_DIGITS} digits"
_EXPECTED: Final = {
    **dict.fromkeys(("courseId", "batchId", "moduleId", "sessionId"), _ID),
    **dict.fromkeys(("trainerId", "roomId", "gradeCategoryId"), _ID),
    "specversion": f'"{SPEC_VERSION}"',
    "type": f'"{EVENT_TYPE}"',
    "id": "a string",
    "source": "a string",
    "time": "a string with an RFC 3339 date and time",
    "data": "a JSON object",
    "session": "a JSON object",
    "revision": f"a whole number from 0 to {MAX_REVISION}",
    "name": "a string with the session's name",
    "description": "a string",
    "delivery": '"classroom" or "e-learning"',
    "startsAt": "a string with an RFC 3339 date and time",
    "endsAt": "a string with an RFC 3339 date and time",
    "lockedUntil": "a string with a date YYYY-MM-DD",
}
_ATTRIBUTES: Final = frozenset({"specversion", "id", "source", "type", "time"})
_OPTIONAL: Final = frozenset({"revision", "description", "roomId", "lockedUntil", "gradeCategoryId"})
_NOT_TEXT: Final = frozenset({"data", "session", "revision"})
_RANGES: Final = frozenset({"greater_than_equal", "less_than_equal"})
_KINDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    dict: "an object",
}


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """Every broken field once, the type first: where that is another one, the rest may be no fault."""
    found = [
        Problem(_pointer(each["loc"]), _sentence(str(each["loc"][-1]), each))
        for each in error.errors(include_url=False)
    ]
    return tuple(sorted(found, key=lambda problem: problem.pointer != "/type"))


def summary(what: str, problems: tuple[Problem, ...]) -> str:
    """One sentence of at most 1 KiB: the first problem, and how many more there are."""
    more = len(problems) - 1
    rest = f" (and {more} more {'problem' if more == 1 else 'problems'})" if more else ""
    head = f"{what}: {problems[0].pointer} {problems[0].problem}".encode(errors="replace")
    return head[: MAX_MESSAGE_BYTES - len(rest) - 1].decode(errors="ignore") + rest + "."


def missing(field: str) -> str:
    """What to say where a required field isn't there."""
    if field in _ATTRIBUTES:
        return f"is missing; every event needs it (in binary mode as the header ce_{field})"
    return f"is missing; send {_EXPECTED[field]}"


def _pointer(steps: Iterable[int | str]) -> str:
    return "".join(f"/{step}" for step in steps)


def _sentence(field: str, error: Mapping[str, Any]) -> str:
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return missing(field)
    if value is None:
        if field in _OPTIONAL:
            return "is null; leave it out to keep what Zoho has, for Zoho documents no way to clear a field"
        return f"is null; send {_EXPECTED[field]}"
    if _EXPECTED[field] == _ID and isinstance(value, (int, float)) and not isinstance(value, bool):
        return (
            "is a JSON number; send it as a string of digits, because ids exceed 2^53 and many tools "
            "round such numbers"
        )
    if field == "type" and isinstance(value, str):
        return (
            f"must be {_EXPECTED[field]}; send other events to another topic, or let the operator pass them "
            "over with CONSUMER_OTHER_EVENT_TYPES=skip"
        )
    return _by_kind(field, kind, value, error)


def _by_kind(field: str, kind: str, value: object, error: Mapping[str, Any]) -> str:
    match kind:
        case "string_pattern_mismatch" if field == "name":
            return "has no character but white space; send the session's name"
        case "string_pattern_mismatch" if field in _ATTRIBUTES:
            return "has control characters, which CloudEvents does not allow; remove them"
        case "string_too_short":
            return "is empty; send at least one character"
        case "string_too_long" | "too_many_bytes" if field in _ATTRIBUTES:
            return f"has more than {MAX_ATTRIBUTE_BYTES:,} bytes in UTF-8; shorten it"
        case "string_too_long":
            return f"has more than {error['ctx']['max_length']:,} characters; shorten it"
        case _ if kind.startswith(("date_form", "date_real", "date_time_")) and isinstance(value, str):
            return str(error["msg"])
        case _:
            return f"must be {_EXPECTED[field]}{_instead_of(field, kind, value)}"


def _instead_of(field: str, kind: str, value: object) -> str:
    is_right_kind = (
        kind in _RANGES
        or (isinstance(value, str) and field not in _NOT_TEXT)
        or (isinstance(value, float) and field == "revision")
    )
    return "" if is_right_kind else f", not {_KINDS.get(type(value), 'an array')}"

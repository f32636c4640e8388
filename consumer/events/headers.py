"""In which CloudEvents mode a record is, and what its headers say. Pure.

Source: CloudEvents 1.0, Kafka protocol binding, and the contract, section 2. Headers without a
meaning here are never looked at, whatever they hold.
"""

from dataclasses import dataclass
from typing import Final

from consumer.events.model import Problem
from consumer.events.trace_context import TRACE_HEADERS, TraceContext, trace_in_headers
from consumer.records import Headers

CONTENT_TYPE: Final = "content-type"
STRUCTURED: Final = "application/cloudevents+json"
BINARY: Final = "application/json"

_ATTRIBUTES: Final = {f"ce_{name}": name for name in ("specversion", "id", "source", "type", "time")}
_MODES: Final = (
    f"send content-type {STRUCTURED} for a structured event, or {BINARY} with ce_ headers for a binary one"
)


@dataclass(frozen=True, slots=True)
class Structured:
    """The value is the whole event; `ce_` headers say nothing."""

    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """The value is `data`; `attributes` are the readable ones, `problems` those that are not."""

    attributes: dict[str, str]
    problems: tuple[Problem, ...] = ()
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class NoMode:
    """Neither: `message` is a sentence; `attributes` what the headers tell all the same."""

    message: str
    attributes: dict[str, str]
    trace: TraceContext | None = None


Mode = Structured | Binary | NoMode


def find_mode(headers: Headers) -> Mode:
    """The content type decides; without one, `ce_specversion` makes it binary."""
    found: dict[str, bytes | None] = {}
    repeated: set[str] = set()
    traced: dict[str, bytes | None] = {}
    for name, value in headers:
        if name in _ATTRIBUTES or name == CONTENT_TYPE:
            if name in found:
                repeated.add(name)
            found[name] = value
        elif name in TRACE_HEADERS:
            traced[name] = None if name in traced else value  # sent twice, it says nothing
    trace = trace_in_headers(traced) if traced else None
    if CONTENT_TYPE in found:
        essence, fault = _content_type(found[CONTENT_TYPE], is_repeated=CONTENT_TYPE in repeated)
        if essence == STRUCTURED:
            return Structured(trace)
        if essence != BINARY:
            message = fault or f"The content type is not one we read; {_MODES}."
            return NoMode(message, _readable(found, repeated), trace)
    elif "ce_specversion" not in found:
        return NoMode(
            f"The record is no CloudEvent: it has neither content-type nor ce_specversion; {_MODES}.",
            _readable(found, repeated),
            trace,
        )
    attributes = _readable(found, repeated)
    all_readable = len(attributes) == len(found) - (CONTENT_TYPE in found)
    return Binary(attributes, () if all_readable else _faults(found, repeated), trace)


def _content_type(value: bytes | None, *, is_repeated: bool) -> tuple[str | None, str | None]:
    if is_repeated:
        return None, "The header content-type appears more than once; send it once."
    text = _text(value)
    if not text:
        return None, f"The header content-type is empty or not UTF-8; {_MODES}."
    return text.partition(";")[0].strip().lower(), None


def _readable(found: dict[str, bytes | None], repeated: set[str]) -> dict[str, str]:
    return {
        name: text
        for header, name in _ATTRIBUTES.items()
        if header not in repeated and (text := _text(found.get(header))) is not None
    }


def _faults(found: dict[str, bytes | None], repeated: set[str]) -> tuple[Problem, ...]:
    problems = []
    for header, name in _ATTRIBUTES.items():
        if header in repeated:
            problems.append(Problem(f"/{name}", f"appears more than once; send the header {header} once"))
        elif header in found and found[header] is None:
            problems.append(Problem(f"/{name}", f"has no value; send the header {header} with one"))
        elif header in found and _text(found[header]) is None:
            problems.append(Problem(f"/{name}", f"is not UTF-8; encode the header {header} as UTF-8"))
    return tuple(problems)


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None

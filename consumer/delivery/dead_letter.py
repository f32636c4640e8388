"""A dead letter: the record as it was, and headers that say what went wrong (law 6). Pure."""

import json
from dataclasses import dataclass, field
from typing import Final

from consumer.clock import rfc3339
from consumer.delivery.decision import GiveUp
from consumer.delivery.outcome import Origin
from consumer.delivery.replay import Replay, origin_of, original_headers
from consumer.delivery.verdicts import ZohoAnswer
from consumer.events.model import EventIdentity, Problem, Refusal
from consumer.records import Headers, Record
from schemas import dead_letter as names
from schemas.error_class import ErrorClass

MAX_PROBLEMS = 100

_encode_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an event is dead-lettered. `calls`: how many were made for it. `failed_at`: epoch seconds."""

    error_class: ErrorClass
    message: str
    retryable: bool
    identity: EventIdentity
    failed_at: float
    problems: tuple[Problem, ...] = ()
    calls: int = 0
    answer: ZohoAnswer | None = None

    @classmethod
    def of_refusal(cls, refusal: Refusal, failed_at: float) -> "Failure":
        """Of a record that was refused before any call."""
        return cls(
            error_class=refusal.error_class,
            message=refusal.message,
            retryable=refusal.retryable,
            identity=refusal.identity,
            failed_at=failed_at,
            problems=refusal.problems,
        )

    @classmethod
    def of_call(cls, given_up: GiveUp, identity: EventIdentity, calls: int, failed_at: float) -> "Failure":
        """Of an event that Zoho did not take."""
        return cls(
            error_class=given_up.error_class,
            message=given_up.message,
            retryable=given_up.error_class.retryable,
            identity=identity,
            failed_at=failed_at,
            calls=calls,
            answer=given_up.answer,
        )


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all of an account's dead letters have in common."""

    account: str
    group: str
    version: str
    # Encoded once: a flood of bad events writes these headers ten thousand times a second.
    constant: Headers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Encode what never changes."""
        constant = (
            (names.ERRORS_GROUP, self.group),
            (names.ACCOUNT, self.account),
            (names.SERVICE_VERSION, self.version),
        )
        object.__setattr__(self, "constant", tuple((name, _utf8(text)) for name, text in constant))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is written to the dead-letter topic. `source_partition` chooses the partition."""

    id: str
    source_partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size_bytes(self) -> int:
        """About its size on the wire."""
        size = len(self.key or b"") + len(self.value or b"") + 4 * len(self.headers)
        for name, value in self.headers:
            size += len(name) + len(value or b"")
        return size


def dead_letter_id(origin: Origin) -> str:
    """Stable: a copy that is written twice after a crash has the same one, and so has a replay."""
    return f"{origin.topic}:{origin.partition}:{origin.offset}"


def dead_letter(
    record: Record, failure: Failure, letterhead: Letterhead, replay: Replay | None = None
) -> DeadLetter:
    """The record's key, value and headers untouched, and the block of the contract appended.

    `replay`: what the record repeats; the block that it came with is written anew, not once more.
    """
    origin = origin_of(record, replay)
    letter_id = dead_letter_id(origin)
    block: list[tuple[str, str | None]] = [
        (names.ERRORS_TOPIC, origin.topic),
        (names.ERRORS_PARTITION, str(origin.partition)),
        (names.ERRORS_OFFSET, str(origin.offset)),
        (names.ERRORS_DELIVERY_COUNT, str(failure.calls)),
        (names.ERRORS_MESSAGE, bounded_text(failure.message, names.MAX_MESSAGE_BYTES)),
        (names.SCHEMA, names.SCHEMA_VERSION),
        (names.ID, letter_id),
        (names.ERROR_CLASS, failure.error_class),
        (names.ERROR_RETRYABLE, "true" if failure.retryable else "false"),
        (names.ERROR_DETAILS, _details(failure.problems)),
        (names.RUNBOOK, failure.error_class.runbook_page),
        (names.FAILED_AT, rfc3339(failure.failed_at)),
        (names.SOURCE_TIMESTAMP, _timestamp(record) if replay is None else replay.source_timestamp),
        (names.EVENT_ID, failure.identity.id),
        (names.EVENT_SOURCE, failure.identity.source),
        (names.EVENT_TIME, failure.identity.time),
        (names.SESSION, None if failure.identity.session is None else str(failure.identity.session)),
        (names.TRACEPARENT, None if failure.identity.trace is None else failure.identity.trace.traceparent),
        (names.REPLAY_COUNT, "0" if replay is None else str(replay.count)),
        (names.REPLAY_RUN_ID, None if replay is None else replay.run_id or None),
    ]
    if failure.answer is not None:
        block += [
            (names.HTTP_STATUS, str(failure.answer.http_status)),
            (names.ZOHO_CODE, failure.answer.code),
            (names.ZOHO_MESSAGE, failure.answer.message),
        ]
    if replay is None:
        headers: Headers = tuple((_kept_name(name), value) for name, value in record.headers)
    else:
        headers = original_headers(record.headers)
    return DeadLetter(
        id=letter_id,
        source_partition=origin.partition,
        key=record.key,
        value=record.value,
        headers=(
            *headers,
            *[(name, _utf8(text)) for name, text in block if text is not None],
            *letterhead.constant,
        ),
    )


def bounded_text(text: str, max_bytes: int) -> str:
    """The text, cut to `max_bytes` of UTF-8 with an ellipsis where it is longer."""
    raw = _utf8(text)
    if len(raw) <= max_bytes:
        return text
    return raw[: max_bytes - 3].decode(errors="ignore") + "…"


def _kept_name(name: str) -> str:
    return names.ORIGINAL_PREFIX + name if name in names.RESERVED_NAMES else name


def _timestamp(record: Record) -> str | None:
    return rfc3339(record.timestamp_ms / 1000) if record.timestamp_ms >= 0 else None


def _details(problems: tuple[Problem, ...]) -> str | None:
    if not problems:
        return None
    entries = [{"pointer": p.pointer, "problem": p.problem} for p in problems[:MAX_PROBLEMS]]
    return _encode_json(entries)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return text.encode(errors="replace")

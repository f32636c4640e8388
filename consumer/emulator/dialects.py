"""How Zoho may say that the API is locked: which form the LMS API uses is unknown, all are on record."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal, get_args

from consumer.emulator.answers import Answer, html_answer, json_answer, people_error_body

Dialect = Literal["A", "B", "C", "D", "E", "F", "G"]
RetryAfter = Literal["none", "seconds", "date"]

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
RETRY_AFTERS: tuple[RetryAfter, ...] = get_args(RetryAfter)

VERDICT = "locked"
_MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class LockAnswer:
    """How the lock shows. `status` None means the dialect's own."""

    dialect: Dialect = "A"
    status: int | None = None
    retry_after: RetryAfter = "none"


@dataclass(frozen=True, slots=True)
class LockFacts:
    """What a lock answer may mention. `epoch_seconds` is the wall clock at the answer."""

    uri: str
    requests: int
    window_seconds: float
    wait_seconds: float
    epoch_seconds: float


def lock_answer(form: LockAnswer, facts: LockFacts) -> Answer:
    """Say that the API is locked. Whole seconds of `Retry-After` are rounded up."""
    usual_status, body = _TABLE[form.dialect]
    answer = body(usual_status if form.status is None else form.status, facts)
    headers = _retry_after(form.retry_after, facts)
    return Answer(VERDICT, answer.status, answer.body, answer.content_type, headers)


def _retry_after(form: RetryAfter, facts: LockFacts) -> tuple[tuple[str, str], ...]:
    if form == "none":
        return ()
    if form == "seconds":
        return (("Retry-After", str(math.ceil(facts.wait_seconds))),)
    return (("Retry-After", formatdate(math.ceil(facts.epoch_seconds + facts.wait_seconds), usegmt=True)),)


def _people_7209(status: int, facts: LockFacts) -> Answer:
    message = "API access blocked since threshold limit exceeded. Please try after some time"
    return json_answer(VERDICT, status, people_error_body(facts.uri, 7209, message))


def _too_many_requests(status: int, facts: LockFacts) -> Answer:  # noqa: ARG001
    return json_answer(VERDICT, status, {"code": 429, "message": "Too many requests"})


def _rolling_throttles(status: int, facts: LockFacts) -> Answer:
    window, wait = _in_words(facts.window_seconds), _in_words(facts.wait_seconds)
    message = (
        f"Cannot execute more than {facts.requests} requests per API in {window}. Try again after {wait}."
    )
    error = {
        "status_code": status,
        "title": "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED",
        "error_type": "OPERATIONAL_VALIDATION_ERROR",
        "details": {"message": message},
    }
    return json_answer(VERDICT, status, {"error": error})


def _fixed_throttles(status: int, facts: LockFacts) -> Answer:  # noqa: ARG001
    body = {"code": "INTERNAL_ERROR", "message": "URL_FIXED_THROTTLES_LIMIT_EXCEEDED"}
    return json_answer(VERDICT, status, body)


def _z101(status: int, facts: LockFacts) -> Answer:  # noqa: ARG001
    cause = "throttles_limit_exceeded"
    body = {"response": "error", "code": "Z101", "cause": cause, "localized_message": "Please try later"}
    return json_answer(VERDICT, status, body)


def _maximum_limit(status: int, facts: LockFacts) -> Answer:  # noqa: ARG001
    return json_answer(VERDICT, status, {"code": 422, "message": "Maximum limit exceeded"})


def _security_page(status: int, facts: LockFacts) -> Answer:  # noqa: ARG001
    sentence = (
        "For security reasons you have been blocked for some time as you have exceeded the maximum "
        "number of requests per minute"
    )
    return html_answer(VERDICT, status, sentence)


def _in_words(seconds: float) -> str:
    """Minutes, as Zoho writes; seconds only where a scaled-down lock has no whole minute."""
    if seconds < _MINUTE_SECONDS:
        return f"{math.ceil(seconds)} seconds"
    return f"{math.ceil(seconds / _MINUTE_SECONDS)} minutes"


# dialect -> (its usual HTTP status, its body). The status of E and G is not on record.
_TABLE: dict[Dialect, tuple[int, Callable[[int, LockFacts], Answer]]] = {
    "A": (400, _people_7209),
    "B": (429, _too_many_requests),
    "C": (400, _rolling_throttles),
    "D": (400, _fixed_throttles),
    "E": (400, _z101),
    "F": (422, _maximum_limit),
    "G": (403, _security_page),
}

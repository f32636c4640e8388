"""What each kind of fault does to a call: one table. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from consumer.emulator.answers import (
    Answer,
    ErrorForm,
    html_answer,
    json_answer,
    lms_error,
    people_error,
    people_error_body,
    status_error,
)
from consumer.emulator.dialects import LockAnswer, LockFacts, lock_answer
from consumer.emulator.faults import Fault

Effect = Literal["with_answer", "at_once", "never", "late"]
Delivery = Literal["whole", "truncated", "reset", "reset_mid_body", "never"]

OVERSIZED_BYTES = 1_200_000

# HTTP status -> what the LMS API's page says about it.
STATUS_MESSAGES: dict[int, str] = {
    400: "Invalid parameter value/input parameter missing",
    403: "Sorry! You are not authorized to do this operation",
    404: "Not found",
    422: "Maximum limit exceeded",
    500: "Sorry! Server error occured",
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a fault changes. The default changes nothing.

    `answer` replaces the API's own, and then nothing is written. `effect` is when a write that
    would have succeeded takes effect; `late` is `late_seconds` after the client gave up. `echo`
    replaces keys of the session in a success body, `padding_bytes` makes it longer.
    """

    answer: Answer | None = None
    effect: Effect = "with_answer"
    delivery: Delivery = "whole"
    wait_seconds: float = 0.0
    late_seconds: float = 0.0
    echo: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    padding_bytes: int = 0
    gzip: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a replaced answer may have to mention."""

    facts: LockFacts
    error_form: ErrorForm = "symbolic"
    token_error_status: int = 400


def treat(fault: Fault, around: Surroundings) -> Treatment:
    """Look up what the fault does."""
    return _TABLE[fault.kind](fault, around)


def daily_quota_used(uri: str) -> Answer:
    """Answer a call beyond the day's quota. What Zoho really answers is unknown: this form is a guess."""
    message = "API call limit for the day has been exceeded. Please try again tomorrow"
    return people_error("daily_quota", 429, uri, 7210, message)


def token_missing(uri: str) -> Answer:
    """Zoho People's answer to a missing or blank credential: HTTP 400, not 401."""
    return people_error(
        "token_missing", 400, uri, 7202, "Authentication failed. Auth token is missing or blank"
    )


def token_dead(uri: str) -> Answer:
    """Zoho People's answer to a dead, expired or unknown access token."""
    return people_error("token_dead", 401, uri, 7213, "The provided OAuth token is invalid or has expired")


def scope_missing(uri: str, status: int) -> Answer:
    """Zoho People's answer to a token that was granted for something else."""
    return people_error("scope_missing", status, uri, 7218, "Invalid OAuth Scope")


def not_found(uri: str, error_form: ErrorForm, not_found_form: str) -> Answer:
    """Say that a course, batch, module or session is unknown, in one of two forms on record."""
    if not_found_form == "400":
        code = "UNSUPPORTED_OPERATION"
        return lms_error(error_form, 400, uri, code, "Not found", verdict="not_found")
    return status_error("not_found", 404, STATUS_MESSAGES[404])


def token_error(status: int, error: str) -> Answer:
    """Refuse in the accounts host's form."""
    return json_answer(error, status, {"error": error})


def token_throttled(status: int) -> Answer:
    """Say that too many tokens were asked for."""
    why = "You have made too many requests continuously. Please try again after some time."
    body = {"error_description": why, "error": "Access Denied", "status": "failure"}
    return json_answer("access_denied", status, body)


_Row = Callable[[Fault, Surroundings], Treatment]


def _always(answer: Callable[[Fault, Surroundings], Answer]) -> _Row:
    return lambda fault, around: Treatment(answer=answer(fault, around), effect="never")


def _fixed(treatment: Treatment) -> _Row:
    return lambda _, __: treatment


def _body(status: int, body: object) -> _Row:
    return _always(lambda f, _: json_answer(f.kind, f.status or status, body))


def _text(status: int, text: bytes) -> _Row:
    return _always(lambda f, _: Answer(f.kind, f.status or status, text))


def _seconds(fault: Fault, usual_seconds: float) -> float:
    return usual_seconds if fault.seconds is None else fault.seconds


def _status(fault: Fault, around: Surroundings) -> Answer:  # noqa: ARG001
    status = fault.status or 500
    return status_error(fault.kind, status, STATUS_MESSAGES.get(status, "Error occurred"))


def _business(fault: Fault, around: Surroundings, status: int) -> Answer:
    code = fault.code or "INVALID_INPUT"
    status = fault.status or status
    message, form = "Refused by the emulator", around.error_form
    return lms_error(form, status, around.facts.uri, code, message, verdict=fault.kind)


def _permission_denied(fault: Fault, around: Surroundings) -> Answer:
    code = int(fault.code) if fault.code and fault.code.isdecimal() else 7037
    return people_error(fault.kind, fault.status or 403, around.facts.uri, code, "Permission denied")


def _lock(fault: Fault, around: Surroundings) -> Answer:
    dialect = fault.dialect or "A"
    if fault.seconds is None:
        return lock_answer(LockAnswer(dialect, fault.status), around.facts)
    facts = replace(around.facts, wait_seconds=fault.seconds)
    return lock_answer(LockAnswer(dialect, fault.status, "seconds"), facts)


def _redirect(fault: Fault, around: Surroundings) -> Answer:  # noqa: ARG001
    location = ("Location", "https://accounts.zoho.invalid/signin")
    return Answer(fault.kind, 302, b"", headers=(location,))


def _error_list(fault: Fault, around: Surroundings) -> Answer:
    body = people_error_body(around.facts.uri, 7024, "No records found")
    body["response"]["errors"] = [body["response"]["errors"]]
    return json_answer(fault.kind, 200, body)


_TABLE: dict[str, _Row] = {
    "status": _always(_status),
    "business": _always(lambda f, s: _business(f, s, 400)),
    "not_found": _always(lambda _, s: not_found(s.facts.uri, s.error_form, "404")),
    "not_found_400": _always(lambda _, s: not_found(s.facts.uri, s.error_form, "400")),
    "forbidden": _always(lambda f, _: status_error(f.kind, 403, STATUS_MESSAGES[403])),
    "permission_denied": _always(_permission_denied),
    "maximum_limit": _always(lambda f, _: status_error(f.kind, 422, STATUS_MESSAGES[422])),
    "lock_answer": _always(_lock),
    "daily_quota": _always(lambda _, s: daily_quota_used(s.facts.uri)),
    "token_missing": _always(lambda _, s: token_missing(s.facts.uri)),
    "token_dead": _always(lambda _, s: token_dead(s.facts.uri)),
    "scope_missing": _always(lambda f, s: scope_missing(s.facts.uri, f.status or 401)),
    "html": _always(lambda f, _: html_answer(f.kind, f.status or 502, "Something went wrong.")),
    "empty": _text(200, b""),
    "not_json": _text(200, b'{"code": 200, "session": {'),
    "json_list": _body(200, []),
    "unclear": _body(200, {"status": "queued"}),
    "error_response": _always(lambda f, s: people_error(f.kind, 200, s.facts.uri, 7024, "No records found")),
    "error_response_list": _always(_error_list),
    "error_list": _body(200, [{"msg": "Error occurred", "response": "failure"}]),
    "error_text": _body(200, {"error": "Error occurred"}),
    "error_top_level": _body(200, {"errors": {"code": 7024, "message": "No records found"}, "status": 1}),
    "error_errorcode": _body(200, {"errorcode": 7024, "message": "No records found"}),
    "wrapped": _always(lambda f, s: _business(f, s, 500)),
    "poison": _always(lambda f, _: status_error(f.kind, 500, STATUS_MESSAGES[500])),
    "outage": _always(lambda f, _: html_answer(f.kind, 503, "Service temporarily unavailable.")),
    "slow": lambda f, _: Treatment(wait_seconds=_seconds(f, 5.0)),
    "slow_after_effect": lambda f, _: Treatment(wait_seconds=_seconds(f, 5.0), effect="at_once"),
    "hang": _fixed(Treatment(delivery="never", effect="never")),
    "hang_after_effect": _fixed(Treatment(delivery="never", effect="at_once")),
    "late_effect": lambda f, _: Treatment(delivery="never", effect="late", late_seconds=_seconds(f, 1.0)),
    "reset_before_effect": _fixed(Treatment(delivery="reset", effect="never")),
    "reset_after_effect": _fixed(Treatment(delivery="reset")),
    "reset_mid_body": _fixed(Treatment(delivery="reset_mid_body")),
    "truncated": _fixed(Treatment(delivery="truncated")),
    "oversized": _fixed(Treatment(padding_bytes=OVERSIZED_BYTES)),
    "oversized_gzip": _fixed(Treatment(padding_bytes=OVERSIZED_BYTES, gzip=True)),
    "gzip": _fixed(Treatment(gzip=True)),
    "redirect": _always(_redirect),
    "echo_session_id": _fixed(Treatment(echo={"sessionId": "999999999999999999"})),
    "echo_date": _fixed(Treatment(echo={"sessionStartDate": "01-01-2000"})),
    "echo_times": _fixed(Treatment(echo={"sessionStartTime": "01:01 AM", "sessionEndTime": "01:02 AM"})),
    "mint_status": _always(lambda f, _: html_answer(f.kind, f.status or 503, "Something went wrong.")),
    "mint_invalid_code": _always(lambda f, s: token_error(f.status or s.token_error_status, "invalid_code")),
    "mint_invalid_client": _always(
        lambda f, s: token_error(f.status or s.token_error_status, "invalid_client")
    ),
    "mint_access_denied": _always(lambda f, s: token_throttled(f.status or s.token_error_status)),
    "mint_not_json": _text(200, b"<html>Something went wrong.</html>"),
    "mint_empty": _text(200, b""),
    "mint_no_token": _body(200, {"token_type": "Bearer"}),
    "mint_slow": lambda f, _: Treatment(wait_seconds=_seconds(f, 5.0)),
    "mint_hang": _fixed(Treatment(delivery="never", effect="never")),
    "mint_reset": _fixed(Treatment(delivery="reset", effect="never")),
}
KINDS_TREATED = frozenset(_TABLE)

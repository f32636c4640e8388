"""What each answer form on record means."""

import json
import time
from typing import Any

import pytest

from consumer.delivery.verdicts import (
    Applied,
    CredentialRefused,
    DailyQuotaUsed,
    EchoDifference,
    Failed,
    Forbidden,
    Locked,
    MaximumLimit,
    Refused,
    TokenDead,
    Verdict,
)
from consumer.zoho.answer import Answer
from consumer.zoho.verdict import SentCall, judge

NOW = 1_700_000_000.0
SESSION_ID = "478346000019553023"
DATA = {
    "name": "Session API Testing",
    "trainerErecno": "478346000008251001",
    "type": "0",
    "date": "01-12-2026",
    "startTime": "10:00 AM",
    "endTime": "11:00 AM",
}
SESSION = {
    "sessionId": SESSION_ID,
    "sessionName": "Session API Testing",
    "sessionStartDate": "01-12-2026",
    "sessionStartTime": "10:00 AM",
    "sessionEndTime": "11:00 AM",
    "description": "Description for Session",
    "canUserEdit": False,
}
SUCCESS = {"code": 200, "session": SESSION, "message": "success"}
TOKEN = "1000.8cb99d0123456789.9b80123456789abcdef"

A = {
    "response": {
        "message": "Error occurred",
        "uri": "/api/v1/courses",
        "errors": {
            "code": 7209,
            "message": "API access blocked since threshold limit exceeded. Please try after some time",
        },
        "status": 1,
    }
}
C = {
    "error": {
        "status_code": 400,
        "title": "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED",
        "error_type": "OPERATIONAL_VALIDATION_ERROR",
        "details": {
            "message": "Cannot execute more than 100 requests per API in 2 minutes."
            " Try again after 22 minutes."
        },
    }
}
D = {"code": "INTERNAL_ERROR", "message": "URL_FIXED_THROTTLES_LIMIT_EXCEEDED"}
E = {
    "response": "error",
    "code": "Z101",
    "cause": "throttles_limit_exceeded",
    "localized_message": "Please wait",
}
G_TEXT = (
    "For security reasons you have been blocked for some time as you have exceeded the maximum number of"
    " requests per minute"
)
LOCK_BODIES: dict[str, Any] = {
    "A": A,
    "A as an array": {"response": {"errors": [A["response"]["errors"]], "status": 1}},
    "A at the top": {"errors": A["response"]["errors"], "status": 1},
    "A with a string code": {"errorcode": "7209", "msg": "blocked"},
    "C": C,
    "D": D,
    "E": E,
    "G as a message": {"message": G_TEXT},
    "G as an error": {"error": G_TEXT},
    "G in an array": [{"msg": G_TEXT, "response": "failure"}],
    "G as text": G_TEXT,
    "G as a page": f"<html><head><title>Sorry</title></head><body><p>{G_TEXT}</p></body></html>",
    "A in a page": f"<html><body><pre>{json.dumps(A)}</pre></body></html>",
    "a body that says 429": {"code": 429, "message": "Slow down"},
    "a lock under the code 200": {"code": 200, "message": "Too many requests, try later"},
}
EVERY_STATUS = (200, 202, 302, 400, 401, 403, 404, 422, 429, 500, 503)


def answer(body: object, status: int = 200, **more: Any) -> Answer:
    """An answer with this body: text as it is, all else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, text.encode(), **more)


def verdict(body: object, status: int = 200, data: dict[str, str] | None = None, **more: Any) -> Verdict:
    """What that answer means for a call that sent DATA and `data`."""
    return judge(answer(body, status, **more), SentCall(SESSION_ID, DATA | (data or {}), (TOKEN,)), NOW)


@pytest.mark.parametrize(
    "body",
    [
        SUCCESS,
        SUCCESS | {"code": "200"},
        {"message": "success", "session": SESSION},
        {"code": 200},
        SUCCESS | {"errors": [], "error": None},
    ],
)
def test_a_2xx_that_says_so_is_applied(body: object) -> None:
    """`code` 200 or "200", or `message` "success" with a session, counts as applied."""
    assert verdict(body) == Applied()


@pytest.mark.parametrize(
    "description",
    ["too many requests", '{"code":7209}', G_TEXT, "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED", "error 401"],
)
def test_contents_of_the_echoed_session_are_no_markers(description: str) -> None:
    """A success stays one, whatever the session it echoes says."""
    body = SUCCESS | {"session": SESSION | {"description": description, "sessionName": description}}

    assert verdict(body, data={"description": description}) == Applied()


@pytest.mark.parametrize("status", EVERY_STATUS)
@pytest.mark.parametrize("dialect", LOCK_BODIES)
def test_every_lock_dialect_is_a_lock_with_every_status(dialect: str, status: int) -> None:
    """The body's markers count, whatever the status."""
    assert isinstance(verdict(LOCK_BODIES[dialect], status), Locked)


@pytest.mark.parametrize("body", ["", "<html>Too Many</html>", {"message": "no"}, "{"])
def test_429_is_a_lock_whatever_the_body(body: object) -> None:
    """Dialect B needs no body."""
    assert isinstance(verdict(body, 429), Locked)


@pytest.mark.parametrize(
    ("body", "retry_after", "wait_seconds"),
    [
        (A, None, None),
        (C, None, 1_320.0),
        (C, "60", 1_320.0),
        (C, "1400", 1_400.0),
        ({"message": f"{G_TEXT}. Try again after 30 seconds"}, None, 30.0),
        ({"response": {"errors": [{"code": 7209, "message": "Try again after 2 hours."}]}}, None, 7_200.0),
        (A, "17", 17.0),
        (A, "Tue, 14 Nov 2023 22:23:20 GMT", 600.0),
        (A, "Tue, 14 Nov 2023 22:03:20 GMT", None),
        (A, "0", None),
        (A, "soon", None),
        (A, "-5", None),
        (A, "9" * 200, 86_400.0),
        (A, "Tue, 14 Nov 2099 22:23:20 GMT", 86_400.0),
        (A | {"x": 1}, "Tue, 99 Foo 2023 99:99:99", None),
        ({"code": 7209, "message": "Try again after 999999999 hours"}, None, 86_400.0),
    ],
)
def test_a_named_waiting_time_is_read(
    body: object, retry_after: str | None, wait_seconds: float | None
) -> None:
    """Retry-After (seconds or a date) or the text in any nesting; the longest one, at most a day."""
    found = verdict(body, 400, retry_after=retry_after)

    assert isinstance(found, Locked)
    assert found.wait_seconds == wait_seconds


@pytest.mark.parametrize(
    "sent",
    ["too many requests", "We had too many requests for this room, so it moved", G_TEXT],
)
@pytest.mark.parametrize(
    "template",
    [
        {"code": 400, "message": "Invalid value for description: {}"},
        {"code": 400, "message": 'Invalid value "{}" for description'},
        {"errors": {"code": 400, "message": "The text {} is not allowed"}},
        {"code": "INVALID_INPUT", "message": "{}"},
    ],
)
def test_an_echo_of_the_event_in_an_error_is_no_lock(template: object, sent: str) -> None:
    """A 400 that repeats what was sent is a refusal, though the text holds a lock marker."""
    body = json.loads(json.dumps(template).replace("{}", sent))

    found = verdict(body, 400, data={"description": sent})

    assert isinstance(found, Refused)
    assert found.error_class == "rejected_by_zoho"


def test_a_cut_off_echo_is_no_lock_either() -> None:
    """Only the part around the marker is repeated."""
    sent = "The desk got too many requests in spring and therefore closes early"
    body = {"code": 400, "message": "Invalid description: The desk got too many requests in sp…"}

    assert isinstance(verdict(body, 400, data={"description": sent}), Refused)


def test_what_an_error_quotes_is_no_lock_though_it_was_not_sent() -> None:
    """Another session's name, for one."""
    body = {"code": 400, "message": "The room is taken by 'Too many requests' at that time"}

    assert isinstance(verdict(body, 400), Refused)


def test_a_bare_sentence_of_zohos_is_a_lock_though_the_session_is_called_so() -> None:
    """A rejection says more than what it repeats."""
    assert isinstance(verdict({"message": "Too many requests."}, 400, {"name": "too many requests"}), Locked)


def test_a_cut_off_success_that_echoes_a_code_is_no_lock() -> None:
    """Inside a JSON string the quotes are escaped."""
    body = json.dumps(SUCCESS | {"session": {"description": '{"code":7209, "title":"x"}'}})[:-10]

    assert isinstance(verdict(body, truncated=True), Failed)


@pytest.mark.parametrize("dialect", ["A", "C", "D", "E", "G as a message", "G as a page"])
def test_a_real_lock_is_seen_though_the_event_speaks_of_requests(dialect: str) -> None:
    """Zoho's own sentence and codes count, whatever the session is called."""
    data = {"name": "Daily API requests", "description": "too many requests"}

    assert isinstance(verdict(LOCK_BODIES[dialect], 400, data=data), Locked)


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (A, {"left_today": 0}),
        ("", {"status": 429, "left_today": 0}),
        ({"message": "Maximum limit exceeded"}, {"status": 422, "left_today": 0}),
        ({"code": 400, "message": "You have exceeded the daily API limit"}, {"status": 400}),
        ({"error": "API calls for the day exhausted"}, {"status": 403}),
        ({"code": "DAILY_LIMIT_EXCEEDED", "message": "no"}, {"status": 400}),
        (
            {"response": {"errors": {"code": 7209, "message": "API access blocked: limit per day exceeded"}}},
            {"status": 200},
        ),
    ],
)
def test_a_used_up_day_is_told_from_a_lock(body: object, more: dict[str, Any]) -> None:
    """By `api-count-left-today: 0` beside a lock, or by words that name the day's calls."""
    assert isinstance(verdict(body, **more), DailyQuotaUsed)


def test_a_session_with_a_day_in_its_name_hides_no_used_up_day() -> None:
    """One common word is no echo."""
    body = {"code": 400, "message": "You have exceeded the daily API limit"}

    assert isinstance(verdict(body, 400, {"name": "The daily stand-up"}), DailyQuotaUsed)


@pytest.mark.parametrize("sent", ["Why our daily API limit was exceeded, and what to do", "Daily API limit"])
@pytest.mark.parametrize("characters", [15, 40, 100])
def test_a_sent_text_about_daily_limits_is_no_used_up_day(sent: str, characters: int) -> None:
    """Repeated as a whole or in part."""
    body = {"code": 400, "message": f"Invalid name: {sent[:characters]}…"}

    assert isinstance(verdict(body, 400, {"name": sent}), Refused)


@pytest.mark.parametrize(
    "message",
    ["Only 3 sessions per day are allowed", "Daily session limit exceeded", "Try again after 1 day"],
)
def test_a_business_rule_about_days_is_no_quota(message: str) -> None:
    """A limit that names no calls is the event's."""
    assert isinstance(verdict({"code": 400, "message": message}, 400), Refused)


@pytest.mark.parametrize(
    ("body", "status", "error_class"),
    [
        ({"code": 404, "message": "Not found"}, 404, "session_not_found"),
        ("", 404, "session_not_found"),
        (" \n", 404, "session_not_found"),
        ({"detail": "no such thing"}, 404, "session_not_found"),
        ("null", 404, "session_not_found"),
        ({"code": 404, "message": "Not found"}, 200, "session_not_found"),
        ('<pre>{"code": 7024, "message": "No records found"}</pre>', 404, "session_not_found"),
        ('{"code": 404, "message": "Not fo', 404, "session_not_found"),
        ("", 410, "session_not_found"),
        ({"code": 200, "message": "No records found"}, 200, "session_not_found"),
        ({"code": 400, "message": "Not found"}, 400, "session_not_found"),
        ({"code": "UNSUPPORTED_OPERATION", "message": "Not found"}, 400, "session_not_found"),
        (
            {"response": {"errors": {"code": 7024, "message": "No records found"}, "status": 1}},
            200,
            "session_not_found",
        ),
        ({"response": {"errors": [{"code": 7024, "message": "No records found"}]}}, 200, "session_not_found"),
        ({"code": 400, "message": "Session not found"}, 400, "session_not_found"),
        ({"code": 400, "message": "Room not found"}, 400, "rejected_by_zoho"),
        ({"code": "INVALID_INPUT", "message": "x"}, 400, "rejected_by_zoho"),
        ({"code": "INVALID_INPUT", "message": "x"}, 200, "rejected_by_zoho"),
        ({"code": "INVALID_INPUT", "message": "x"}, 500, "rejected_by_zoho"),
        ({"code": "INPUT_PARAMETER_MISSING"}, 400, "rejected_by_zoho"),
        ({"error": {"code": "BATCH_DATE_AND_SESSION_DATE_MISMATCH"}}, 400, "rejected_by_zoho"),
        ({"code": "COURSE_ALREADY_COMPLETED", "message": "done"}, 400, "rejected_by_zoho"),
        (
            {"code": 400, "message": "Invalid parameter value/input parameter missing"},
            400,
            "rejected_by_zoho",
        ),
        (
            {"code": 400, "message": "Invalid parameter value/input parameter missing"},
            500,
            "rejected_by_zoho",
        ),
        ({"message": "something else"}, 400, "rejected_by_zoho"),
        ("<html>Request Entity Too Large</html>", 413, "rejected_by_zoho"),
        ("", 414, "rejected_by_zoho"),
        ("", 431, "rejected_by_zoho"),
    ],
)
def test_a_definite_no_is_refused(body: object, status: int, error_class: str) -> None:
    """404 and "Not found" mean no such session, business codes a rejection, wrapped in any status."""
    found = verdict(body, status)

    assert isinstance(found, Refused)
    assert found.error_class == error_class
    assert found.answer.http_status == status


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"response": {"errors": {"code": 7202, "message": "missing"}}}, 400, TokenDead),
        ({"response": {"errors": {"code": 7213, "message": "expired"}}}, 401, TokenDead),
        ({"response": {"errors": {"code": 7213, "message": "expired"}}}, 200, TokenDead),
        ("", 401, TokenDead),
        ({"code": 400, "message": "no"}, 401, TokenDead),
        ({"code": 7218, "message": "Invalid OAuth Scope"}, 401, CredentialRefused),
        ({"code": 7218, "message": "Invalid OAuth Scope"}, 403, CredentialRefused),
        ({"message": "Invalid OAuth Scope"}, 403, CredentialRefused),
        *[({"errors": {"code": code, "message": "denied"}}, 200, Forbidden) for code in range(7037, 7042)],
        ("", 403, Forbidden),
        ({"code": 403, "message": "Sorry! You are not authorized to do this operation"}, 403, Forbidden),
        ({"code": 403, "message": "Sorry! You are not authorized to do this operation"}, 200, Forbidden),
        ({"code": 422, "message": "Maximum limit exceeded"}, 422, MaximumLimit),
        ({"code": 422, "message": "Maximum limit exceeded"}, 200, MaximumLimit),
        ({"code": 200, "message": "Maximum limit exceeded"}, 200, MaximumLimit),
        ({"code": 200, "cause": "throttles_limit_exceeded"}, 200, Locked),
        ({"code": 200, "message": "Sorry! You are not authorized to do this operation"}, 200, Forbidden),
        ("", 422, MaximumLimit),
    ],
)
def test_the_credentials_and_the_accounts_failures_are_told_apart(
    body: object, status: int, kind: type[Verdict]
) -> None:
    """A dead token, a missing scope, a permission and a limit each have their own verdict."""
    assert isinstance(verdict(body, status), kind)


@pytest.mark.parametrize(
    ("body", "status", "more"),
    [
        ("", 200, {}),
        ("   ", 204, {}),
        ("<html>Maintenance</html>", 200, {}),
        ("<html>Bad Request</html>", 400, {}),
        ("<html>nothing here</html>", 404, {}),
        ("<html><h1>Not Found</h1></html>", 404, {}),
        ("<html></html>", 404, {}),
        ("404 page not found", 404, {}),
        ("Not Found", 400, {}),
        ('{"message": "Not fo', 404, {}),
        ("<html>Gone</html>", 410, {}),
        ({"code": 200, "message": "The session limit was exceeded, try later"}, 200, {}),
        ("[1,2", 200, {}),
        ("[" * 100_000, 200, {}),
        ('{"code": ' + "9" * 5_000 + "}", 200, {}),
        ("null", 200, {}),
        ("200", 200, {}),
        ([SUCCESS], 200, {}),
        ({"message": "success"}, 200, {}),
        ({"code": True, "session": SESSION}, 200, {}),
        ({"session": SESSION}, 200, {}),
        (SUCCESS | {"errors": {"code": 9999, "message": "half"}}, 200, {}),
        (SUCCESS | {"code": 500}, 200, {}),
        ({"response": {"message": "Error occurred", "errors": {"code": 7001, "message": "?"}}}, 200, {}),
        ([{"msg": "Something went wrong", "response": "failure"}], 200, {}),
        ({"error": "something"}, 200, {}),
        ({"errorcode": 1, "message": "?"}, 200, {}),
        ({"code": 200, "message": "failed"}, 200, {}),
        (SUCCESS, 500, {}),
        (SUCCESS, 302, {}),
        (SUCCESS, 200, {"truncated": True}),
        ("", 301, {}),
        ({"code": 500, "message": "Sorry! Server error occured"}, 500, {}),
        ({"code": 500, "message": "Sorry! Server error occured"}, 200, {}),
        ("<html>Bad Gateway</html>", 502, {}),
        ("", 503, {"retry_after": "30"}),
        ("", 408, {}),
        ("", 600, {}),
    ],
)
def test_what_cannot_be_understood_is_failed(body: object, status: int, more: dict[str, Any]) -> None:
    """Neither applied nor refused: it is tried again, and the reason names the status."""
    found = verdict(body, status, **more)

    assert isinstance(found, Failed)
    assert str(status) in found.reason


def test_a_redirect_is_failed_and_says_that_it_is_not_followed() -> None:
    """An operator sees what to look at."""
    found = verdict("", 302)

    assert isinstance(found, Failed)
    assert found.reason == "a redirect, which is not followed (HTTP 302): is the People URL right?"


@pytest.mark.parametrize(
    ("shown", "fields"),
    [
        ({}, []),
        ({"sessionStartTime": "10:00 am", "sessionStartDate": " 01-12-2026 "}, []),
        ({"sessionId": "1"}, ["sessionId"]),
        ({"sessionStartDate": "12-01-2026"}, ["sessionStartDate"]),
        (
            {"sessionStartTime": "04:30 AM", "sessionEndTime": "05:30 AM"},
            ["sessionStartTime", "sessionEndTime"],
        ),
        ({"sessionStartTime": None}, []),
        ({"sessionEndTime": ["11:00 AM"]}, ["sessionEndTime"]),
        ({"sessionName": "Otherwise"}, []),
    ],
)
def test_a_success_that_shows_other_values_names_the_fields(
    shown: dict[str, object], fields: list[str]
) -> None:
    """Session id, date and times are compared where present; names of fields only."""
    found = verdict(SUCCESS | {"session": SESSION | shown})

    assert found == Applied(tuple(EchoDifference(field) for field in fields))


def test_zohos_message_is_bounded_and_carries_no_token_and_no_control_character() -> None:
    """What goes into a header of the dead letter is one clean line."""
    message = f"bad\r\n\x00\u202etoken {TOKEN} Zoho-oauthtoken abc.def and {'x' * 1_000}"

    found = verdict({"code": "INVALID_INPUT", "message": message}, 400)

    assert isinstance(found, Refused)
    assert found.answer.code == "INVALID_INPUT"
    assert found.answer.message is not None
    assert found.answer.message.startswith("bad token [secret] [secret] and xxx")
    assert len(found.answer.message) == 300


def test_the_specific_message_is_kept_not_the_generic_one() -> None:
    """ "Error occurred" tells nobody anything."""
    found = verdict(
        {"response": {"message": "Error occurred", "errors": {"code": 7024, "message": "No records found"}}}
    )

    assert isinstance(found, Refused)
    assert (found.answer.code, found.answer.message) == ("7024", "No records found")


def test_neither_the_call_nor_the_answer_shows_content_in_its_repr() -> None:
    """Reprs end in tracebacks and logs."""
    shown = repr(SentCall(SESSION_ID, DATA, (TOKEN,))) + repr(answer(SUCCESS))

    assert TOKEN not in shown
    assert "Session API Testing" not in shown


def test_a_marker_that_is_sent_and_echoed_thousands_of_times_costs_no_seconds() -> None:
    """Such an event would stop the loop, and with it the heartbeats, for as long as it is judged."""
    sent = SentCall(SESSION_ID, DATA | {"description": "today " * 8_333})
    echo = json.dumps({"errors": [{"message": "today " * 333}] * 16}).encode()

    started = time.process_time()
    found = judge(Answer(400, echo), sent, NOW)

    assert isinstance(found, Refused)
    assert time.process_time() - started < 3.0  # 0.3 s as a rule, and 30 s where each is compared anew

"""The reader of Zoho's answers, and of the accounts host's: any answer at all, most of them nearly Zoho's."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from consumer.delivery import verdicts
from consumer.zoho.answer import Answer
from consumer.zoho.oauth_answer import Minted, read_token_answer
from consumer.zoho.verdict import SentCall, judge
from tests.fuzz.pool import MARK, as_json, broken, changed, one_in, says_nothing, scalars, values
from tests.fuzz.report import Target

NOW = 1_700_000_000.0
DATA = {"name": "Fire drill", "date": "01-12-2026", "startTime": "10:00 AM", "endTime": "11:00 AM"}
_ECHO = {
    "sessionId": "1",
    "sessionStartDate": "01-12-2026",
    "sessionStartTime": "10:00 AM",
    "sessionEndTime": "11:00 am",
    "description": "too many requests",
}
_WORDS = (
    "success",
    "Not found",
    "No records found",
    "Maximum limit exceeded",
    "Invalid OAuth Scope",
    "Sorry! You are not authorized to do this operation",
    "API access blocked since threshold limit exceeded. Please try after some time",
    "Try again after 22 minutes.",
    "daily API limit reached",
    "Input parameter missing",
    f"invalid token Zoho-oauthtoken {MARK}",
    f"1000.aaaaaaaa.{MARK} 'quoted too many requests'",
    "“" * 300,
    "try again in " * 50,
)
_CODES: tuple[Any, ...] = (
    *(200, "200", 400, "404", 500, 429, 7202, 7213, 7218, 7037, 7024, "7209"),
    *(
        "INVALID_INPUT",
        "UNSUPPORTED_OPERATION",
        "URL_FIXED_THROTTLES_LIMIT_EXCEEDED",
        "API_DAILY_LIMIT_EXCEEDED",
    ),
    *("invalid_token", MARK),
)
_FORMS: Sequence[dict[str, Any]] = (
    {"code": 200, "session": _ECHO, "message": "success"},
    {"code": 200, "session": {**_ECHO, "sessionId": "2"}, "message": "success"},
    {"response": {"message": "Error occurred", "errors": {"code": 7209, "message": "blocked"}, "status": 1}},
    {"response": {"errors": [{"code": 7024, "message": "No records found"}]}},
    {"error": {"status_code": 400, "title": "INVALID_INPUT", "details": {"message": "too many requests"}}},
    {"code": 400, "message": "Invalid parameter"},
    {"response": "error", "code": "Z101", "cause": "throttles_limit_exceeded"},
    {"errorcode": 7218},
    {"msg": "x", "response": "failure"},
)
_TOKEN_FORMS: Sequence[dict[str, Any]] = (
    {"access_token": "1000.a.b", "expires_in": 3600, "api_domain": "https://x"},
    {"access_token": "1000.a.b", "expires_in": 3_600_000, "expires_in_sec": 3600},
    {"error": "invalid_code"},
    {"error": "invalid_client"},
    {"error": "Access Denied", "error_description": "too many requests. Try again after 5 minutes"},
    {"error": MARK, "error_description": MARK, "status": "failure"},
)
_STATUSES = (200, 200, 200, 201, 302, 400, 400, 401, 403, 404, 407, 408, 410, 421, 422, 423, 429, 500, 503)
_RETRY_AFTER = (
    *("5", "0", "-1", "1e9", "9" * 400, "Wed, 21 Oct 2065 07:28:00 GMT", "Wed, 99 Oct 9999999 07:28:00"),
    *(
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "٣",
        " 7 ",
        "31 Dec 9999 23:59:59 -9999",
        "Mon, 01 Jan 2001 00:00:00 +99999999999999999999",
    ),
)


@st.composite
def bodies(draw: st.DrawFn, forms: Sequence[dict[str, Any]]) -> bytes:
    """JSON that is nearly one of these, a page, or anything."""
    what = draw(st.sampled_from([None, None, None, None, None, 0, 1, 2, 3, *[None] * 12]))
    if what == 0:
        return draw(st.binary(max_size=40))
    if what == 1:
        text = draw(st.sampled_from(_WORDS))
        return f'<html><h1>{text}</h1><!-- "code":"7209" {MARK} -->'.encode()
    if what == 2:
        return as_json([draw(values), draw(st.sampled_from(forms))])
    if what == 3:
        return b'{"session":{"sessionId":' + b"[" * draw(st.sampled_from([5, 900, 990, 1_000, 50_000]))
    form = draw(changed(draw(st.sampled_from(forms)), at_most=1))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 0, 0]))):
        place = (
            form if not isinstance(form.get("response"), dict) or draw(st.booleans()) else form["response"]
        )
        key = draw(st.sampled_from(["code", "message", "msg", "errors", "error", "title", "cause", "status"]))
        place[key] = draw(st.one_of(st.sampled_from(_WORDS + _CODES), scalars))
    return draw(broken(as_json(form)))


@st.composite
def answers(draw: st.DrawFn, forms: Sequence[dict[str, Any]]) -> Answer:
    """An answer, whole or not."""
    status = draw(st.sampled_from(_STATUSES)) if not one_in(draw, 9) else draw(st.integers(0, 999))
    retry_after = draw(st.one_of(st.none(), st.none(), st.sampled_from(_RETRY_AFTER), st.text(max_size=10)))
    left_today = draw(st.sampled_from([None, None, None, 0, 14_809]))
    return Answer(status, draw(bodies(forms)), retry_after, left_today, one_in(draw, 20))


@st.composite
def calls(draw: st.DrawFn) -> tuple[Answer, SentCall]:
    """An answer, and to what."""
    sent = DATA | {"description": draw(st.sampled_from(["", MARK, *_WORDS]))}
    return draw(answers(_FORMS)), SentCall("1", sent, (MARK, ""))


def judge_call(given: tuple[Answer, SentCall]) -> str:
    """One of the closed union; bounded, on one line, without the planted secret."""
    verdict = judge(*given, NOW)
    answer = getattr(verdict, "answer", None)
    reason = getattr(verdict, "reason", "")
    says_nothing(verdict)
    assert str(reason).isprintable()
    if answer is not None:
        assert len(answer.message or "") <= 300
        assert len(answer.code or "") <= 60
        assert f"{answer.message}{answer.code}".isprintable()
    wait_seconds = getattr(verdict, "wait_seconds", None)
    assert wait_seconds is None or 0 < wait_seconds <= 86_400
    match verdict:
        case verdicts.Applied(echo_differences=differences):
            return "Applied, but not as sent" if differences else "Applied"
        case verdicts.Refused(error_class=name):
            return f"Refused, {name}"
        case verdicts.Locked(wait_seconds=seconds) | verdicts.DailyQuotaUsed(wait_seconds=seconds):
            return f"{type(verdict).__name__}{'' if seconds is None else ', time named'}"
        case _:
            return type(verdict).__name__


def judge_token(answer: Answer) -> str:
    """One of the closed union; a token that fits in a header, for a day at most."""
    found = read_token_answer(answer, 600.0, NOW)
    says_nothing(getattr(found, "reason", ""))
    if isinstance(found, Minted):
        assert found.token.isascii()
        assert found.token.isprintable()
        assert " " not in found.token
        assert 1.0 <= found.life_seconds <= 86_400
        assert found.token not in repr(found)
    if isinstance(found, verdicts.TokenThrottled):
        assert 600 <= found.wait_seconds <= 86_400
    json.dumps(getattr(found, "reason", ""))
    return type(found).__name__


VERDICT = Target(
    "verdict",
    calls(),
    judge_call,
    frozenset(
        (
            *(
                "Applied",
                "Applied, but not as sent",
                "Refused, session_not_found",
                "Refused, rejected_by_zoho",
            ),
            *("Forbidden", "Locked", "Locked, time named", "MaximumLimit", "DailyQuotaUsed"),
            *("DailyQuotaUsed, time named", "TokenDead", "CredentialRefused", "Failed"),
        )
    ),
)
TOKEN = Target(
    "token answer",
    answers(_TOKEN_FORMS),
    judge_token,
    frozenset(("Minted", "CredentialRefused", "TokenThrottled", "Unreachable")),
)

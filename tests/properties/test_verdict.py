"""What holds for every answer there can be."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.verdicts import Applied, Locked, Verdict
from consumer.zoho.answer import Answer
from consumer.zoho.verdict import SentCall, judge

WORDS = st.sampled_from(
    [
        "success",
        "too many requests",
        "try again after 5 minutes",
        "daily API limit",
        "Not found",
        "200",
        "<p>",
        "'",
    ]
)
TEXT = st.text(max_size=60) | WORDS | st.lists(WORDS | st.text(max_size=5), max_size=6).map(" ".join)
KEYS = st.sampled_from(
    ["code", "message", "session", "response", "errors", "error", "msg", "title", "details", "x"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from([200, "200", 7209, 7024, 400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)
BODIES = (
    st.binary(max_size=300)
    | JSON.map(lambda content: json.dumps(content).encode())
    | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))
)
DATA = st.dictionaries(st.sampled_from(["name", "description", "date", "startTime"]), TEXT)


def call_and_judge(body: bytes, status: int, data: dict[str, str], **more: Any) -> Verdict:
    """The verdict on such an answer."""
    return judge(Answer(status, body, **more), SentCall("1", data), 1_700_000_000.0)


HEADERS = st.fixed_dictionaries(
    {
        "retry_after": st.none() | TEXT | st.integers().map(str),
        "left_today": st.none() | st.integers(0, 10),
        "truncated": st.booleans(),
    }
)


@pytest.mark.claim("S-39")
@given(body=BODIES, status=st.integers(0, 999), headers=HEADERS, data=DATA)
def test_judge_never_raises_and_bounds_what_it_repeats(
    body: bytes, status: int, headers: dict[str, Any], data: dict[str, str]
) -> None:
    """Any bytes with any status give a verdict, and its texts are short."""
    verdict = call_and_judge(body, status, data, **headers)

    answer = getattr(verdict, "answer", None)
    assert len(getattr(answer, "message", None) or "") <= 300
    assert len(getattr(answer, "code", None) or "") <= 60
    wait_seconds = getattr(verdict, "wait_seconds", None)
    assert wait_seconds is None or 0 < wait_seconds <= 86_400


@pytest.mark.claim("S-38")
@given(content=JSON, status=st.integers(200, 299), data=DATA)
def test_no_2xx_without_a_success_marker_is_applied(content: Any, status: int, data: dict[str, str]) -> None:
    """Only an object that says 200 or success counts."""
    verdict = call_and_judge(json.dumps(content).encode(), status, data)

    marked = isinstance(content, dict) and (
        content.get("code") in (200, "200")
        or (
            str(content.get("message")).strip().casefold() == "success"
            and isinstance(content.get("session"), dict)
        )
    )
    assert marked or not isinstance(verdict, Applied)


@given(body=BODIES, status=st.integers(300, 999), data=DATA)
def test_nothing_but_a_2xx_is_applied(body: bytes, status: int, data: dict[str, str]) -> None:
    """Whatever the body says."""
    assert not isinstance(call_and_judge(body, status, data), Applied)


@given(name=TEXT, description=TEXT)
def test_a_success_is_applied_whatever_the_session_holds(name: str, description: str) -> None:
    """No content of an echoed session is taken for an error."""
    session = {"sessionId": "1", "sessionName": name, "description": description, "errors": name}
    body = json.dumps({"code": 200, "session": session, "message": "success"}).encode()

    assert call_and_judge(body, 200, {"name": name, "description": description}) == Applied()


@given(data=DATA, status=st.integers(200, 999))
def test_a_lock_code_is_a_lock_whatever_was_sent(data: dict[str, str], status: int) -> None:
    """7209 is no word of the event's."""
    body = json.dumps({"response": {"errors": {"code": 7209, "message": "API access blocked"}}}).encode()

    assert isinstance(call_and_judge(body, status, data), Locked)

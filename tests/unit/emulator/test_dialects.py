import json

import pytest

from consumer.emulator.dialects import DIALECTS, Dialect, LockAnswer, LockFacts, lock_answer

FACTS = LockFacts("/api/x", requests=30, window_seconds=60.0, wait_seconds=299.5, epoch_seconds=0.0)
MARKS: dict[Dialect, tuple[int, str]] = {
    "A": (400, '"code":7209,"message":"API access blocked since threshold limit exceeded.'),
    "B": (429, "Too many requests"),
    "C": (400, "Cannot execute more than 30 requests per API in 1 minutes. Try again after 5 minutes."),
    "D": (400, '{"code":"INTERNAL_ERROR","message":"URL_FIXED_THROTTLES_LIMIT_EXCEEDED"}'),
    "E": (400, '"cause":"throttles_limit_exceeded"'),
    "F": (422, '{"code":422,"message":"Maximum limit exceeded"}'),
    "G": (403, "you have exceeded the maximum number of requests per minute"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialect_has_its_status_and_mark(dialect: Dialect) -> None:
    """Each dialect says it in the words that are on record."""
    status, mark = MARKS[dialect]
    answer = lock_answer(LockAnswer(dialect), FACTS)

    assert status == answer.status
    assert mark in answer.body.decode()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_status_can_be_replaced(dialect: Dialect) -> None:
    """Every dialect can come with HTTP 200, and its body never says 200 itself."""
    answer = lock_answer(LockAnswer(dialect, status=200), FACTS)

    assert answer.status == 200
    assert b'"code":200' not in answer.body


def test_retry_after_in_both_forms_and_not_at_all() -> None:
    """Retry-After is whole seconds, a date, or missing, as chosen."""
    headers = {
        form: lock_answer(LockAnswer("B", retry_after=form), FACTS).headers
        for form in ("none", "seconds", "date")
    }

    assert headers == {
        "none": (),
        "seconds": (("Retry-After", "300"),),
        "date": (("Retry-After", "Thu, 01 Jan 1970 00:05:00 GMT"),),
    }


def test_scaled_down_lock_names_seconds() -> None:
    """A lock too short for minutes names seconds, so that nobody waits longer than it lasts."""
    facts = LockFacts("/api/x", requests=30, window_seconds=3.0, wait_seconds=2.5, epoch_seconds=0.0)
    body = json.loads(lock_answer(LockAnswer("C"), facts).body)

    assert body["error"]["details"]["message"].endswith("in 3 seconds. Try again after 3 seconds.")

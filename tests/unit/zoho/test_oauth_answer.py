"""What each answer of the accounts host means."""

import json
from typing import Any

import pytest

from consumer.delivery.verdicts import CredentialRefused, TokenThrottled, Unreachable
from consumer.zoho.answer import Answer
from consumer.zoho.oauth_answer import Minted, TokenAnswer, read_token_answer

NOW = 1_700_000_000.0
GOOD = {"access_token": "1000.abc.def", "expires_in": 3600, "token_type": "Bearer"}
ACCESS_DENIED = {
    "error": "Access Denied",
    "error_description": "You have made too many requests continuously. Please try again after some time.",
    "status": "failure",
}


def read(body: object, status: int = 200, **more: Any) -> TokenAnswer:
    """What such an answer means."""
    text = body if isinstance(body, str) else json.dumps(body)
    return read_token_answer(Answer(status, text.encode(), **more), 600.0, NOW)


@pytest.mark.parametrize(
    ("lives", "life_seconds"),
    [
        ({"expires_in": 3600}, 3_600.0),
        ({"expires_in": 3_600_000, "expires_in_sec": 3600}, 3_600.0),
        ({"expires_in": 3_600_000}, 3_600.0),
        ({"expires_in": "3600"}, 3_600.0),
        ({"expires_in": 86_400}, 86_400.0),
        ({"expires_in": 10**15}, 86_400.0),
        ({"expires_in": 10**400}, 3_600.0),
        ({"expires_in": 0}, 3_600.0),
        ({"expires_in": -1, "expires_in_sec": None}, 3_600.0),
        ({"expires_in": 0.01}, 1.0),
        ({"expires_in": True}, 3_600.0),
        ({"expires_in": float("nan")}, 3_600.0),
        ({}, 3_600.0),
    ],
)
def test_a_tokens_life_is_read_in_every_form_and_bounded(
    lives: dict[str, object], life_seconds: float
) -> None:
    """Seconds before milliseconds, between a second and a day, an hour where nothing sensible is said."""
    assert read({"access_token": "1000.abc.def"} | lives) == Minted("1000.abc.def", life_seconds)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("error", ["invalid_code", "invalid_client", "invalid_client_secret", "INVALID_CODE"])
def test_a_refused_credential_is_told_by_the_body(error: str, status: int) -> None:
    """Errors come with status 200 or 400."""
    assert isinstance(read({"error": error}, status), CredentialRefused)


@pytest.mark.parametrize("status", [200, 400])
def test_access_denied_is_the_token_throttle(status: int) -> None:
    """It waits the whole window, for nobody knows when it began."""
    assert read(ACCESS_DENIED, status) == TokenThrottled("Zoho refuses new tokens for a while", 600.0)


@pytest.mark.parametrize(
    ("retry_after", "wait_seconds"), [("30", 600.0), ("900", 900.0), ("9" * 50, 86_400.0)]
)
def test_a_named_wait_counts_when_it_is_longer(retry_after: str, wait_seconds: float) -> None:
    """Never shorter than the window, never longer than a day."""
    found = read("", 429, retry_after=retry_after)

    assert found == TokenThrottled("Zoho refuses new tokens for a while", wait_seconds)


@pytest.mark.parametrize(
    ("body", "status", "more"),
    [
        ("", 200, {}),
        ("<html>Zoho</html>", 200, {}),
        ("<html>Zoho</html>", 502, {}),
        ({}, 200, {}),
        ({"error": "general_error"}, 200, {}),
        (GOOD, 500, {}),
        (GOOD, 302, {}),
        (GOOD | {"error": "something"}, 200, {}),
        (GOOD, 200, {"truncated": True}),
        ({"access_token": "a\r\nHost: evil"}, 200, {}),
        ({"access_token": ""}, 200, {}),
        ({"access_token": "x" * 5_000}, 200, {}),
        ({"access_token": 17}, 200, {}),
        ("[" * 100_000, 200, {}),
        ("9" * 5_000, 200, {}),
        ("null", 200, {}),
    ],
)
def test_no_token_and_no_known_error_is_unreachable(body: object, status: int, more: dict[str, Any]) -> None:
    """It is tried again; nobody is called out of bed for a page of HTML."""
    assert isinstance(read(body, status, **more), Unreachable)


def test_a_minted_token_is_not_in_its_repr() -> None:
    """Reprs end in logs."""
    assert "1000.abc.def" not in repr(read(GOOD))

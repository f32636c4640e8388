"""What an answer of the accounts host means. Pure."""

import json
import math
from dataclasses import dataclass, field

from consumer.delivery.verdicts import CredentialRefused, TokenThrottled, Unreachable
from consumer.zoho.answer import Answer
from consumer.zoho.markers import named_wait_seconds, plain

DEFAULT_LIFE_SECONDS = 3_600.0
MAX_LIFE_SECONDS = 86_400.0
MIN_LIFE_SECONDS = 1.0
MAX_TOKEN_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True)
class Minted:
    """A new access token and how long it lives, from when it was asked for. The token is not in the repr."""

    token: str = field(repr=False)
    life_seconds: float


TokenAnswer = Minted | CredentialRefused | TokenThrottled | Unreachable

# A person is needed. Zoho's texts, with what to do about them.
_REFUSALS = {
    "invalid_code": "the refresh token is wrong or revoked (invalid_code): make a new one",
    "invalid_client": "the client id is unknown in this data centre (invalid_client)",
    "invalid_client_secret": "the client secret is wrong (invalid_client_secret)",
    "invalid_grant": "the refresh token is wrong or revoked (invalid_grant): make a new one",
    "unauthorized_client": "the client may not refresh tokens (unauthorized_client)",
    "invalid_scope": "the scope is missing (invalid_scope)",
    "oauth_scope_mismatch": "the scope is missing (oauth_scope_mismatch)",
}
_THROTTLED = ("access denied", "access_denied", "too many requests")


def read_token_answer(answer: Answer, throttled_seconds: float, now_seconds: float) -> TokenAnswer:
    """Read the body first: errors come with HTTP 200 or 400. Never raises.

    `throttled_seconds`: how long Zoho's token throttle lasts where the answer names no longer time.
    An answer that can't be understood is `Unreachable`: there is no token, and nobody's at fault yet.
    """
    content = _content(answer)
    error, description = _text(content.get("error")), _text(content.get("error_description"))
    if answer.status == 429 or any(text in f"{error} {description}" for text in _THROTTLED):  # noqa: PLR2004
        named_seconds = named_wait_seconds([description], answer.retry_after, now_seconds) or 0.0
        return TokenThrottled("Zoho refuses new tokens for a while", max(throttled_seconds, named_seconds))
    if refusal := _REFUSALS.get(error):
        return CredentialRefused(refusal)
    token = content.get("access_token")
    if 200 <= answer.status <= 299 and not error and _is_token(token):  # noqa: PLR2004
        return Minted(str(token), _life_seconds(content))
    return Unreachable(_not_understood(answer, is_error=bool(error)))


def _content(answer: Answer) -> dict[str, object]:
    if answer.truncated:
        return {}
    try:
        content = json.loads(answer.body.decode("utf-8", "replace").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(value: object) -> str:
    return plain(value) if isinstance(value, str) else ""


def _is_token(value: object) -> bool:
    """Only what can stand in a header."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= MAX_TOKEN_CHARACTERS
        and all("!" <= character <= "~" for character in value)
    )


def _life_seconds(content: dict[str, object]) -> float:
    """`expires_in_sec` before `expires_in`; above a day it is milliseconds (an old variant of Zoho's)."""
    for key in ("expires_in_sec", "expires_in"):
        seconds = _number(content.get(key))
        if seconds is not None and seconds > 0:
            if seconds > MAX_LIFE_SECONDS:
                seconds /= 1_000
            return min(max(seconds, MIN_LIFE_SECONDS), MAX_LIFE_SECONDS)
    return DEFAULT_LIFE_SECONDS


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _not_understood(answer: Answer, *, is_error: bool) -> str:
    if 300 <= answer.status <= 399:  # noqa: PLR2004
        return f"the accounts host redirects (HTTP {answer.status}): is the accounts URL right?"
    if is_error:
        return f"the accounts host gave an error that is not known (HTTP {answer.status})"
    return f"the accounts host gave no token and no error (HTTP {answer.status})"

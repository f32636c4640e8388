"""The accounts host: which access tokens live, and when a new one is refused. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from consumer.emulator.answers import Answer, json_answer
from consumer.emulator.options import TokenRules
from consumer.emulator.treatments import token_error, token_throttled

API_DOMAIN = "https://www.zohoapis.com"
SCOPES = frozenset({"ZOHOPEOPLE.training.ALL", "ZOHOPEOPLE.training.UPDATE"})


class LiveToken(NamedTuple):
    """An access token, and when it expires."""

    value: str
    expires_at: float


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """Live access tokens, oldest first; the mints that still count; whether the refresh token is revoked."""

    live: tuple[LiveToken, ...] = ()
    mints: tuple[float, ...] = ()
    revoked: bool = False


def mint(
    rules: TokenRules, tokens: Tokens, form: Mapping[str, str], now: float, new_token: str
) -> tuple[Tokens, Answer]:
    """Answer a request to the token endpoint; `new_token` becomes the access token where it succeeds.

    One live token too many kills the oldest, silently. Only granted mints count against the limit
    of `mints` in `mint_window_seconds` (rolling).
    """
    refusal = _refusal(rules, tokens, form)
    if refusal is not None:
        return tokens, token_error(rules.error_status, refusal)
    recent = tuple(at for at in tokens.mints if now - at < rules.mint_window_seconds)
    if len(recent) >= rules.mints:
        return replace(tokens, mints=recent), token_throttled(rules.error_status)
    token = LiveToken(new_token, now + rules.lifetime_seconds)
    live = (*(t for t in tokens.live if t.expires_at > now), token)[-rules.live_tokens :]
    return replace(tokens, live=live, mints=(*recent, now)), _granted(rules, token.value)


def is_live(tokens: Tokens, value: str, now: float) -> bool:
    """Whether calls with this access token are let in."""
    return any(token.value == value and now < token.expires_at for token in tokens.live)


def kill_all(tokens: Tokens) -> Tokens:
    """Kill every access token before its time."""
    return replace(tokens, live=())


def _refusal(rules: TokenRules, tokens: Tokens, form: Mapping[str, str]) -> str | None:
    if form.get("grant_type") != "refresh_token":
        return "unsupported_grant_type"
    if form.get("client_id") != rules.client_id or form.get("client_secret") != rules.client_secret:
        return "invalid_client"
    if tokens.revoked or form.get("refresh_token") != rules.refresh_token:
        return "invalid_code"
    return None


def _granted(rules: TokenRules, token: str) -> Answer:
    seconds = int(rules.lifetime_seconds) if rules.lifetime_seconds >= 1 else rules.lifetime_seconds
    lifetime: dict[str, float] = {"expires_in": seconds}
    if rules.expires_in_milliseconds:
        lifetime = {"expires_in_sec": seconds, "expires_in": int(rules.lifetime_seconds * 1000)}
    body = {"access_token": token, **lifetime, "api_domain": API_DOMAIN, "token_type": "Bearer"}
    return json_answer("minted", 200, body)

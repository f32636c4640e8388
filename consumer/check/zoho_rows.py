"""Zoho: the way to both hosts, one access token and what it may do, and the clock beside Zoho's."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from consumer.check.network import Endpoint, way_to
from consumer.check.rows import Gravity, Group, Row
from consumer.clock import steady_clock
from consumer.delivery.mint_budget import MAX_MINTS, MintBudget
from consumer.delivery.verdicts import Applied, CredentialRefused, TokenThrottled, Unreachable, Verdict
from consumer.settings.zoho_urls import DATA_CENTRES
from consumer.zoho.answer import Answer
from consumer.zoho.client import ZohoRules, open_zoho
from consumer.zoho.errors import Interrupted
from consumer.zoho.oauth import AccessToken, Credential, TokenResult

SECONDS = 8.0
# A mint that no consumer counts may not be the one that makes Zoho block the others: so many stay free.
MINTS_LEFT_TO_CONSUMERS = 5
SCOPES = ("ZOHOPEOPLE.training.ALL", "ZOHOPEOPLE.training.UPDATE")
# Of what the accounts host says only this is shown: it knows the credential, and may say anything.
_SCOPE = re.compile(r"(?<![^\s,])[A-Za-z_]+(?:\.[A-Za-z_]+)+(?![^\s,])")
_API_DOMAIN = re.compile(r"https?://(?:[a-z0-9-]+\.)*zohoapis\.([a-z.]{2,10})/?")
_AUTHORITY = "the system's authorities, which Zoho's certificates need; a proxy on the way has its own"


@dataclass(frozen=True, slots=True)
class ZohoAccess:
    """Where an account's Zoho is and what opens it. `margin_seconds`: CONSUMER_QUOTA_CLOCK_MARGIN_SECONDS."""

    people_url: str
    accounts_url: str
    credential: Credential | None
    timeout_seconds: float
    margin_seconds: float

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "ZohoAccess | None":
        """From an account's values; None where a host or a time can't be used."""
        names = (
            "ZOHO_PEOPLE_URL",
            "ZOHO_ACCOUNTS_URL",
            "ZOHO_TIMEOUT_SECONDS",
            "QUOTA_CLOCK_MARGIN_SECONDS",
        )
        if any(name not in values for name in names):
            return None
        parts = [values.get(f"ZOHO_{name}") for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")]
        credential = None
        if all(part is not None for part in parts):
            client_id, secret, token = parts
            credential = Credential(str(client_id), secret.get_secret_value(), token.get_secret_value())  # type: ignore[union-attr]
        people, accounts, timeout, margin = (values[name] for name in names)
        return cls(people, accounts, credential, timeout, margin)

    @property
    def rules(self) -> ZohoRules:
        """For a client that gives up within the time of a check."""
        return ZohoRules(
            self.people_url, self.accounts_url, timeout_seconds=min(self.timeout_seconds, SECONDS)
        )


@dataclass(slots=True)
class TokenAnswers:
    """The last answer of the accounts host: what it says beside the token, and when (epoch seconds)."""

    date: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    asked_at: float = 0.0
    answered_at: float = 0.0

    def take(self, came: Answer | Interrupted, seconds: float) -> None:
        """For `open_zoho`. The token is not kept."""
        self.date, self.content, self.answered_at = None, {}, time.time()
        self.asked_at = self.answered_at - seconds
        if isinstance(came, Answer):
            self.date = came.date
            try:
                content = json.loads(came.body)
            except (ValueError, RecursionError):
                return
            if isinstance(content, dict):
                self.content = {name: content.get(name) for name in ("scope", "api_domain", "error")}


async def ways(access: ZohoAccess) -> tuple[list[Row], bool]:
    """The way to the People host and to the accounts host, and whether the latter can be reached."""
    group = Group("network")
    people = _endpoint(access.people_url, "CONSUMER_ZOHO_PEOPLE_URL")
    accounts = _endpoint(access.accounts_url, "CONSUMER_ZOHO_ACCOUNTS_URL")
    if str(people) == str(accounts):  # an emulator
        found = await way_to(accounts, group)
        return found, found[-1].gravity is None
    first, second = await asyncio.gather(way_to(people, group), way_to(accounts, group))
    return [*first, *second], second[-1].gravity is None


def _endpoint(url: str, setting: str) -> Endpoint:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    return Endpoint(parts.hostname or "", port, f"{setting} or CONSUMER_ZOHO_DATA_CENTRE", tls, _AUTHORITY)


async def token_rows(
    access: ZohoAccess, credential: Credential, mints: MintBudget, now: float, account: str
) -> list[Row]:
    """Mint one token, where the budget leaves room, and say what came of it; the clock's row with it."""
    group = Group("zoho", account)
    recent = sum(at > now - mints.window_seconds for at in mints.minted_at)
    room = MAX_MINTS - MINTS_LEFT_TO_CONSUMERS
    if mints.blocked_until > now or recent >= room:
        why = f"{recent} of the {MAX_MINTS} tokens of 10 minutes are minted"
        if mints.blocked_until > now:
            why = "no token is to be had: the row `tokens` of the group says why"
        todo = "Check again in 10 minutes; a running consumer must not be blocked by this."
        return [group.unchecked("token", why, todo), clock_unchecked(account)]
    answers = TokenAnswers()
    async with open_zoho(
        access.rules, credential, steady_clock(), mints, on_token_answer=answers.take
    ) as zoho:
        result = await zoho.tokens.token()
    return [*judged(result, answers, access, group), clock_row(answers, access.margin_seconds, account)]


def call_token_rows(verdict: Verdict, answers: TokenAnswers, access: ZohoAccess, account: str) -> list[Row]:
    """The same, of the token that a call was made with."""
    group = Group("zoho", account)
    if isinstance(verdict, CredentialRefused) and verdict.answer is not None:
        rows = [group.ok("token", "minted for the call")]
    elif isinstance(verdict, CredentialRefused | TokenThrottled | Unreachable):
        rows = judged(verdict, answers, access, group)
    else:
        rows = [group.ok("token", "minted for the call"), *_other_centre(answers.content, access, group)]
    if isinstance(verdict, Applied):
        rows.append(group.ok("scope", "enough for this call"))
    return [*rows, clock_row(answers, access.margin_seconds, account)]


def judged(result: TokenResult, answers: TokenAnswers, access: ZohoAccess, group: Group) -> list[Row]:
    """What the accounts host's answer means, in words, with what to do."""
    if isinstance(result, AccessToken):
        return [
            group.ok("token", f"minted: one of {MAX_MINTS} in 10 minutes"),
            _scope(answers.content, group),
            *_other_centre(answers.content, access, group),
        ]
    if isinstance(result, CredentialRefused):
        return [group.bad(Gravity.REFUSED, "token", result.reason, _mend(answers.content, access))]
    if isinstance(result, TokenThrottled):
        todo = f"Wait {result.wait_seconds:.0f} s, and look for others who mint with this refresh token."
        return [group.bad(Gravity.FINDING, "token", result.reason, todo)]
    todo = "Check CONSUMER_ZOHO_ACCOUNTS_URL or CONSUMER_ZOHO_DATA_CENTRE, and the way there."
    return [group.bad(Gravity.UNREACHABLE, "token", result.reason, todo)]


def _mend(content: Mapping[str, Any], access: ZohoAccess) -> str:
    here = urlsplit(access.accounts_url).hostname
    elsewhere = (
        f"A credential belongs to one data centre: is the portal's the one of {here} "
        "(CONSUMER_ZOHO_DATA_CENTRE)? In another one it is unknown."
    )
    if content.get("error") == "invalid_client":
        return f"Check CONSUMER_ZOHO_CLIENT_ID and CONSUMER_ZOHO_CLIENT_SECRET. {elsewhere}"
    if content.get("error") == "invalid_client_secret":
        return "Check CONSUMER_ZOHO_CLIENT_SECRET."
    if content.get("error") in ("invalid_code", "invalid_grant"):
        return f"Make a new refresh token with the scope {SCOPES[0]}. {elsewhere}"
    return "Correct the client or its scope in Zoho's API console."


def _scope(content: Mapping[str, Any], group: Group) -> Row:
    scope = content.get("scope")
    granted = _SCOPE.findall(scope) if isinstance(scope, str) else []
    if not granted:
        why = f"Zoho's answer does not say it; {SCOPES[0]} or {SCOPES[1]} is needed"
        return group.unchecked("scope", why, "`check --send EVENT.json` shows whether it is enough.")
    if not {each.casefold() for each in granted} & {each.casefold() for each in SCOPES}:
        found = f"the token has {', '.join(granted)[:200]}, and none that may update a session"
        return group.bad(Gravity.REFUSED, "scope", found, f"Make a new refresh token with {SCOPES[0]}.")
    return group.ok("scope", ", ".join(granted)[:200])


def _other_centre(content: Mapping[str, Any], access: ZohoAccess, group: Group) -> list[Row]:
    """A row where the token says that it is of another data centre than the People host."""
    domain = content.get("api_domain")
    found_of = _API_DOMAIN.fullmatch(domain) if isinstance(domain, str) else None
    token_of = None if found_of is None else found_of[1]
    people_of = next(
        (name for name, centre in DATA_CENTRES.items() if centre.people_url == access.people_url), None
    )
    if token_of not in DATA_CENTRES or people_of is None or token_of == people_of:
        return []
    found = f"the token is of the data centre {token_of}, the People host of {people_of}"
    todo = f"Set CONSUMER_ZOHO_DATA_CENTRE={token_of}, or both URLs of one data centre."
    return [group.bad(Gravity.REFUSED, "data centre", found, todo)]


def clock_row(answers: TokenAnswers, margin_seconds: float, account: str) -> Row:
    """This host's clock beside the Date header, which has whole seconds; Kafka tells no time."""
    group = Group("clock", account)
    try:
        zohos = parsedate_to_datetime(answers.date or "").timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return clock_unchecked(account)
    # The header was written between the two, and has been cut down to the second.
    behind = zohos - answers.answered_at
    ahead = answers.asked_at - (zohos + 1)
    least = max(behind, ahead, 0.0)
    roughly = (zohos + 0.5) - (answers.asked_at + answers.answered_at) / 2
    where = "behind" if roughly > 0 else "ahead of"
    found = f"{abs(roughly):.1f} s {where} Zoho's (its Date header has whole seconds)"
    if least > margin_seconds:
        todo = (
            f"Set this host's clock (NTP): replicas' clocks may differ by {margin_seconds:g} s "
            "(CONSUMER_QUOTA_CLOCK_MARGIN_SECONDS), or a hand-over may lock the account."
        )
        return group.bad(Gravity.FINDING, "clock", found, todo)
    return group.ok("clock", f"{found}; {margin_seconds:g} s are allowed for")


def clock_unchecked(account: str) -> Row:
    """Nothing to compare with."""
    return Group("clock", account).unchecked(
        "clock", "no answer of Zoho's to compare with, and Kafka tells no time"
    )

"""The Zoho API as the core asks for it: one call, one attempt, one verdict."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from yarl import URL

from consumer import __version__
from consumer.clock import Clock
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.ports import ZohoPort
from consumer.delivery.verdicts import (
    CallReport,
    CredentialRefused,
    CredentialReplaced,
    DailyQuotaUsed,
    Forbidden,
    Locked,
    TokenDead,
    TokenThrottled,
    Unreachable,
)
from consumer.events.mapping import request_target, session_data_json
from consumer.events.model import InputStyle, SessionKey
from consumer.zoho.answer import Answer
from consumer.zoho.errors import Interrupted, verdict_on
from consumer.zoho.oauth import AccessToken, Credential, Tokens
from consumer.zoho.token_endpoint import TokenEndpoint
from consumer.zoho.verdict import SentCall, judge
from consumer.zoho.wire import HttpRequest, Wire, open_wire

USER_AGENT = f"session-consumer/{__version__}"
# One mint at a time; a second one only while a replaced credential's mint ends unheard.
_ACCOUNTS_CONNECTIONS = 2
# What a credential is to blame for.
_OF_CREDENTIAL = (CredentialRefused, TokenDead, TokenThrottled, Forbidden)


@dataclass(frozen=True, slots=True)
class ZohoRules:
    """Where Zoho is and how it is called. URLs are checked already and have no trailing slash.

    `timeout_seconds` is for the whole call: token, connection, request and answer.
    """

    people_url: str
    accounts_url: str
    input_style: InputStyle = "query"
    timeout_seconds: float = 15.0
    concurrency: int = 8


@asynccontextmanager
async def open_zoho(
    rules: ZohoRules,
    credential: Credential,
    clock: Clock,
    mint_budget: MintBudget | None = None,
    on_mint: Callable[[str], None] = lambda result: None,  # noqa: ARG005
    *,
    on_token_answer: Callable[[Answer | Interrupted, float], None] = lambda came, seconds: None,  # noqa: ARG005
) -> AsyncIterator["ZohoClient"]:
    """A client with its connections; leaving closes them and ends a mint that is under way.

    `on_token_answer` is shown what the accounts host said, secrets included, and how long that took.
    """

    async def ask(asked: Credential) -> Answer | Interrupted:
        asked_at = clock()
        came = await endpoint.ask(asked)
        on_token_answer(came, clock() - asked_at)
        return came

    async with (
        open_wire(USER_AGENT, rules.concurrency) as people,
        open_wire(USER_AGENT, _ACCOUNTS_CONNECTIONS) as accounts,
    ):
        endpoint = TokenEndpoint(accounts, rules.accounts_url, rules.timeout_seconds)
        tokens = Tokens(ask, credential, clock, mint_budget, on_mint)
        try:
            yield ZohoClient(rules, people, tokens, clock)
        finally:
            await tokens.close()


class ZohoClient(ZohoPort):
    """Calls "Update Session". `tokens` is public: its credential may change while the process runs."""

    def __init__(self, rules: ZohoRules, wire: Wire, tokens: Tokens, clock: Clock) -> None:
        self.tokens = tokens
        self._rules = rules
        self._wire = wire
        self._clock = clock
        people = URL(rules.people_url, encoded=True)
        self._origin = str(people.origin())
        self._base_path = people.raw_path.rstrip("/")

    @property
    def mint_budget(self) -> MintBudget:
        """See `ZohoPort`."""
        return self.tokens.mint_budget

    def resume_mints(self, budget: MintBudget) -> None:
        """See `ZohoPort`."""
        self.tokens.resume_mints(budget)

    async def update_session(
        self, session: SessionKey, session_data: Mapping[str, str], may_start: Callable[[], bool]
    ) -> CallReport:
        """See `ZohoPort`. A token that Zoho refuses is forgotten here; the caller repeats, with a slot."""
        credential = self.tokens.credential
        report = await self._call(session, session_data, may_start)
        if credential is not self.tokens.credential and isinstance(report.verdict, _OF_CREDENTIAL):
            return replace(report, verdict=CredentialReplaced())
        return report

    async def _call(
        self, session: SessionKey, session_data: Mapping[str, str], may_start: Callable[[], bool]
    ) -> CallReport:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._rules.timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                token = await self.tokens.token()
        except TimeoutError:
            return CallReport(Unreachable("the accounts host: time-out"), sent=False)
        if not isinstance(token, AccessToken):
            return CallReport(token, sent=False)
        request = self._request(session, session_data, token)
        came = await self._wire.exchange(request, deadline - loop.time(), may_start)
        sent = SentCall(session.session_id, session_data, self._secrets(token))
        report = self._report(came, sent)
        if isinstance(report.verdict, TokenDead):
            self.tokens.dead(token)
        return report

    def _report(self, came: Answer | Interrupted, sent: SentCall) -> CallReport:
        if isinstance(came, Answer):
            verdict = judge(came, sent, self._clock())
            return CallReport(verdict, sent=True, left_today=came.left_today, http_status=came.status)
        if came.partial is not None:
            # A lock is a lock though its answer broke off: calling on would not be silence.
            verdict = judge(came.partial, sent, self._clock())
            if isinstance(verdict, Locked | DailyQuotaUsed):
                left_today = came.partial.left_today
                return CallReport(verdict, sent=True, left_today=left_today, http_status=came.partial.status)
        return CallReport(verdict_on(came, "the People host"), sent=came.started)

    def _request(
        self, session: SessionKey, session_data: Mapping[str, str], token: AccessToken
    ) -> HttpRequest:
        style = self._rules.input_style
        target = request_target(session, session_data, style, self._base_path)
        headers = {"Authorization": f"Zoho-oauthtoken {token.value}"}
        body = None
        if style in ("json", "both"):
            headers["Content-Type"] = "application/json"
            body = session_data_json(session_data).encode()
        elif style == "form":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({"sessionData": session_data_json(session_data)}).encode()
        return HttpRequest("PATCH", URL(self._origin + target, encoded=True), headers, body)

    def _secrets(self, token: AccessToken) -> tuple[str, ...]:
        credential = self.tokens.credential
        return token.value, credential.refresh_token, credential.client_secret

"""Access tokens: one mint at a time, renewed before they end, never more than Zoho's limit allows."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from consumer.clock import Clock
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.verdicts import CredentialRefused, TokenThrottled, Unreachable
from consumer.zoho.answer import Answer
from consumer.zoho.errors import Interrupted, reason_of
from consumer.zoho.oauth_answer import Minted, TokenAnswer, read_token_answer

# A token is renewed when a tenth of its life is left, or 5 minutes if that is less.
_EARLY_SHARE = 0.1
_MAX_EARLY_SECONDS = 300.0
# An early renewal that failed is tried again after this share of that time: 5 times at most.
_PAUSE_SHARE = 0.2
# Of refresh tokens that were replaced: one may come back (a file that was half written, a mistake).
_BUDGETS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Credential:
    """What a token is minted with. The secrets are in no repr."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token to call with, not in the repr."""

    value: str = field(repr=False)


TokenResult = AccessToken | CredentialRefused | TokenThrottled | Unreachable
Ask = Callable[[Credential], Awaitable[Answer | Interrupted]]


@dataclass(frozen=True, slots=True)
class _Current:
    token: AccessToken
    refresh_at: float
    pause_seconds: float
    expires_at: float


class Tokens:
    """Gives the account's access token. All times are epoch seconds of `clock`.

    `ask` makes one request to the accounts host, within a bounded time. `on_mint` is told what
    became of each: `minted`, `refused`, `throttled`, `failed`.
    """

    def __init__(
        self,
        ask: Ask,
        credential: Credential,
        clock: Clock,
        budget: MintBudget | None = None,
        on_mint: Callable[[str], None] = lambda result: None,  # noqa: ARG005
    ) -> None:
        self._ask = ask
        self._credential = credential
        self._clock = clock
        self._budget = budget or MintBudget()
        self._on_mint = on_mint
        self._budgets: dict[str, MintBudget] = {}
        self._current: _Current | None = None
        self._flight: asyncio.Task[TokenResult] | None = None
        self._flights: set[asyncio.Task[TokenResult]] = set()

    @property
    def mint_budget(self) -> MintBudget:
        """The mints so far, for the quota's state; a mint under way is counted already."""
        return self._budget

    @property
    def credential(self) -> Credential:
        """The one that is in use."""
        return self._credential

    def resume_mints(self, budget: MintBudget) -> None:
        """Go on from these mints. One that is under way stays counted."""
        underway = self._budget.minted_at[-len(self._flights) :] if self._flights else ()
        self._budget = budget
        for asked_at in underway:
            self._budget = self._budget.mint(asked_at)

    async def token(self) -> TokenResult:
        """The current token, or a new one; callers at the same time share one mint.

        Cancelling a caller leaves the mint to the others. While a token is being renewed early,
        the old one is given.
        """
        while True:
            credential = self._credential
            self._raise_if_flight_broke()
            current, now = self._current, self._clock()
            if current and now < current.expires_at:
                if now >= current.refresh_at and self._flight is None:
                    self._take_off()
                return current.token
            result = await asyncio.shield(self._flight or self._take_off())
            if credential is self._credential:
                return result

    def dead(self, token: AccessToken) -> None:
        """Zoho refused this token: forget it, if it is still the current one."""
        if self._current and self._current.token == token:
            self._current = None

    def replace_credential(self, credential: Credential) -> None:
        """Use this one from now on; a mint under way with the old one is left to end unheard.

        Zoho counts mints by refresh token, so each has a budget of its own, also when it comes back.
        """
        token = credential.refresh_token
        if token != self._credential.refresh_token:
            self._budgets[self._credential.refresh_token] = self._budget
            fresh = MintBudget(max_mints=self._budget.max_mints, window_seconds=self._budget.window_seconds)
            self._budget = self._budgets.pop(token, fresh)
            while len(self._budgets) > _BUDGETS_KEPT:
                del self._budgets[next(iter(self._budgets))]
        self._credential = credential
        self._current = self._flight = None

    async def close(self) -> None:
        """End a mint that is under way."""
        flights = tuple(self._flights)
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    def _take_off(self) -> "asyncio.Task[TokenResult]":
        flight = asyncio.create_task(self._mint(self._credential), name="mint an access token")
        self._flights.add(flight)
        flight.add_done_callback(self._landed)
        self._flight = flight
        return flight

    def _landed(self, flight: "asyncio.Task[TokenResult]") -> None:
        self._flights.discard(flight)
        if flight is self._flight and (flight.cancelled() or flight.exception() is None):
            self._flight = None

    def _raise_if_flight_broke(self) -> None:
        """A bug in a mint that nobody waited for comes out at the next call."""
        if self._flight is not None and self._flight.done():
            broken, self._flight = self._flight, None
            broken.result()

    async def _mint(self, credential: Credential) -> TokenResult:
        asked_at = self._clock()
        wait_seconds = self._budget.wait_seconds(asked_at)
        if wait_seconds > 0:
            self._pause_renewal(asked_at)
            return TokenThrottled("no token is asked for: Zoho's limit is 10 in 10 minutes", wait_seconds)
        self._budget = self._budget.mint(asked_at)
        came = await self._ask(credential)
        understood = _understand(came, self._budget.window_seconds, self._clock())
        self._on_mint(_RESULT_NAMES[type(understood)])
        if isinstance(understood, Minted):
            token = AccessToken(understood.token)
            if credential is self._credential:
                self._current = _lifetime(token, asked_at, understood.life_seconds)
            return token
        if credential.refresh_token == self._credential.refresh_token:
            self._account_for(came, understood, asked_at)
        return understood

    def _account_for(self, came: Answer | Interrupted, understood: TokenAnswer, asked_at: float) -> None:
        if isinstance(came, Interrupted) and not came.started:
            self._budget = self._budget.give_back(asked_at)
        if isinstance(understood, TokenThrottled):
            self._budget = self._budget.blocked(self._clock() + understood.wait_seconds)
        self._pause_renewal(self._clock())

    def _pause_renewal(self, now: float) -> None:
        if self._current:
            current = self._current
            self._current = _Current(
                current.token, now + current.pause_seconds, current.pause_seconds, current.expires_at
            )


_RESULT_NAMES: dict[type[TokenAnswer], str] = {
    Minted: "minted",
    CredentialRefused: "refused",
    TokenThrottled: "throttled",
    Unreachable: "failed",
}


def _understand(came: Answer | Interrupted, throttled_seconds: float, now: float) -> TokenAnswer:
    if isinstance(came, Interrupted):
        return Unreachable(reason_of(came.error, "the accounts host"))
    return read_token_answer(came, throttled_seconds, now)


def _lifetime(token: AccessToken, asked_at: float, life_seconds: float) -> _Current:
    early_seconds = min(life_seconds * _EARLY_SHARE, _MAX_EARLY_SECONDS)
    expires_at = asked_at + life_seconds
    return _Current(token, expires_at - early_seconds, early_seconds * _PAUSE_SHARE, expires_at)

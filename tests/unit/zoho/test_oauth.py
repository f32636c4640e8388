"""Tokens: shared, renewed early, within the budget."""

import asyncio
import json
from dataclasses import replace

import pytest

from consumer.delivery.mint_budget import MAX_MINTS, MintBudget
from consumer.delivery.verdicts import CredentialRefused, TokenThrottled, Unreachable
from consumer.zoho.answer import Answer
from consumer.zoho.errors import Interrupted
from consumer.zoho.oauth import AccessToken, Credential, Tokens

CREDENTIAL = Credential("client", "client-secret", "refresh-token")
REFUSED = Answer(400, b'{"error":"invalid_code"}')


class Accounts:
    """An accounts host that gives token-1, token-2, … or what it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.asked: list[Credential] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.says: Answer | Interrupted | None = None
        self.results: list[str] = []

    async def ask(self, credential: Credential) -> Answer | Interrupted:
        self.asked.append(credential)
        number = len(self.asked)
        await self.gate.wait()
        body = {"access_token": f"token-{number}", "expires_in": 3600}
        return self.says or Answer(200, json.dumps(body).encode())

    def tokens(self, budget: MintBudget | None = None) -> Tokens:
        return Tokens(self.ask, CREDENTIAL, lambda: self.now, budget, self.results.append)


async def turn_the_loop() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_callers_at_the_same_time_share_one_mint() -> None:
    """Single flight."""
    accounts = Accounts()
    tokens = accounts.tokens()

    given = await asyncio.gather(*(tokens.token() for _ in range(20)))

    assert set(given) == {AccessToken("token-1")}
    assert len(accounts.asked) == 1
    assert accounts.results == ["minted"]


async def test_cancelling_one_caller_leaves_the_mint_to_the_others() -> None:
    """The mint belongs to nobody's call."""
    accounts = Accounts()
    accounts.gate.clear()
    tokens = accounts.tokens()
    first, second = asyncio.create_task(tokens.token()), asyncio.create_task(tokens.token())
    await turn_the_loop()

    first.cancel()
    await turn_the_loop()
    accounts.gate.set()

    assert await second == AccessToken("token-1")
    assert first.cancelled()
    assert len(accounts.asked) == 1


async def test_a_token_is_kept_until_it_must_be_renewed() -> None:
    """No mint while there is a good token."""
    accounts = Accounts()
    tokens = accounts.tokens()
    await tokens.token()
    accounts.now += 3_299

    assert await tokens.token() == AccessToken("token-1")
    await turn_the_loop()
    assert len(accounts.asked) == 1


async def test_a_token_is_renewed_early_while_the_old_one_still_serves() -> None:
    """With 5 minutes left nobody waits, and the next call has the new token."""
    accounts = Accounts()
    tokens = accounts.tokens()
    await tokens.token()
    accounts.now += 3_301
    accounts.gate.clear()

    assert await tokens.token() == AccessToken("token-1")
    assert await tokens.token() == AccessToken("token-1")
    await turn_the_loop()
    accounts.gate.set()
    await turn_the_loop()

    assert await tokens.token() == AccessToken("token-2")
    assert len(accounts.asked) == 2


async def test_an_early_renewal_that_fails_is_repeated_with_pauses_and_the_old_token_serves() -> None:
    """Five tries in the last five minutes, no storm."""
    accounts = Accounts()
    tokens = accounts.tokens()
    await tokens.token()
    accounts.says = Answer(503, b"")

    for _ in range(299):
        accounts.now = max(accounts.now + 1, 1_003_300)
        assert await tokens.token() == AccessToken("token-1")
        await turn_the_loop()

    assert len(accounts.asked) - 1 == 5


async def test_an_expired_token_is_not_given() -> None:
    """After its end the caller waits for a new one."""
    accounts = Accounts()
    tokens = accounts.tokens()
    await tokens.token()
    accounts.now += 3_600

    assert await tokens.token() == AccessToken("token-2")


async def test_a_dead_token_is_forgotten_only_if_it_is_the_current_one() -> None:
    """Twenty calls that failed with the same token cost one mint."""
    accounts = Accounts()
    tokens = accounts.tokens()
    await tokens.token()

    tokens.dead(AccessToken("token-1"))
    assert await tokens.token() == AccessToken("token-2")
    tokens.dead(AccessToken("token-1"))

    assert await tokens.token() == AccessToken("token-2")
    assert len(accounts.asked) == 2


async def test_the_mint_budget_is_never_exceeded() -> None:
    """The eleventh mint is refused here, not by Zoho, and says how long."""
    accounts = Accounts()
    tokens = accounts.tokens()
    for number in range(1, 11):
        assert await tokens.token() == AccessToken(f"token-{number}")
        tokens.dead(AccessToken(f"token-{number}"))

    refused = await tokens.token()

    assert isinstance(refused, TokenThrottled)
    assert refused.wait_seconds == 600
    assert len(accounts.asked) == 10


async def test_the_mint_budget_comes_from_before_the_restart() -> None:
    """A process that restarts in a loop must not mint in a loop."""
    accounts = Accounts()
    tokens = accounts.tokens(MintBudget((accounts.now,) * MAX_MINTS))

    assert isinstance(await tokens.token(), TokenThrottled)
    assert accounts.asked == []


async def test_a_mint_under_way_is_in_the_budget_already() -> None:
    """The state that is committed meanwhile has it."""
    accounts = Accounts()
    accounts.gate.clear()
    tokens = accounts.tokens()
    waiting = asyncio.create_task(tokens.token())
    await turn_the_loop()

    assert tokens.mint_budget.minted_at == (accounts.now,)
    accounts.gate.set()
    await waiting


@pytest.mark.parametrize(("started", "counted"), [(False, 0), (True, 1)])
async def test_a_mint_counts_unless_it_never_reached_the_wire(started: bool, counted: int) -> None:
    """Refused connections are free, lost answers are not."""
    accounts = Accounts()
    accounts.says = Interrupted(ConnectionRefusedError(111, "no"), started)
    tokens = accounts.tokens()

    assert isinstance(await tokens.token(), Unreachable)
    assert len(tokens.mint_budget.minted_at) == counted


async def test_zohos_token_throttle_is_remembered() -> None:
    """No second request until it is over."""
    accounts = Accounts()
    accounts.says = Answer(200, b'{"error":"Access Denied","status":"failure"}')
    tokens = accounts.tokens()
    await tokens.token()
    accounts.says = None
    accounts.now += 599

    assert await tokens.token() == TokenThrottled(
        "no token is asked for: Zoho's limit is 10 in 10 minutes", 1.0
    )
    accounts.now += 1
    assert await tokens.token() == AccessToken("token-2")


async def test_a_new_credential_is_used_at_once_with_a_budget_of_its_own() -> None:
    """The old mint's result is not taken, and whoever waited for it gets the new token."""
    accounts = Accounts()
    accounts.gate.clear()
    tokens = accounts.tokens()
    waiting = asyncio.create_task(tokens.token())
    await turn_the_loop()

    new = Credential("client", "client-secret", "another-refresh-token")
    tokens.replace_credential(new)
    accounts.gate.set()

    assert await waiting == AccessToken("token-2")
    assert accounts.asked == [CREDENTIAL, new]
    assert tokens.mint_budget.minted_at == (accounts.now,)


async def test_a_credential_that_comes_back_finds_its_own_budget_again() -> None:
    """A file that was half written for a moment makes no eleventh mint."""
    accounts = Accounts()
    tokens = accounts.tokens()
    for _ in range(9):
        await tokens.token()
        tokens.replace_credential(replace(CREDENTIAL, refresh_token="half-wri"))
        tokens.replace_credential(CREDENTIAL)
    await tokens.token()
    tokens.replace_credential(replace(CREDENTIAL, client_secret="another"))

    assert isinstance(await tokens.token(), TokenThrottled)
    assert len(accounts.asked) == 10


async def test_a_refused_credential_is_reported_and_the_next_call_asks_again() -> None:
    """The gate decides about pauses."""
    accounts = Accounts()
    accounts.says = REFUSED
    tokens = accounts.tokens()

    assert isinstance(await tokens.token(), CredentialRefused)
    assert isinstance(await tokens.token(), CredentialRefused)
    assert accounts.results == ["refused", "refused"]


async def test_closing_ends_a_mint_under_way() -> None:
    """No task is left behind."""
    accounts = Accounts()
    accounts.gate.clear()
    tokens = accounts.tokens()
    waiting = asyncio.create_task(tokens.token())
    await turn_the_loop()

    await tokens.close()

    assert [task.get_name() for task in asyncio.all_tasks() if "mint" in task.get_name()] == []
    waiting.cancel()


async def test_a_bug_in_a_mint_that_nobody_waits_for_comes_out_at_the_next_call() -> None:
    """A background task must not die in silence."""
    accounts = Accounts()
    tokens = accounts.tokens()
    await tokens.token()
    accounts.now += 3_400
    accounts.says = "not an answer"  # type: ignore[assignment]
    await tokens.token()
    await turn_the_loop()

    with pytest.raises(AttributeError):
        await tokens.token()


def test_no_secret_is_in_a_repr() -> None:
    """Reprs end in logs."""
    shown = f"{CREDENTIAL!r} {AccessToken('token-1')!r}"

    assert shown == "Credential(client_id='client') AccessToken()"

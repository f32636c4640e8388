"""`check`: what it says of tokens, secrets, the clock and several accounts, on a real Kafka."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits, TokenRules
from consumer.emulator.server import Emulator
from tests.integration.check_scene import event_file, run_check
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, finished, reaches, until
from tests.kafka_broker.traffic import committed, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

pytestmark = pytest.mark.kafka

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))
SECRET, TOKEN = "planted-7d1f-client-secret", "1000.planted9e22.refresh-token"


@pytest.mark.parametrize(
    ("fault", "code", "said_of_it"),
    [
        ("mint_invalid_code", 4, ("wrong or revoked", "data centre")),
        ("mint_invalid_client", 4, ("unknown in this data centre", "CONSUMER_ZOHO_DATA_CENTRE")),
        ("mint_access_denied", 1, ("refuses new tokens", "Wait")),
        ("mint_status", 3, ("gave no token", "CONSUMER_ZOHO_ACCOUNTS_URL")),
        ("mint_reset", 3, ("the accounts host", "CONSUMER_ZOHO_ACCOUNTS_URL")),
    ],
)
async def test_zoho_refuses_the_token(
    kafka: KafkaUnderTest, topics: MakeTopics, fault: str, code: int, said_of_it: tuple[str, str]
) -> None:
    """A revoked token, a client of another data centre, the throttle, an outage: told apart."""
    async with Emulator(QUICK) as zoho:
        zoho.add_fault(Fault(fault))
        said = await run_check(settings_for(kafka, await topics(), zoho.url))

    assert said.code == code
    [bad] = said.bad
    assert bad["subject"] == "token"
    assert said_of_it[0] in bad["found"]
    assert said_of_it[1] in bad["todo"]


async def test_a_revoked_token_and_a_wrong_secret(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """By the emulator's own rules: exit code 4 each, and neither secret is shown in any format."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        zoho.revoke()
        revoked = await run_check(settings_for(kafka, made, zoho.url))
        wrong = await run_check(settings_for(kafka, made, zoho.url, zoho_client_secret=SECRET))

    assert (revoked.code, wrong.code) == (4, 4)
    assert "new refresh token" in revoked.bad[0]["todo"]
    assert "CONSUMER_ZOHO_CLIENT_SECRET" in wrong.bad[0]["todo"]


@pytest.mark.claim("S-81")
@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
async def test_no_secret_is_ever_shown(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path, output: str
) -> None:
    """Planted in the environment and in a file, not even a prefix comes out, whatever goes wrong."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "CONSUMER_ZOHO_REFRESH_TOKEN").write_text(TOKEN)
    rules = TokenRules(client_secret=SECRET, refresh_token=TOKEN, scope="ZOHOPEOPLE.leave.ALL")
    async with Emulator(EmulatorOptions(tokens=rules)) as zoho:
        settings = settings_for(
            kafka,
            await topics(),
            zoho.url,
            zoho_client_secret=SECRET,
            zoho_refresh_token=None,
            secrets_dir=str(secrets),
            kafka_sasl_password="planted-55aa-password",
        )
        good = {key: value for key, value in settings.items() if "SASL" not in key}
        runs = [
            await run_check(settings, output=output),
            await run_check(good, output=output),
            await run_check(good, "--send", event_file(tmp_path), "--yes", output=output),
        ]

    assert [run.code for run in runs] == [2, 0, 4]
    for run in runs:
        for secret in (SECRET, TOKEN, "planted", "1000.pl"):
            assert secret not in run.out + run.err
        assert "file in CONSUMER_SECRETS_DIR" in run.out


@asynccontextmanager
async def wrong_clock(off: timedelta, scope: str | None = None) -> AsyncIterator[str]:
    """An accounts host whose clock is off by so much."""

    async def mint(request: web.Request) -> web.Response:
        date = format_datetime(datetime.now(UTC) + off, usegmt=True)
        body = {"access_token": "t", "expires_in": 3600, "api_domain": "https://www.zohoapis.com"}
        return web.json_response(body | ({"scope": scope} if scope else {}), headers={"Date": date})

    application = web.Application()
    application.add_routes([web.post("/oauth/v2/token", mint)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert site._server is not None
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("off", "where"), [(120, "behind"), (-120, "ahead of")])
async def test_a_clock_that_is_wrong(kafka: KafkaUnderTest, topics: MakeTopics, off: int, where: str) -> None:
    """Beyond the margin of the quota: exit code 1, how far, and which way."""
    async with wrong_clock(timedelta(seconds=off)) as url:
        said = await run_check(settings_for(kafka, await topics(), url))

    assert said.code == 1
    [bad] = said.bad
    assert (bad["group"], bad["subject"]) == ("clock", "clock")
    assert f" s {where} Zoho's" in bad["found"]
    assert float(bad["found"].split()[0]) == pytest.approx(120, abs=5)


async def test_a_token_of_another_scope(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Where Zoho says the scope, one that can't update a session is exit code 4."""
    async with wrong_clock(timedelta(0), scope="ZOHOPEOPLE.leave.READ") as url:
        said = await run_check(settings_for(kafka, await topics(), url))

    assert said.code == 4
    assert [row["subject"] for row in said.bad] == ["scope"]


async def test_a_used_up_mint_budget_is_left_to_the_consumer(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The group's commit says that five tokens were minted of late: no other one is asked for."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url)
        async with consumer_process(env) as process:
            for place, change in enumerate(changes(5, 5)):
                zoho.portal.kill_tokens()
                await publish(kafka.bootstrap, made.source, [change])
                await finished(process, place + 1)
            assert await process.terminate() == 0
        minted = len(zoho.portal.tokens.mints)
        said = await run_check(env)

        assert minted >= 5
        assert len(zoho.portal.tokens.mints) == minted
    token = said.row("zoho", "token")
    assert token["mark"] == "unchecked"
    assert "of the 10 tokens of 10 minutes are minted" in token["found"]
    assert said.code == 0


async def test_an_owner_whose_credential_is_refused_is_told(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The state it committed is a ✗, with its page; as `helm test` asks, the token is one as well."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        zoho.revoke()
        # Unscaled: the pauses between its mints follow it, and leave the check some of the budget.
        env = settings_for(kafka, made, zoho.url, quota_lock_seconds=300)
        async with consumer_process(env) as process:
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await reaches(process, "auth_failed")

            async def written() -> bool:
                entries = await committed(kafka.bootstrap, made.group)
                return any("auth_failed" in str(entry.metadata) for entry in entries.values())

            await until(written)
            said = await run_check(env)
            asked_to = await run_check(env, "--mint")

    assert (said.code, asked_to.code) == (1, 4)
    state = said.row("group", "state")
    assert state["found"].startswith("auth_failed since ")
    assert "docs/runbook/auth-failed.md" in state["todo"]
    assert "proves" not in said.row("zoho", "token")["found"]
    assert asked_to.row("zoho", "token")["kind"] == "refused"


async def test_beside_the_owner_of_an_account_no_token_is_minted(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The row names it; with `--mint` one is."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url)
        async with consumer_process(env) as process:
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await finished(process, 1)
            beside = await run_check(env)
            minted_beside = len(zoho.portal.tokens.mints)
            asked_to = await run_check(env, "--mint")
            assert await process.terminate() == 0

        assert (minted_beside, len(zoho.portal.tokens.mints)) == (1, 2), "the replica's; the check's"
    assert (beside.code, asked_to.code) == (0, 0)
    owner = beside.row("group", "owner")["found"]
    token = beside.row("zoho", "token")
    assert token["mark"] == "unchecked"
    assert token["found"].startswith(f"not minted: {owner} owns the account")
    assert asked_to.row("zoho", "token")["mark"] == "ok"


async def test_every_account_has_its_own_rows(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path
) -> None:
    """Two accounts in a file: where a setting comes from is its line; `--account` leaves the other out."""
    one, other = await topics(), await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, one, zoho.url)
        lanes = ("SOURCE", "DEAD_LETTER", "REPLAY", "OUTCOMES")
        secret = tmp_path / "token"
        secret.write_text(env.pop("CONSUMER_ZOHO_REFRESH_TOKEN"))
        other_secret = tmp_path / "other-token"
        other_secret.write_text(TOKEN)
        accounts = {
            name: {
                **{
                    f"{lane.lower()}_topic": topic
                    for lane, topic in zip(
                        lanes, (t.source, t.dead_letters, t.replay, t.outcomes), strict=True
                    )
                },
                "zoho_refresh_token_file": file.name,
            }
            for name, t, file in (("a", one, secret), ("b", other, other_secret))
        }
        file = tmp_path / "accounts.yaml"
        file.write_text(yaml.safe_dump({"accounts": accounts}, sort_keys=False))
        for lane in lanes:
            del env[f"CONSUMER_{lane}_TOPIC"]
        env["CONSUMER_ACCOUNTS_FILE"] = str(file)
        both = await run_check(env)
        a_alone = await run_check(env, "--account", "a")
        neither = await run_check(env, "--account", "c")

    assert (both.code, a_alone.code, neither.code) == (4, 0, 2), "b's token is not known"
    assert [row["account"] for row in both.bad] == ["b"]
    assert {row["account"] for row in a_alone.rows} == {"", "a"}
    source = next(row for row in a_alone.rows if row["subject"] == "accounts.a.source_topic")
    assert source["found"] == f"{one.source}  ({file}:3)"
    assert "--account names no account" in neither.err
    assert TOKEN not in json.dumps(both.rows)

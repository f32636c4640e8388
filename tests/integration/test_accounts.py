"""Several accounts in one process, on a real Kafka: what befalls one is no other's business."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from consumer.emulator.options import EmulatorOptions, Limits, TokenRules
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, dead_letters, last_names, names_at_zoho, until
from tests.kafka_broker.traffic import Topics, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for

# Three different quotas in the emulated minute of three seconds.
REQUESTS = {"academy": 30, "branch": 12, "campus": 20}


@dataclass(frozen=True, slots=True)
class Portal:
    """An account's Zoho and topics."""

    zoho: Emulator
    topics: Topics


async def _portal(name: str, topics: MakeTopics, stack: AsyncExitStack) -> Portal:
    tokens = TokenRules(
        client_id=f"1000.{name}", client_secret=f"client-of-{name}", refresh_token=f"1000.token-of-{name}"
    )
    options = EmulatorOptions(limits=Limits(REQUESTS[name], 3.0, 2.0), tokens=tokens)
    return Portal(await stack.enter_async_context(Emulator(options)), await topics(partitions=2))


def _environment(kafka: KafkaUnderTest, portals: Mapping[str, Portal], directory: Path) -> dict[str, str]:
    """The accounts file with its secrets, and a process that has nothing of an account in its environment."""
    accounts = {}
    for name, portal in portals.items():
        for secret, text in (("client-secret", f"client-of-{name}"), ("token", f"1000.token-of-{name}")):
            (directory / f"{name}-{secret}").write_text(f"{text}\n")
        accounts[name] = {
            "source_topic": portal.topics.source,
            "dead_letter_topic": portal.topics.dead_letters,
            "replay_topic": portal.topics.replay,
            "outcomes_topic": portal.topics.outcomes,
            "zoho_people_url": portal.zoho.url,
            "zoho_accounts_url": portal.zoho.url,
            "zoho_client_id": f"1000.{name}",
            "zoho_client_secret_file": f"{name}-client-secret",
            "zoho_refresh_token_file": f"{name}-token",
            "quota_requests": REQUESTS[name],
        }
    file = directory / "accounts.yaml"
    file.write_text(yaml.safe_dump({"accounts": accounts}))
    first = next(iter(portals.values()))
    environ = settings_for(kafka, first.topics, first.zoho.url, accounts_file=str(file))
    own = {f"CONSUMER_{key.removesuffix('_file').upper()}" for key in accounts[next(iter(accounts))]}
    return {name: value for name, value in environ.items() if name not in own}


async def _applied(process: ConsumerProcess, account: str, count: int) -> None:
    """Wait until so many events of the account are applied."""

    async def done() -> bool:
        metrics = await process.metrics()
        return metrics[f'session_consumer_events_total{{account="{account}",outcome="applied"}}'] >= count

    await until(done)


async def _is(process: ConsumerProcess, account: str, state: str) -> None:
    async def there() -> bool:
        return bool((await process.account(account))["state"] == state)

    await until(there)


async def test_three_accounts_each_keep_to_their_own_quota(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """Each one's events reach its own Zoho with its own credential, at its own pace, without a lock."""
    async with AsyncExitStack() as stack:
        portals = {name: await _portal(name, topics, stack) for name in REQUESTS}
        process = await stack.enter_async_context(consumer_process(_environment(kafka, portals, tmp_path)))
        for portal in portals.values():
            await publish(kafka.bootstrap, portal.topics.source, changes(40, 8))
        for name in portals:
            await _applied(process, name, 40)
        assert await process.terminate() == 0

        for name, portal in portals.items():
            audit = portal.zoho.audit()
            assert (40, 0) == (audit.writes, audit.locks)
            assert audit.most_in_window <= REQUESTS[name]
            assert last_names(40, 8) == names_at_zoho(portal.zoho, 8)
            assert await dead_letters(kafka.bootstrap, portal.topics) == []


async def test_a_lock_and_a_bad_credential_do_not_touch_the_third_account(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """One is `throttled`, one `auth_failed`, both with a full backlog, one goes on.

    In the end all do: the lock is over, and the right token is in the file that the accounts file names.
    """
    async with AsyncExitStack() as stack:
        portals = {name: await _portal(name, topics, stack) for name in REQUESTS}
        portals["branch"].zoho.lock(3600.0)
        settings = {**_environment(kafka, portals, tmp_path), "CONSUMER_BACKLOG_EVENTS": "10"}
        token_file = tmp_path / "campus-token"
        token = token_file.read_text()
        token_file.write_text("1000.no-such-token\n")
        process = await stack.enter_async_context(consumer_process(settings))
        for portal in portals.values():
            await publish(kafka.bootstrap, portal.topics.source, changes(40, 8))
        await _is(process, "branch", "throttled")
        await _is(process, "campus", "auth_failed")
        await _applied(process, "academy", 40)

        states = {name: status["state"] for name, status in (await process.status())["accounts"].items()}
        assert states == {"academy": "running", "branch": "throttled", "campus": "auth_failed"}
        assert portals["branch"].zoho.audit().writes == portals["campus"].zoho.audit().writes == 0

        portals["branch"].zoho.reset()
        token_file.write_text(token)
        await _applied(process, "branch", 40)
        await _applied(process, "campus", 40)
        assert await process.terminate() == 0

        for portal in portals.values():
            assert last_names(40, 8) == names_at_zoho(portal.zoho, 8)
            assert await dead_letters(kafka.bootstrap, portal.topics) == []

"""Alerts and dashboard on a real Prometheus: a lock, a revoked credential, a crash loop, no owner."""

import asyncio
import re
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from helm.dashboard import queries
from tests.alerts.cases import P
from tests.alerts.prometheus import Prometheus, prometheus
from tests.alerts.test_dashboard import plain
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import binary, changes, data, finished, until
from tests.kafka_broker.traffic import publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("prometheus_tools")
async def test_a_real_prometheus_says_what_happens(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """Nothing fires while all is well; then exactly what was staged, with its texts filled in."""
    made = await topics()
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0))) as zoho:
        replicas = [consumer_process(settings_for(kafka, made, zoho.url)) for _ in range(2)]
        for replica in replicas:
            replica.start()
        for replica in replicas:
            await replica.wait_until_ready()
        targets = [replica.url.removeprefix("http://") for replica in replicas]
        async with prometheus(tmp_path, targets) as server:

            async def owned_and_seen() -> bool:
                running = await server.query('sum(session_consumer_account_state{state="running"}) == 1')
                standing_by = await server.query('sum(session_consumer_account_state{state="standby"}) == 1')
                return bool(running and standing_by)

            await until(owned_and_seen, 60)
            owner = replicas[0]
            if (await owner.account())["state"] != "running":
                owner = replicas[1]
            await publish(kafka.bootstrap, made.source, changes(20, 20))
            await finished(owner, 20)
            await asyncio.sleep(4)  # the waits of most alerts, scaled: none may be over
            assert await server.firing() == {}

            zoho.lock(2.0)
            broken = [binary(data(90 + n, startsAt="soon"), f"broken {n}") for n in range(3)]
            await publish(kafka.bootstrap, made.source, [*changes(40, 20)[20:], *broken])
            fired = await _fires(server, "LockedWithinQuota", "DeadLettersOfPublisher")
            assert fired[f"{P}DeadLettersOfPublisher"]["annotations"]["runbook_url"] == (
                "docs/runbook/event-invalid.md"
            )
            await finished(owner, 43)
            assert await _without_answer(server) == []

            zoho.revoke()
            zoho.kill_tokens()
            await publish(kafka.bootstrap, made.source, changes(60, 20)[40:])
            await _fires(server, "AuthFailed")

            (loser,) = (replica for replica in replicas if replica is not owner)
            for _ in range(4):
                loser.signal(signal.SIGKILL)
                await loser.wait()
                loser.start()
                await loser.wait_until_ready()
                await until(partial(_recorded, server, loser), 30)
            await _fires(server, "CrashLoop")

            for replica in replicas:
                await replica.terminate()
            await _fires(server, "NoOwner")


async def _recorded(server: Prometheus, replica: ConsumerProcess) -> bool:
    """Whether Prometheus has scraped this life of it, and evaluated the rules since."""
    started = (await replica.metrics())["process_start_time_seconds"]
    series = f'instance:session_consumer_start_time_seconds{{instance="{replica.url[len("http://") :]}"}}'
    return bool(await server.query(f"{series} == {started!r}"))


async def _fires(server: Prometheus, *names: str) -> dict[str, dict[str, Any]]:
    """Wait until these fire; those that were staged before may still, and no others."""
    wanted = {P + name for name in names}
    fired: dict[str, dict[str, Any]] = {}

    async def all_of_them() -> bool:
        fired.clear()
        fired.update(await server.firing())
        return fired.keys() >= wanted

    try:
        await until(all_of_them, 60)
    except AssertionError as problem:
        raise AssertionError(f"{sorted(wanted)} don't fire, but {sorted(fired)}") from problem
    # KafkaDown: in scaled time, a member that is killed again and again leaves no commit its seconds.
    left_over = {
        P + name
        for name in ("LockedWithinQuota", "DeadLettersOfPublisher", "AuthFailed", "KafkaDown", "CrashLoop")
    }
    assert fired.keys() <= wanted | left_over
    for alert in fired.values():
        assert ("training", "training/consumer") == (alert["labels"]["namespace"], alert["labels"]["job"])
        assert alert["labels"].get("account", "default") == "default"
        assert not any(re.search("{{|error|no value", text) for text in alert["annotations"].values()), alert
    return fired


async def _without_answer(server: Prometheus) -> list[str]:
    """The dashboard's queries that Prometheus answers with nothing, though they should not be empty."""
    empty = []
    for title, query in queries():
        if not await server.query(plain(query.expression, "15s")) and not query.may_be_empty:
            empty.append(title)
    return empty

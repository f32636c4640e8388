"""An account's failure dead-letters nothing and is met with silence (law 4): the process on a real Kafka."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from consumer.emulator.dialects import DIALECTS, Dialect, LockAnswer
from consumer.emulator.faults import Fault
from consumer.emulator.options import REFRESH_TOKEN, EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, dead_letters, finished, last_names, names_at_zoho, reaches, until
from tests.kafka_broker.traffic import publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))


@pytest.mark.parametrize(
    "dialect", [*DIALECTS[:1], *(pytest.param(each, marks=pytest.mark.slow) for each in DIALECTS[1:])]
)
async def test_a_lock_in_any_dialect_is_waited_out_in_silence(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, dialect: Dialect
) -> None:
    """Others used up the quota: no call while it is locked, one probe after, everything applied."""
    made = await topics()
    options = EmulatorOptions(limits=Limits(30, 3.0, 2.0), lock_answer=LockAnswer(dialect))
    async with Emulator(options) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.lock()
        await publish(kafka.bootstrap, made.source, changes(20, 10))
        status = await reaches(process, "throttled")
        assert status["until"] is not None
        await asyncio.sleep(0.3)  # answers to the calls that were in flight
        refused = zoho.audit().calls
        await asyncio.sleep(1.0)
        assert refused == zoho.audit().calls, "a call was made while the API was locked"
        await finished(process, 20)
        await process.terminate()

        assert await dead_letters(kafka.bootstrap, made) == []
        assert last_names(20, 10) == names_at_zoho(zoho, 10)
        assert refused <= 8, "more calls than those in flight met the lock"


def _outage(zoho: Emulator) -> Callable[[], None]:
    zoho.add_fault(Fault("outage"))
    return zoho.clear_faults


def _unintelligible(zoho: Emulator) -> Callable[[], None]:
    zoho.add_fault(Fault("html", status=200))
    return zoho.clear_faults


def _revoked(zoho: Emulator) -> Callable[[], None]:
    zoho.kill_tokens()
    zoho.revoke()
    return zoho.restore


def _forbidden(zoho: Emulator) -> Callable[[], None]:
    zoho.add_fault(Fault("forbidden"))
    return zoho.clear_faults


def _day_used_up(zoho: Emulator) -> Callable[[], None]:
    zoho.use_up_day()
    return zoho.reset  # a new day


@pytest.mark.parametrize(
    ("break_it", "state"),
    [
        (_outage, "unavailable"),
        (_unintelligible, "unavailable"),
        (_revoked, "auth_failed"),
        (_forbidden, "auth_failed"),
        (_day_used_up, "daily_quota"),
    ],
)
async def test_an_account_that_fails_keeps_everything_and_recovers_by_itself(
    kafka: KafkaUnderTest,
    topics: MakeTopics,
    consumer_process: MakeConsumer,
    break_it: Callable[[Emulator], Callable[[], None]],
    state: str,
) -> None:
    """The state says what is wrong, few calls are made, nothing is dead-lettered, all is applied after."""
    made = await topics()
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url)) as process,
    ):
        await publish(kafka.bootstrap, made.source, changes(3, 3))
        await finished(process, 3)
        mend = break_it(zoho)
        before = zoho.audit().calls
        await publish(kafka.bootstrap, made.source, changes(20, 10))
        status = await reaches(process, state)
        assert status["reason"]
        await asyncio.sleep(1.0)
        assert zoho.audit().calls - before <= 25
        mend()
        await finished(process, 23)
        await process.terminate()

        assert await dead_letters(kafka.bootstrap, made) == []
        assert last_names(20, 10) == names_at_zoho(zoho, 10)


async def test_a_new_credential_ends_a_refused_one_at_once(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """The secret's file changes: no restart, and no waiting for the pause between two tries to end.

    What takes effect at the next start is named, and so is what can't be read.
    """
    made = await topics()
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    token = secrets / "CONSUMER_ZOHO_REFRESH_TOKEN"
    token.write_text("1000.a.revoked-one")
    async with Emulator(QUICK) as zoho:
        # A lock period of 300 s makes the first pause 10 s.
        env = settings_for(
            kafka, made, zoho.url, zoho_refresh_token=None, secrets_dir=str(secrets), quota_lock_seconds=300
        )
        async with consumer_process(env) as process:
            await publish(kafka.bootstrap, made.source, changes(3, 3))
            await reaches(process, "auth_failed")
            token.write_text(REFRESH_TOKEN)
            await finished(process, 3, seconds=5)
            assert (await process.account())["state"] == "running"

            (secrets / "CONSUMER_LOG_LEVEL").write_text("debug")
            await until(partial(_logs, process, "CONSUMER_LOG_LEVEL"), 5)
            # A way that can't be gone, as where its parent is closed: the process goes on as it was.
            secrets.rename(tmp_path / "aside")
            secrets.symlink_to("x" * 300)
            await until(partial(_logs, process, "CONSUMER_SECRETS_DIR"), 5)
            assert (await process.account())["state"] == "running"
            assert await process.terminate() == 0

        assert zoho.audit().calls == 3
        assert not [line for line in process.log_lines() if REFRESH_TOKEN in line]


async def _logs(process: ConsumerProcess, name: str) -> bool:
    return any(name in line for line in process.log_lines())


async def test_twenty_refusals_in_a_row_hold_the_account(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A broken setting makes Zoho refuse everything: no more than twenty events are given up for it."""
    made = await topics()
    async with (
        Emulator(EmulatorOptions(limits=Limits(200, 3.0, 2.0))) as zoho,
        # A long lock period: the first probe comes five seconds after the hold.
        consumer_process(
            settings_for(kafka, made, zoho.url, quota_requests=200, quota_lock_seconds=1500)
        ) as process,
    ):
        zoho.add_fault(Fault("business"))
        two_courses = zip(changes(60, 60), changes(60, 60, course="478346000019479104"), strict=True)
        events = [pair[i % 2] for i, pair in enumerate(two_courses)]
        await publish(kafka.bootstrap, made.source, events)
        await reaches(process, "suspect")
        await finished(process, 20)
        assert len(await dead_letters(kafka.bootstrap, made)) == 20
        zoho.clear_faults()
        await finished(process, 60)
        await process.terminate()


async def test_no_connection_costs_no_event(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Zoho refuses connections: `unavailable`, and everything is applied once it listens again."""
    made = await topics()
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url)) as process,
    ):
        await zoho.refuse_connections()
        await publish(kafka.bootstrap, made.source, changes(10, 5))
        await reaches(process, "unavailable")
        await zoho.accept_connections()
        await finished(process, 10)
        await process.terminate()

        assert zoho.audit().writes == 10
        assert await dead_letters(kafka.bootstrap, made) == []


async def test_no_more_events_are_held_than_the_backlog_may_hold(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Zoho is locked and hundreds wait in the topic: ten are read, and the rest when there is room."""
    made = await topics()
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 60.0))) as zoho:
        zoho.lock()
        settings = settings_for(kafka, made, zoho.url, backlog_events=10, quota_lock_seconds=60)
        async with consumer_process(settings) as process:
            await publish(kafka.bootstrap, made.source, changes(300, 300))
            await reaches(process, "throttled")

            async def all_told() -> bool:
                account = await process.account()
                assert account["backlog"]["events"] <= 10
                return (account["backlog"]["events"], account["lag"][made.source]) == (10, 300)

            await until(all_told)
            await process.terminate()


@pytest.mark.slow  # long enough to be seen on a busy machine; the rules are tested on simulated hours
async def test_others_who_use_the_account_get_room_and_the_share_comes_back(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Zoho's count of the day falls faster than we call: status and metrics tell, and no lock comes."""
    made = await topics()
    options = EmulatorOptions(limits=Limits(30, 1.0, 2.0), daily_requests=25_000)
    async with Emulator(options) as zoho:
        settings = settings_for(kafka, made, zoho.url, quota_requests=20, quota_window_seconds=1)
        async with consumer_process(settings) as process:
            await publish(kafka.bootstrap, made.source, changes(600, 60))

            async def shared() -> bool:
                zoho.foreign_calls(1)
                await asyncio.sleep(0.2)
                quota = (await process.account())["quota"]
                return bool(0.5 <= quota["share"] < 1.0 and quota["others_in_window"] > 0)

            await until(shared)
            await finished(process, 600)
            metrics = await process.metrics()
            assert metrics['session_consumer_locks_total{account="default"}'] == 0
            await publish(kafka.bootstrap, made.source, changes(60, 60))

            async def whole_again() -> bool:
                return bool((await process.account())["quota"]["share"] == 1.0)

            await until(whole_again)
            await process.terminate()

"""Law 2 whoever crashes, stops or takes over: no window at Zoho ever holds more calls than the quota."""

import asyncio
import signal
import time

import pytest

from consumer.delivery.gate import AccountState
from consumer.delivery.quota_state import read_state
from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, finished, last_names, names_at_zoho, reaches, until
from tests.kafka_broker.traffic import committed, publish, set_position
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for

# A minute is 3 s here; a lock would last longer than any test.
QUOTA = EmulatorOptions(limits=Limits(30, 3.0, 60.0))
QUICK_TO_NOTICE = {
    "kafka_session_timeout_seconds": 2,
    "zoho_timeout_seconds": 1,
    "quota_abort_margin_seconds": 1,
    "quota_clock_margin_seconds": 0.2,
}


async def test_law_2_kills_in_the_middle_of_saturated_windows_cost_no_lock(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """SIGKILL with slots just used and calls under way, three times; the next life knows of them."""
    made = await topics(partitions=2)
    async with Emulator(QUOTA) as zoho:
        zoho.add_fault(Fault("slow", seconds=0.2))
        process = consumer_process(settings_for(kafka, made, zoho.url, **QUICK_TO_NOTICE))
        await publish(kafka.bootstrap, made.source, changes(120, 40))
        for calls in (20, 40, 75):
            process.start()

            async def so_many(wanted: int = calls) -> bool:
                return zoho.audit().calls >= wanted

            await until(so_many, 60)
            process.signal(signal.SIGKILL)
            await process.wait()
        process.start()

        async def all_committed() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            return sum(position.offset for position in positions.values()) == 120

        await until(all_committed, 60)
        assert await process.terminate() == 0

        audit = zoho.audit()
        assert (30, 0) == (audit.most_in_window, audit.locks)
        assert audit.calls <= 120 + 3 * 16
        assert last_names(120, 40) == names_at_zoho(zoho, 40)


async def test_law_2_a_clean_hand_over_keeps_the_quota_and_takes_two_seconds(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The standby goes on with what is left of the window; no event is sent twice."""
    made = await topics(partitions=2)
    async with (
        Emulator(QUOTA) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url)) as owner,
        consumer_process(settings_for(kafka, made, zoho.url)) as standby,
    ):
        await publish(kafka.bootstrap, made.source, changes(90, 30))
        await finished(owner, 25)
        stopped = time.monotonic()
        assert await owner.terminate() == 0
        await reaches(standby, "running", 5)
        assert time.monotonic() - stopped < 2
        quota = (await standby.account())["quota"]
        assert quota["used"] >= 25

        async def all_committed() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            return sum(position.offset for position in positions.values()) == 90

        await until(all_committed)
        await standby.terminate()

        audit = zoho.audit()
        assert (90, 30, 0) == (audit.calls, audit.most_in_window, audit.locks)


async def test_a_lock_is_waited_out_by_the_next_life_too(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Killed while Zoho is locked: the restart makes no call before the lock is over, then one probe."""
    made = await topics()
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 12.0))) as zoho:
        settings = settings_for(kafka, made, zoho.url, quota_lock_seconds=12, **QUICK_TO_NOTICE)
        process = consumer_process(settings)
        process.start()
        await process.wait_until_ready()
        zoho.lock()
        await publish(kafka.bootstrap, made.source, changes(5, 5))
        until_text = (await reaches(process, "throttled"))["until"]
        await asyncio.sleep(0.5)
        process.signal(signal.SIGKILL)
        await process.wait()
        refused = zoho.audit().calls
        process.start()
        await process.wait_until_ready()
        again = await reaches(process, "throttled")
        assert again["until"] >= until_text
        assert refused == zoho.audit().calls
        await finished(process, 5)
        assert await process.terminate() == 0

        assert refused + 5 == zoho.audit().calls


@pytest.mark.claim("S-23")
async def test_after_the_position_was_set_by_hand_all_slots_count_as_just_used(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Whoever resets offsets wipes what is known of the quota: the worst is assumed, once, for a window."""
    made = await topics()
    async with Emulator(QUOTA) as zoho:
        settings = settings_for(kafka, made, zoho.url, quota_lock_seconds=1, **QUICK_TO_NOTICE)
        process = consumer_process(settings)
        process.start()
        await process.wait_until_ready()
        await publish(kafka.bootstrap, made.source, changes(30, 30))
        await finished(process, 30)
        await process.terminate()
        await asyncio.to_thread(set_position, kafka.bootstrap, made, 30)
        await publish(kafka.bootstrap, made.source, changes(60, 60)[30:])
        process.start()
        await process.wait_until_ready()
        assert 30 == (await process.account())["quota"]["used"]
        await finished(process, 30)
        await process.terminate()

        audit = zoho.audit()
        assert (60, 30, 0) == (audit.calls, audit.most_in_window, audit.locks)


async def test_law_3_a_frozen_owner_that_wakes_up_makes_no_call_out_of_turn(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """SIGSTOP past the session time-out in a saturated window, then SIGCONT: the quota is kept."""
    made = await topics(partitions=2)
    async with (
        Emulator(QUOTA) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, **QUICK_TO_NOTICE)) as owner,
        consumer_process(settings_for(kafka, made, zoho.url, **QUICK_TO_NOTICE)) as standby,
    ):
        zoho.add_fault(Fault("slow", seconds=0.2))
        await publish(kafka.bootstrap, made.source, changes(150, 40))
        await finished(owner, 20)
        owner.signal(signal.SIGSTOP)
        await reaches(standby, "running", 20)
        owner.signal(signal.SIGCONT)
        await reaches(owner, "standby", 20)

        async def all_committed() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            return sum(position.offset for position in positions.values()) == 150

        await until(all_committed, 60)
        assert "running" == (await standby.account())["state"]
        assert (0, 0) == (await owner.terminate(), await standby.terminate())

        audit = zoho.audit()
        assert (30, 0) == (audit.most_in_window, audit.locks)
        assert last_names(150, 40) == names_at_zoho(zoho, 40)


async def test_a_call_of_an_owner_before_the_last_one_still_holds_the_next_one_back(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Frozen with a call on its way; its successor is stopped cleanly before that must be over."""
    made = await topics()
    async with Emulator(QUOTA) as zoho:
        zoho.add_fault(Fault("slow", calls=1, seconds=7))
        settings = {**QUICK_TO_NOTICE, "zoho_timeout_seconds": 8, "shutdown_seconds": 20}

        def replica() -> ConsumerProcess:
            return consumer_process(settings_for(kafka, made, zoho.url, **settings))

        async def called() -> bool:
            return zoho.audit().calls == 1

        async with replica() as first, replica() as second:
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await until(called)
            first.signal(signal.SIGSTOP)
            await publish(kafka.bootstrap, made.source, changes(2, 1)[1:])
            status = await reaches(second, "running", 10)
            assert status["until"] is not None
            assert "last owner" in status["reason"]
            async with replica() as third:
                await second.terminate()
                await reaches(third, "running", 10)
                await finished(third, 2, 30)
                assert ["change 1"] == names_at_zoho(zoho, 1)
                first.signal(signal.SIGCONT)
                await third.terminate()

        assert 3 >= zoho.audit().writes


async def test_how_an_account_stands_is_committed_by_its_new_owner_though_nothing_moves(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Else `session-consumer check` would go on telling what held up the last one."""
    made = await topics()

    async def held() -> set[AccountState | None]:
        states = [each.metadata for each in (await committed(kafka.bootstrap, made.group)).values()]
        found = [read_state(text)[0].held for text in states if text]
        return {None if each is None else each.state for each in found}

    async def held_by_the_day() -> bool:
        return {AccountState.DAILY_QUOTA} == await held()

    async def held_by_nothing() -> bool:
        return {None} == await held()

    async with Emulator(QUOTA) as zoho:
        await publish(kafka.bootstrap, made.source, changes(3, 3))
        async with consumer_process(settings_for(kafka, made, zoho.url, quota_daily_requests=3)) as first:
            await reaches(first, "daily_quota")
            await finished(first, 3)
            assert 0 == await first.terminate()
        assert await held_by_the_day()
        raised = settings_for(kafka, made, zoho.url, quota_daily_requests=1000)
        async with consumer_process(raised):
            await until(held_by_nothing, 10)

"""Replicas come, go and freeze while events are under way: nothing is lost, order holds."""

import asyncio
import signal

import pytest

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import (
    binary,
    changes,
    data,
    dead_letters,
    finished,
    last_names,
    names_at_zoho,
    reaches,
    session_id,
    until,
)
from tests.kafka_broker.traffic import committed, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

# No lock here: the quota's state does not move with ownership yet.
WIDE = EmulatorOptions(limits=Limits(10_000, 1.0, 1.0), answer_seconds=0.2)


async def test_a_replica_that_joins_moves_nothing_and_costs_no_call(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The rebalance lets calls in flight end; the owner goes on where it was, and sends nothing twice."""
    made = await topics(partitions=3)
    async with Emulator(WIDE) as zoho:
        settings = settings_for(kafka, made, zoho.url, quota_requests=20, quota_window_seconds=1)
        async with consumer_process(settings) as owner:
            await publish(kafka.bootstrap, made.source, changes(100, 20))
            await finished(owner, 20)
            other = settings_for(kafka, made, zoho.url, quota_requests=20, quota_window_seconds=1)
            async with consumer_process(other) as standby:
                await finished(owner, 100)
                assert (await standby.account())["state"] == "standby"
                await standby.terminate()
            await owner.terminate()

        assert zoho.audit().calls == 100
        assert last_names(100, 20) == names_at_zoho(zoho, 20)
        assert zoho.audit().most_in_flight_of_one_session == 1


@pytest.mark.slow  # its quick sister is in test_quota_over_lives
async def test_a_frozen_owner_is_replaced_and_comes_back_as_standby(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """SIGSTOP past the session time-out, then SIGCONT: everything ends applied, the last change stands."""
    made = await topics(partitions=2)
    async with Emulator(WIDE) as zoho:

        def settings() -> dict[str, str]:
            return settings_for(
                kafka,
                made,
                zoho.url,
                quota_requests=20,
                quota_window_seconds=1,
                kafka_session_timeout_seconds=2,
            )

        async with consumer_process(settings()) as owner, consumer_process(settings()) as second:
            await publish(kafka.bootstrap, made.source, changes(100, 10))
            await finished(owner, 20)
            owner.signal(signal.SIGSTOP)
            await reaches(second, "running", 20)
            await asyncio.sleep(1)
            owner.signal(signal.SIGCONT)
            await reaches(owner, "standby", 20)

            async def all_committed() -> bool:
                positions = await committed(kafka.bootstrap, made.group)
                return sum(position.offset for position in positions.values()) == 100

            await until(all_committed, 40)
            assert (await owner.terminate(), await second.terminate()) == (0, 0)

        assert last_names(100, 10) == names_at_zoho(zoho, 10)
        assert await dead_letters(kafka.bootstrap, made) == []
        assert zoho.audit().calls <= 100 + 2 * 8 + 20


async def test_a_call_that_may_still_arrive_holds_its_session_back_over_a_rebalance(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A call is aborted while a replica joins, and written later: the newer change waits all the same."""
    made = await topics()
    late = Fault("late_effect", calls=1, seconds=2)
    async with Emulator(EmulatorOptions(limits=Limits(10_000, 1.0, 1.0), faults=(late,))) as zoho:

        def settings() -> dict[str, str]:
            return settings_for(kafka, made, zoho.url, zoho_timeout_seconds=3, quota_abort_margin_seconds=4)

        async def called() -> bool:
            return zoho.audit().calls > 0

        async with consumer_process(settings()) as owner:
            await publish(kafka.bootstrap, made.source, changes(2, 1))
            await until(called)
            async with consumer_process(settings()):
                await finished(owner, 2)

                async def written_late() -> bool:
                    return zoho.audit().writes == 3

                await until(written_late)
                assert last_names(2, 1) == names_at_zoho(zoho, 1)


async def test_what_was_applied_is_not_sent_again_by_the_next_owner(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Beyond a position that a failing event holds back: the outcomes topic knows, also of the older one."""
    made = await topics()
    poison = Fault("poison", session_id=session_id(9))
    options = EmulatorOptions(limits=Limits(10_000, 1.0, 1.0), faults=(poison,))
    async with Emulator(options) as zoho:

        def settings() -> dict[str, str]:
            return settings_for(kafka, made, zoho.url, attempts=100, kafka_session_timeout_seconds=2)

        async with consumer_process(settings()) as owner, consumer_process(settings()):
            never = binary(data(9), "never")  # holds the position back
            both = [
                binary(data(0, "old", description="x"), "old"),
                binary(data(0, "new", roomId="1"), "new"),
            ]
            await publish(kafka.bootstrap, made.source, [never, *both])
            await finished(owner, 2)
            writes, calls = zoho.audit().writes, zoho.audit().calls
            owner.signal(signal.SIGSTOP)

            async def second_calls() -> bool:
                return zoho.audit().calls > calls + 3

            await until(second_calls, 40)
            assert ["new"] == names_at_zoho(zoho, 1)
            owner.signal(signal.SIGCONT)
            await reaches(owner, "standby", 20)

        assert 2 == writes == zoho.audit().writes

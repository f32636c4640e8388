"""What Kafka can do to us: missing topics, lost positions, no broker, another replica."""

import asyncio
import signal
import socket
import time

from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from confluent_kafka import Producer

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import (
    binary,
    changes,
    dead_letters,
    finished,
    header,
    last_names,
    names_at_zoho,
    reaches,
    until,
)
from tests.kafka_broker.traffic import committed, create_topics, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.leash import free_port
from tests.process import settings_for

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))


async def test_a_deleted_dead_letter_topic_is_waited_for(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It says so, passes nothing, and goes on by itself when the topic is there again."""
    made = await topics()
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([made.dead_letters])
        await admin.close()
        await publish(kafka.bootstrap, made.source, [binary(b"{", "bad"), *changes(4, 2)])
        status = await reaches(process, "kafka_down", 40)
        assert made.dead_letters in status["reason"]
        await create_topics(kafka.bootstrap, made.dead_letters)
        await finished(process, 5)
        assert await process.terminate() == 0

        assert [header(letter, "dlq.event.id") for letter in await dead_letters(kafka.bootstrap, made)] == [
            "bad"
        ]
        assert last_names(4, 2) == names_at_zoho(zoho, 2)


async def test_a_position_below_what_the_topic_holds_stops_the_account(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Retention took records that were not read: no jump, no call, and the reason names the command."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        process = consumer_process(settings_for(kafka, made, zoho.url))
        await publish(kafka.bootstrap, made.source, changes(3, 3))
        process.start()
        await process.wait_until_ready()
        await finished(process, 3)
        await process.terminate()
        await publish(kafka.bootstrap, made.source, changes(6, 3))
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_records({KafkaPartition(made.source, 0): RecordsToDelete(before_offset=6)})
        await admin.close()

        process.start()
        await process.wait_until_ready()
        status = await reaches(process, "position_lost")

        assert "--reset-offsets" in status["reason"]
        assert zoho.audit().calls == 3
        assert await process.terminate() == 0


async def test_a_source_topic_that_is_deleted_is_said_and_made_anew_is_a_lost_position(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It is not "another replica's"; and what is in the new topic is not read from some old place."""
    made = await topics()
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await publish(kafka.bootstrap, made.source, changes(3, 3))
        await finished(process, 3)

        async def all_committed() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            return sum(each.offset for each in positions.values()) == 3

        await until(all_committed)  # else it is the last commit that says that the topic is gone
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([made.source])
        await admin.close()
        status = await reaches(process, "kafka_down")
        assert f"{made.source} does not exist" in status["reason"]
        await create_topics(kafka.bootstrap, made.source)
        await publish(kafka.bootstrap, made.source, changes(6, 3))
        assert "--reset-offsets" in (await reaches(process, "position_lost"))["reason"]
        assert await process.terminate() == 0

        assert zoho.audit().calls == 3


async def test_latest_starts_at_the_end_once_and_loses_nothing_after(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The first start commits the end; what is published while it is down is read afterwards."""
    made = await topics(partitions=2)
    async with Emulator(QUICK) as zoho:
        await publish(kafka.bootstrap, made.source, changes(10, 5))
        process = consumer_process(settings_for(kafka, made, zoho.url, start_from="latest"))
        process.start()
        await process.wait_until_ready()

        async def positions_committed() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            return sum(each.topic == made.source for each in positions) == 2

        await until(positions_committed)
        process.signal(signal.SIGKILL)
        await process.wait()
        await publish(kafka.bootstrap, made.source, changes(4, 2))
        process.start()
        await process.wait_until_ready()
        await finished(process, 4)
        await process.terminate()

        assert zoho.audit().calls == 4


async def test_missing_topics_and_no_broker_end_the_start_with_what_to_do(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Exit code 2 at once where topics are missing, and settings are reported all at once."""
    made = await topics()
    gone = {"dead_letter_topic": "nowhere", "replay_topic": "nowhere.again"}
    missing = consumer_process(settings_for(kafka, made, "http://127.0.0.1:1", **gone))
    wrong = consumer_process(
        settings_for(kafka, made, "http://example.org", quota_requests="many", zoho_time_zone="Mars/Base")
    )
    for process in (missing, wrong):
        process.start()
        assert await process.wait(20) == 2

    assert any("nowhere, nowhere.again. Create them" in line for line in missing.log_lines())
    said = "\n".join(wrong.log_lines())
    assert all(name in said for name in ("QUOTA_REQUESTS", "ZOHO_TIME_ZONE", "ZOHO_PEOPLE_URL"))


async def test_a_taken_http_port_is_a_problem_of_the_settings(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Exit code 2, and the setting is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = consumer_process(settings_for(kafka, await topics(), "http://127.0.0.1:1", http_port=port))
        process.start()
        assert await process.wait(20) == 2

    assert any("CONSUMER_HTTP_PORT" in line for line in process.log_lines())


async def test_what_a_transaction_took_back_is_not_applied_and_its_markers_are_passed(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Publishers may use transactions: aborted events never happened, and the lag comes to nothing."""
    made = await topics()
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": made.source})
    await asyncio.to_thread(producer.init_transactions, 20)
    for number, end in ((0, producer.commit_transaction), (1, producer.abort_transaction)):
        producer.begin_transaction()
        record = changes(2, 2)[number]
        producer.produce(made.source, record.value, record.key, headers=list(record.headers))
        await asyncio.to_thread(producer.flush, 20)
        await asyncio.to_thread(end, 20)
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await finished(process, 1)

        async def no_lag() -> bool:
            positions = await committed(kafka.bootstrap, made.group)
            done = {partition.topic: position.offset for partition, position in positions.items()}
            lag = (await process.account())["lag"]
            return (lag, done) == ({made.source: 0, made.replay: 0}, {made.source: 4, made.replay: 0})

        await until(no_lag)
        await process.terminate()

        assert names_at_zoho(zoho, 2) == ["change 0", None]


async def test_sigterm_while_kafka_is_not_there_ends_it_at_once(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Waiting for a broker never delays a stop; it is live and not ready meanwhile."""
    nowhere = KafkaUnderTest(f"127.0.0.1:{free_port()}")
    process = consumer_process(settings_for(nowhere, await topics(), "http://127.0.0.1:1"))
    process.start()

    async def live() -> bool:
        return await process.http_status("/livez") == 200

    await until(live)
    assert await process.http_status("/readyz") == 503
    assert (await process.account())["state"] == "kafka_down"
    started = time.monotonic()
    assert (await process.terminate(), time.monotonic() - started < 3) == (0, True)


async def test_a_second_replica_stands_by_and_takes_over(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It is ready and idle; when the owner stops, it goes on, and no event is sent twice."""
    made = await topics(partitions=3)
    async with (
        Emulator(QUICK) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url)) as owner,
        consumer_process(settings_for(kafka, made, zoho.url)) as second,
    ):
        await publish(kafka.bootstrap, made.source, changes(20, 10))
        await finished(owner, 20)
        assert ((await owner.account())["state"], (await second.account())["state"]) == ("running", "standby")
        assert await owner.terminate() == 0
        await publish(kafka.bootstrap, made.source, changes(20, 10))
        await finished(second, 20)
        await second.terminate()

        assert zoho.audit().calls == 40


async def test_a_call_that_hangs_and_is_written_later_never_overwrites_a_newer_change(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The write of an aborted call takes effect after we gave up: the next change waits for it to be over."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url, zoho_timeout_seconds=1, quota_abort_margin_seconds=2)
        async with consumer_process(env) as process:
            zoho.add_fault(Fault("late_effect", calls=1, seconds=1.0))
            await publish(kafka.bootstrap, made.source, changes(2, 1))
            await finished(process, 2)
            await asyncio.sleep(1.0)
            await process.terminate()

        assert names_at_zoho(zoho, 1) == ["change 1"]


async def test_an_echo_of_other_values_is_warned_about_or_held(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """`warn` applies it and says so; `hold` keeps the event and stops until Zoho shows what was sent."""
    for setting, state in (("warn", "running"), ("hold", "suspect")):
        made = await topics()
        async with Emulator(QUICK) as zoho:
            zoho.add_fault(Fault("echo_times"))
            env = settings_for(kafka, made, zoho.url, zoho_verify_echo=setting)
            async with consumer_process(env) as process:
                await publish(kafka.bootstrap, made.source, changes(1, 1))
                if setting == "hold":
                    assert "TIME_ZONE" in (await reaches(process, state))["reason"]
                    zoho.clear_faults()
                await finished(process, 1)
                assert (await process.account())["state"] == "running"
                assert any("other values" in line or "account state" in line for line in process.log_lines())
                await process.terminate()

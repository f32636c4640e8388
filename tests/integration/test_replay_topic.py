"""The replay topic beside the source: who reads it, from where, over crashes, and where it is gone."""

import asyncio
import signal
from collections.abc import Sequence

import confluent_kafka
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka.admin import AdminClient

from consumer.emulator.faults import Fault
from consumer.emulator.server import Emulator
from consumer.records import Record
from schemas import dead_letter as names
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.replays_scene import QUICK, event, replay, told, until_dead
from tests.integration.scene import (
    finished,
    header,
    names_at_zoho,
    session_id,
    until,
)
from tests.kafka_broker.traffic import Topics, create_topics, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for


async def test_law_1_a_kill_while_replays_wait_loses_none_and_repeats_none_that_was_recorded(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The next life calls for no replay whose end is on record, though its position was not committed."""
    made = await topics(partitions=2)
    numbers = range(24)
    async with Emulator(QUICK) as zoho:
        settings = settings_for(
            kafka,
            made,
            zoho.url,
            concurrency=2,
            kafka_session_timeout_seconds=2,
            zoho_timeout_seconds=1,
            attempts=100,
        )
        process = consumer_process(settings)
        process.start()
        await process.wait_until_ready()
        zoho.add_fault(Fault("not_found"))
        await publish(kafka.bootstrap, made.source, [event(n, f"e{n}") for n in numbers])
        letters = await until_dead(kafka, made, len(numbers))
        zoho.clear_faults()
        # The first one of each partition fails and holds the position back.
        stuck = [next(each for each in letters if each.partition == partition) for partition in (0, 1)]
        for letter in stuck:
            session = (header(letter, names.SESSION) or "").split("/")[-1]
            zoho.add_fault(Fault("poison", session_id=session))
        await replay(kafka, made, letters)

        async def some_ended() -> bool:
            _, states = await told(kafka, made)
            return [state["state"] for state in states].count("applied") >= 8

        await until(some_ended)
        process.signal(signal.SIGKILL)
        await process.wait()
        _, states = await told(kafka, made)
        recorded = {state["deadLetterId"] for state in states if state["state"] == "applied"}
        wanted = {header(letter, names.ID) for letter in letters}
        writes_before = zoho.audit().writes
        zoho.clear_faults()
        process.start()
        await process.wait_until_ready()

        async def all_ended() -> bool:
            _, states = await told(kafka, made)
            return {s["deadLetterId"] for s in states if s["state"] == "applied"} == wanted

        await until(all_ended, 60)
        await process.terminate()

        assert [f"e{n}" for n in numbers] == names_at_zoho(zoho, len(numbers))
        assert 8 <= len(recorded) < len(numbers)
        # Those that were under way or not yet on record are sent, and nothing else.
        assert zoho.audit().writes - writes_before <= len(numbers) - len(recorded)
    _, states = await told(kafka, made)
    ends = [state["deadLetterId"] for state in states if state["state"] == "applied"]
    assert len(numbers) == len(ends)


async def test_replays_are_read_from_the_beginning_wherever_live_events_start(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """CONSUMER_START_FROM=latest leaves out what was published before the group, but no replay."""
    made = await topics()
    letter = Record(
        made.dead_letters,
        0,
        0,
        0,
        session_id(1).encode(),
        event(1, "asked for").value,
        (
            *event(1, "asked for").headers,
            (names.ID, f"{made.source}:0:0".encode()),
            (names.ERRORS_TOPIC, made.source.encode()),
            (names.ERRORS_PARTITION, b"0"),
            (names.ERRORS_OFFSET, b"0"),
        ),
    )
    await publish(kafka.bootstrap, made.source, [event(0, "before")])
    await replay(kafka, made, [letter])
    async with Emulator(QUICK) as zoho:
        settings = settings_for(kafka, made, zoho.url, start_from="latest")
        async with consumer_process(settings) as process:
            await finished(process, 1)
            await publish(kafka.bootstrap, made.source, [event(2, "after")])
            await finished(process, 2)
            await process.terminate()

        assert [None, "asked for", "after"] == names_at_zoho(zoho, 3)


async def test_law_3_a_replay_topic_is_always_with_its_sources_owner(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Two replicas, and the owner goes away: both topics to one, and then to the other."""
    made = await topics(partitions=3)
    async with Emulator(QUICK) as zoho:
        settings = [settings_for(kafka, made, zoho.url) for _ in range(2)]
        owner = consumer_process(settings[0])
        owner.start()
        await owner.wait_until_ready()
        async with consumer_process(settings[1]) as standby:
            parts = await assigned(kafka, made, members=2)
            assert [[], both(made)] == sorted(parts)
            await owner.terminate()
            await assigned(kafka, made, members=1)
            assert [both(made)] == await assigned(kafka, made, members=1)
            await standby.terminate()


async def test_a_replay_topic_that_is_gone_stops_no_live_event(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It is told once and looked for; once made anew, what is in it is replayed."""
    made = await topics()
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", calls=2))
        await publish(kafka.bootstrap, made.source, [event(0, "one"), event(1, "two")])
        first, second = await until_dead(kafka, made, 2)
        await replay(kafka, made, [first])
        await finished(process, 3)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([made.replay])
        await admin.close()
        await until(lambda: _says(process, "replay topics do not exist"))
        await publish(kafka.bootstrap, made.source, [event(2, "live")])
        await finished(process, 4)
        await create_topics(kafka.bootstrap, made.replay)
        await replay(kafka, made, [second])
        await finished(process, 5)
        await process.terminate()

        assert {"one", "two", "live"} == set(names_at_zoho(zoho, 3))
    assert 1 == sum("replay topics do not exist" in line for line in process.log_lines())


async def _says(process: ConsumerProcess, text: str) -> bool:
    return any(text in line for line in process.log_lines())


def both(made: Topics) -> list[tuple[str, int]]:
    """All partitions of the source and the replay topic."""
    return sorted((topic, number) for topic in (made.source, made.replay) for number in range(3))


async def assigned(kafka: KafkaUnderTest, made: Topics, *, members: int) -> Sequence[list[tuple[str, int]]]:
    """What each member owns, once the group is stable with so many, as the broker tells it."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    parts: list[list[tuple[str, int]]] = []

    async def stable() -> bool:
        [asked] = admin.describe_consumer_groups([made.group]).values()
        group = await asyncio.to_thread(asked.result, 10)
        parts[:] = [
            sorted((each.topic, each.partition) for each in member.assignment.topic_partitions)
            for member in group.members
        ]
        return bool(group.state is confluent_kafka.ConsumerGroupState.STABLE and len(parts) == members)

    await until(stable)
    return parts

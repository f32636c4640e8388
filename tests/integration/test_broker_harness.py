"""The broker that other tests lean on: it starts, dies, freezes and comes back as they believe it does."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaTopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import OffsetAndMetadata
from confluent_kafka.admin import AdminClient

from consumer.emulator.server import Emulator
from consumer.records import Record, TopicPartition
from tests.conftest import OwnBroker
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.kafka_broker.fetch import SUMS, differences, fetch_jars
from tests.kafka_broker.traffic import Outgoing, committed, create_topics, publish, read_all, unique_topics
from tests.kafka_broker.under_test import OTHER_BROKER, KafkaUnderTest, delete_topics, kafka_under_test
from tests.process import settings_for

ONE = Outgoing(b"value", key=b"key", headers=(("name", b"1"), ("name", None)), timestamp_ms=1_764_000_000_000)


async def test_what_was_published_is_read_in_order(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Records come back with every part of them, ordered by partition and offset."""
    source = (await topics(partitions=2)).source

    await publish(
        kafka.bootstrap,
        source,
        [
            Outgoing(b"second partition", partition=1, timestamp_ms=5),
            Outgoing(b"value", b"key", (("a", b"1"), ("a", None)), timestamp_ms=7, partition=0),
            Outgoing(None, b"", partition=0, timestamp_ms=9),
        ],
    )

    assert [
        Record(source, 0, 0, 7, b"key", b"value", (("a", b"1"), ("a", None))),
        Record(source, 0, 1, 9, b"", None),
        Record(source, 1, 0, 5, None, b"second partition"),
    ] == await read_all(kafka.bootstrap, source)


async def test_an_empty_topic_has_nothing_and_an_unknown_group_no_offsets(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """Reading an empty topic ends at once, and a group that never was has committed nothing."""
    made = await topics()

    assert await read_all(kafka.bootstrap, made.source) == []
    assert await committed(kafka.bootstrap, made.group) == {}


async def test_committed_offsets_are_read_with_their_metadata(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """The offset and the text that a group committed beside it come back."""
    made = await topics()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=made.group, enable_auto_commit=False
    )
    await consumer.start()
    part = KafkaTopicPartition(made.source, 0)
    consumer.assign([part])
    await consumer.commit({part: OffsetAndMetadata(41, "the quota's state")})
    await consumer.stop()

    offsets = await committed(kafka.bootstrap, made.group)

    assert [TopicPartition(made.source, 0)] == list(offsets)
    assert (
        offsets[TopicPartition(made.source, 0)].offset,
        offsets[TopicPartition(made.source, 0)].metadata,
    ) == (41, "the quota's state")


async def test_a_killed_broker_comes_back_with_its_records(own_broker: OwnBroker) -> None:
    """After SIGKILL the broker answers on the same port, with the same data."""
    broker = own_broker()
    topic = unique_topics().source
    bootstrap = broker.bootstrap
    await create_topics(bootstrap, topic)
    await publish(bootstrap, topic, [ONE])

    broker.kill()
    assert not broker.running
    await asyncio.to_thread(broker.start)

    assert bootstrap == broker.bootstrap
    assert [record.value for record in await read_all(bootstrap, topic)] == [b"value"]


async def test_a_frozen_broker_is_silent_and_thaws(own_broker: OwnBroker) -> None:
    """SIGSTOP takes the answers away, not the connection; SIGCONT brings them back."""
    broker = own_broker()
    topic = unique_topics().source
    await create_topics(broker.bootstrap, topic)

    broker.freeze()
    publishing = asyncio.create_task(publish(broker.bootstrap, topic, [ONE]))
    done, _ = await asyncio.wait([publishing], timeout=1)
    broker.thaw()

    assert not done
    assert [TopicPartition(topic, 0)] == await publishing


async def test_a_brokers_properties_can_be_changed(own_broker: OwnBroker) -> None:
    """A broker told to take no more than 1,000 bytes refuses more."""
    broker = own_broker(**{"message.max.bytes": "1000"})
    topic = unique_topics().source
    await create_topics(broker.bootstrap, topic)

    with pytest.raises(MessageSizeTooLargeError):
        await publish(broker.bootstrap, topic, [Outgoing(b"x" * 2000)])


async def test_topics_are_not_made_by_accident(own_broker: OwnBroker) -> None:
    """A topic that nobody created does not appear because somebody asks for it."""
    broker = own_broker()

    with pytest.raises(LookupError, match="no topic"):
        await read_all(broker.bootstrap, "mistyped")


def test_a_broker_ends_with_a_run_that_is_killed(own_broker: OwnBroker, tmp_path: Path) -> None:
    """SIGKILL of the process that started a broker leaves no broker behind, frozen or not."""
    own_broker().stop()  # skips this test where no broker can be had
    program = (
        "import sys, time; from pathlib import Path; from tests.kafka_broker.broker import Broker\n"
        f"broker = Broker(Path({str(tmp_path / 'orphan')!r})); broker.freeze()\n"
        "print(broker._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        broker_pid = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)

    assert _ends_within(broker_pid, seconds=5)


def test_a_damaged_cache_is_noticed(kafka: KafkaUnderTest, tmp_path: Path) -> None:
    """A jar with other bytes, a missing one and one too many are each told apart from the pinned set."""
    if kafka.broker is None:
        pytest.skip("no jars of ours are in use")
    jars = tmp_path / "jars"
    jars.mkdir()
    for jar in fetch_jars().glob("*.jar"):
        (jars / jar.name).symlink_to(jar)
    name = SUMS.read_text().split()[1]

    assert differences(jars) is None
    (jars / name).unlink()
    assert differences(jars) == f"1 jars missing, {name} among them"
    (jars / name).write_bytes(b"other bytes")
    assert differences(jars) == f"{name} has other bytes than the ones pinned"
    (jars / "zz-surplus.jar").write_bytes(b"")
    assert differences(jars) == "zz-surplus.jar does not belong there"


async def test_the_real_consumer_is_started_seen_frozen_and_stopped(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A consumer process tells of itself over HTTP, is silent while frozen, and ends with exit code 0."""
    async with Emulator() as zoho:
        consumer = consumer_process(settings_for(kafka, await topics(), zoho.url, quota_requests=7))
        async with consumer:
            account = await consumer.account()
            metrics = await consumer.metrics()
            consumer.signal(signal.SIGSTOP)
            frozen = await consumer.http_status("/livez")
            consumer.signal(signal.SIGCONT)
            exit_code = await consumer.terminate()

    assert account["quota"]["requests"] == 7
    assert metrics['session_consumer_account_state{account="default",state="running"}'] == 1.0
    assert frozen is None
    assert exit_code == 0
    assert consumer.log_lines()


async def test_a_consumer_that_ends_at_once_is_told_with_its_last_words(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Waiting for a consumer that refuses its settings fails with the exit code and what it said."""
    consumer = consumer_process(
        settings_for(kafka, await topics(), "http://127.0.0.1:1", zoho_time_zone="Mars/Olympus")
    )

    with pytest.raises(AssertionError, match=r"(?s)exit code 2.*CONSUMER_ZOHO_TIME_ZONE"):
        async with consumer:
            pass


@pytest.mark.parametrize(("ci", "exit_code"), [("", 0), ("true", 1)])
def test_a_run_without_a_broker_says_what_it_did_not_test(tmp_path: Path, ci: str, exit_code: int) -> None:
    """Without Java: one block that says what is missing and how to get it, and a failure in CI."""
    away = {"JAVA_HOME", "CI", OTHER_BROKER}
    environment = {name: value for name, value in os.environ.items() if name not in away}
    test = f"{__file__}::test_an_empty_topic_has_nothing_and_an_unknown_group_no_offsets"

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        env={**environment, "PATH": str(tmp_path), "CI": ci},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "1 tests need a real Apache Kafka and were NOT run: there is no Java" in run.stdout
    assert f"{OTHER_BROKER}=host:port" in run.stdout
    assert run.returncode == exit_code


async def test_a_named_broker_is_used_and_left_running(
    own_broker: OwnBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONSUMER_TEST_KAFKA is taken instead of a broker of ours, and is still there afterwards."""
    other = own_broker()
    monkeypatch.setenv(OTHER_BROKER, other.bootstrap)

    with kafka_under_test(tmp_path / "not-made") as kafka:
        assert kafka == KafkaUnderTest(other.bootstrap, broker=None)

    assert other.running
    assert not (tmp_path / "not-made").exists()


async def test_topics_of_a_broker_that_is_not_ours_are_deleted(own_broker: OwnBroker) -> None:
    """Also where the test has deleted one of them already."""
    other = own_broker()
    await create_topics(other.bootstrap, "first", "kept")

    delete_topics(KafkaUnderTest(other.bootstrap), ["first", "gone"])

    there = AdminClient({"bootstrap.servers": other.bootstrap}).list_topics(timeout=10)
    assert {"kept"} == set(there.topics)


def _ends_within(pid: int, seconds: float) -> bool:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():  # dead, and nobody is left to hear of it
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False

"""`check` against set-ups that work, and against broken ones of every kind, on a real Kafka."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.check_scene import LONGEST_SECONDS, STEP_SECONDS, event_file, run_check
from tests.integration.conftest import MakeTopics
from tests.integration.scene import changes
from tests.kafka_broker.broker import Broker
from tests.kafka_broker.java import BrokerUnavailableError
from tests.kafka_broker.traffic import (
    committed,
    create_topics,
    publish,
    read_all,
    set_position,
    unique_topics,
)
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.kafka_broker.untested import UNTESTED
from tests.leash import free_port
from tests.process import settings_for

pytestmark = pytest.mark.kafka

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield listening.getsockname()[1]


async def test_a_set_up_that_works_is_all_well_and_left_untouched(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """Exit code 0, nothing but the scope unknown; no call, no position, no record, one token."""
    made = await topics()
    await publish(kafka.bootstrap, made.source, changes(3, 1))
    async with Emulator(QUICK) as zoho:
        said = await run_check(settings_for(kafka, made, zoho.url))

        assert said.code == 0, said.out + said.err
        assert said.bad == []
        unchecked = [(row["group"], row["subject"]) for row in said.rows if row["mark"] == "unchecked"]
        assert unchecked == [("zoho", "scope")]
        assert zoho.audit().calls == 0
        assert len(zoho.portal.tokens.mints) == 1
    assert await committed(kafka.bootstrap, made.group) == {}
    for name in (made.dead_letters, made.replay, made.outcomes):
        assert await read_all(kafka.bootstrap, name) == []
    assert {row["group"] for row in said.rows} == {
        *("settings", "network", "kafka", "topics", "rights", "group", "zoho", "clock")
    }


async def test_a_token_is_asked_for_only_where_it_may_be(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """`--no-mint` asks for none."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        said = await run_check(settings_for(kafka, made, zoho.url), "--no-mint")

        assert said.code == 0
        assert said.row("zoho", "token")["found"] == "--no-mint"
        assert zoho.portal.tokens.mints == ()


async def test_the_table_is_plain_where_there_is_no_terminal(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """As in `helm test`: no colour, nothing cut, what to do beneath each ✗, the counts on stderr."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        settings = settings_for(kafka, made, zoho.url, outcomes_topic=f"{made.outcomes}-gone")
        said = await run_check(settings, output="table")

    assert said.code == 1
    assert "\x1b" not in said.out + said.err
    lines = said.out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("  ✗ outcomes"))
    assert f"{made.outcomes}-gone" in lines[place]
    assert lines[place].endswith("does not exist")
    assert lines[place + 1] == "    → Create it: session-consumer topics create"
    assert "1 ✗" in said.err
    assert "Exit code 1." in said.err


async def test_wrong_settings_stop_nothing_that_can_be_checked(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """Exit code 2 with the words of `run`; Kafka and topics are looked at all the same, no token minted."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        settings = settings_for(
            kafka, made, zoho.url, zoho_time_zone="Asia/Nowhere", quota_requests="many", sourcetopic="x"
        )
        said = await run_check(settings)
        assert zoho.portal.tokens.mints == ()

    assert said.code == 2
    wrong = {row["subject"]: row["found"] for row in said.bad}
    assert wrong.keys() == {"CONSUMER_ZOHO_TIME_ZONE", "CONSUMER_QUOTA_REQUESTS"}
    assert "must be a whole number from 1 to 200" in wrong["CONSUMER_QUOTA_REQUESTS"]
    typo = next(row for row in said.rows if row["subject"] == "CONSUMER_SOURCETOPIC")
    assert "did you mean CONSUMER_SOURCE_TOPIC" in typo["found"]
    assert "mend the settings first" in said.row("zoho", "token")["found"]
    assert said.row("topics", "source")["mark"] == "ok"


async def test_a_host_name_that_nobody_knows(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Exit code 3; the port behind the name is not tried, and Zoho is checked all the same if asked to."""
    async with Emulator(QUICK) as zoho:
        settings = settings_for(kafka, await topics(), zoho.url, kafka_bootstrap_servers="kafka.invalid:9092")
        said = await run_check(settings, "--mint")

    assert said.code == 3
    [bad] = said.bad
    assert bad["subject"] == "kafka.invalid:9092 DNS"
    assert "CONSUMER_KAFKA_BOOTSTRAP_SERVERS" in bad["todo"]
    assert said.row("zoho", "token")["mark"] == "ok"


async def test_a_closed_port(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Exit code 3: the port, not the name, and not the settings; a token that nobody counts is not minted."""
    async with Emulator(QUICK) as zoho:
        closed = f"127.0.0.1:{free_port()}"
        said = await run_check(settings_for(kafka, await topics(), zoho.url, kafka_bootstrap_servers=closed))
        assert zoho.portal.tokens.mints == ()

    assert "--mint" in said.row("zoho", "token")["todo"]
    assert said.code == 3
    [bad] = said.bad
    assert (bad["subject"], bad["found"]) == (f"{closed} port", "can't be reached (Connection refused)")


async def test_ports_that_never_answer(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Kafka and Zoho take the connection and say nothing: two ✗ within their bounds, exit code 3."""
    with silent_port() as mute:
        settings = settings_for(
            kafka,
            await topics(),
            f"http://127.0.0.1:{mute}",
            kafka_bootstrap_servers=f"127.0.0.1:{mute}",
            zoho_timeout_seconds=15,
            shutdown_seconds=25,
        )
        said = await run_check(settings, "--mint")

    assert said.code == 3
    assert [row["subject"] for row in said.bad] == [f"127.0.0.1:{mute} login", "token"]
    assert "did not answer in time" in said.bad[0]["found"]
    assert "time-out" in said.bad[1]["found"]
    assert said.seconds < 2 * STEP_SECONDS


async def test_one_bootstrap_server_of_two_is_enough_to_look_on(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """The dead one is named with exit code 3, all else is checked by the other."""
    async with Emulator(QUICK) as zoho:
        servers = f"127.0.0.1:{free_port()},{kafka.bootstrap}"
        said = await run_check(settings_for(kafka, await topics(), zoho.url, kafka_bootstrap_servers=servers))

    assert said.code == 3
    assert len(said.bad) == 1
    assert said.row("rights", "group")["mark"] == "ok"


async def test_an_advertised_address_that_leads_nowhere(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The classic: the bootstrap server lets us in and sends us to an address that doesn't work from here."""
    nowhere = free_port()
    try:
        broker = Broker(tmp_path / "broker", listeners={"OUT": "PLAINTEXT"}, advertised={"OUT": nowhere})
    except BrokerUnavailableError as error:
        request.config.stash[UNTESTED].skip(str(error))
        raise
    with broker:
        made = unique_topics()
        await create_topics(broker.bootstrap, *made.names)
        async with Emulator(QUICK) as zoho:
            said = await run_check(settings_for(KafkaUnderTest(broker.address("OUT")), made, zoho.url))

    assert said.code == 3
    assert said.row("kafka", "login")["mark"] == "ok"
    bad = said.row("kafka", "broker 1")
    assert (bad["mark"], bad["kind"]) == ("bad", "unreachable")
    assert f"127.0.0.1:{nowhere}" in bad["found"]
    assert "advertised.listeners" in bad["todo"]
    assert said.row("topics", "source")["mark"] == "ok", "what the bootstrap server says is told"
    assert said.seconds < LONGEST_SECONDS


async def test_topics_that_are_missing_or_fall_short(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Exit code 1, the command that makes them, and in which setting one falls short."""
    made = await topics(dead_letter_config={"retention.ms": "3600000"})
    async with Emulator(QUICK) as zoho:
        settings = settings_for(kafka, made, zoho.url, replay_topic=f"{made.replay}-gone")
        said = await run_check(settings)

    assert said.code == 1
    found = {row["subject"].split()[0]: row for row in said.bad}
    assert found.keys() == {"dead-letter", "replay"}
    assert "retention.ms is 3600000" in found["dead-letter"]["found"]
    assert found["replay"]["todo"] == "Create it: session-consumer topics create"


@pytest.mark.parametrize("position", [2, 99])
async def test_a_position_that_the_topic_does_not_hold(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path, position: int
) -> None:
    """Its records are deleted, or the topic was made anew: exit code 1 with the command of `run`, for a
    call by hand too."""
    made = await topics()
    await publish(kafka.bootstrap, made.source, changes(8, 1))
    await asyncio.to_thread(set_position, kafka.bootstrap, made, position)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.delete_records({KafkaPartition(made.source, 0): RecordsToDelete(before_offset=6)})
    await admin.close()
    async with Emulator(QUICK) as zoho:
        said = await run_check(settings_for(kafka, made, zoho.url), "--send", event_file(tmp_path), "--yes")
        assert zoho.audit().calls == 0

    assert said.code == 1
    lost, call = said.row("group", "positions"), said.row("call", "not made")
    for row in (lost, call):
        assert f"position {position} is outside of what the topic holds, 6 to 8" in row["found"]
        assert row["todo"].startswith("Stop all replicas")
        assert f"--group {made.group} --topic {made.source}:0 --reset-offsets" in row["todo"]


async def test_topics_that_run_makes_are_not_missing(kafka: KafkaUnderTest) -> None:
    """With CONSUMER_CREATE_TOPICS all is well, a token is asked for, and nothing made: exit code 0 as of
    `run`. Without it the token is asked for as well: nobody owns what isn't there."""
    made = unique_topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url)
        created = await run_check({**env, "CONSUMER_CREATE_TOPICS": "true"})
        missing = await run_check(env)

    assert (created.code, missing.code) == (0, 1)
    assert created.row("rights", made.outcomes)["found"].startswith("Create allowed")
    for said in (created, missing):
        assert said.row("zoho", "token")["mark"] == "ok"
    assert len(missing.bad) == 4, "nothing was made"


async def test_another_program_in_the_group(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """It has the source topic, so no replica can serve the account: exit code 1, and it is named."""
    made = await topics()
    other = AIOKafkaConsumer(
        made.source, bootstrap_servers=kafka.bootstrap, group_id=made.group, client_id="console"
    )
    await other.start()
    try:
        async with Emulator(QUICK) as zoho:
            said = await run_check(settings_for(kafka, made, zoho.url))
    finally:
        await other.stop()

    assert said.code == 1
    [bad] = said.bad
    assert bad["subject"] == "owner"
    assert "client id console" in bad["found"]

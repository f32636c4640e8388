"""What can be done by writing to the topics: claims of docs/security.md, on a real Kafka."""

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from consumer.delivery.dead_letter_state import state_key
from consumer.delivery.outcome import STATE_KEY_PREFIX
from consumer.dlq.runs import Runs
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.kafka.assignor import AccountAssignor
from schemas import dead_letter as names
from tests.fakes.dlq_topics import Failed
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.dlq_scene import dlq, settings, write
from tests.integration.scene import binary, changes, data, finished
from tests.kafka_broker.traffic import Outgoing, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import RUN, settings_for
from tests.security import hostile
from tests.security.packed import POD_BYTES, highest_memory_bytes, publish_packed, run_and_measure

WAITS = Failed(minute=10)


@pytest.mark.claim("S-20")
async def test_no_outcome_that_others_write_ends_the_consumer(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Hundreds that are almost ours, before the start and while it runs: events are applied all the same."""
    made = await topics()
    forged = [Outgoing(value, key) for key, value in hostile.outcomes("1/2/3/4", "t:0:1")]
    events = changes(10, 5)
    await publish(kafka.bootstrap, made.outcomes, forged)
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 1.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, quota_window_seconds=1)) as process,
    ):
        await publish(kafka.bootstrap, made.source, events[:5])
        await finished(process, 5)
        await publish(kafka.bootstrap, made.outcomes, forged)
        await publish(kafka.bootstrap, made.source, events[5:])
        await finished(process, 10)
        assert await process.terminate() == 0


@pytest.mark.claim("S-06")
@pytest.mark.parametrize(
    ("timestamps", "outcome"), [("CreateTime", "applied"), ("LogAppendTime", "dead_lettered")]
)
async def test_whose_timestamp_a_time_ahead_may_lean_on(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, timestamps: str, outcome: str
) -> None:
    """A publisher's own, as far as the topic lets it, half an hour here; not where the broker sets it."""
    made = await topics(config={"message.timestamp.type": timestamps})
    ahead = datetime.now(UTC) + timedelta(minutes=30)
    event = binary(data(1), "ahead", time=ahead.isoformat())
    await publish(
        kafka.bootstrap, made.source, [replace(event, timestamp_ms=round(ahead.timestamp() * 1000))]
    )
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 1.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, quota_window_seconds=1)) as process,
    ):
        await finished(process, 1)

    (record,) = await read_all(kafka.bootstrap, made.outcomes)
    assert outcome == json.loads(record.value or b"")["outcome"]


DEEP = b'{"schema":1,"a":[' + b"[]," * 10_000_000 + b"[]]}"


@pytest.mark.claim("S-20")
async def test_an_outcome_that_is_large_unpacked_is_passed_over(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """30 MB that are gigabytes as objects of Python: the pod is large enough, at each start anew."""
    made = await topics()
    outcome, state = (Outgoing(DEEP, key) for key in (b"1/2/3/4", STATE_KEY_PREFIX + b"x"))
    await asyncio.to_thread(publish_packed, kafka.bootstrap, made.outcomes, [outcome, state])
    await publish(kafka.bootstrap, made.source, changes(3, 3))
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 1.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, quota_window_seconds=1)) as process,
    ):
        await finished(process, 3)
        used = highest_memory_bytes(process.pid)
        assert await process.terminate() == 0

    assert used < POD_BYTES, used


@pytest.mark.claim("S-21")
async def test_no_command_takes_apart_what_is_larger_than_what_we_write(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """An outcome, a state and a dead letter's details of 30 MB each, in a small process."""
    made = await topics()
    letter = WAITS.letter()
    details = tuple((name, DEEP if name == names.ERROR_DETAILS else value) for name, value in letter.headers)
    if names.ERROR_DETAILS not in dict(details):
        details += ((names.ERROR_DETAILS, DEEP),)
    await write(kafka, made.dead_letters, [letter])
    packed = [Outgoing(letter.value, letter.key, headers=details)]
    await asyncio.to_thread(publish_packed, kafka.bootstrap, made.dead_letters, packed)
    forged = [Outgoing(DEEP, key) for key in (str(WAITS.session).encode(), state_key(WAITS.id))]
    await asyncio.to_thread(publish_packed, kafka.bootstrap, made.outcomes, forged)
    env = {**os.environ, **settings(kafka, made)}

    for arguments in (["list", "-o", "json"], ["stats"], ["show", WAITS.id], ["runs"]):
        code, used = await asyncio.to_thread(run_and_measure, [RUN[0], "dlq", *arguments], env)

        assert (arguments, 0) == (arguments, code)
        assert used < POD_BYTES, (arguments, used)


@pytest.mark.claim("S-21")
async def test_no_command_ends_with_an_error_of_ours_over_what_others_wrote(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """List, stats, runs, show and export with almost-ours in all three topics; what is ours is there."""
    made = await topics()
    await write(kafka, made.dead_letters, [*hostile.letters(), WAITS.letter()])
    await write(kafka, made.replay, [*hostile.replays(), hostile.FORGED.replay()])
    forged = hostile.outcomes(str(WAITS.session), hostile.FORGED.id)
    await publish(kafka.bootstrap, made.outcomes, [Outgoing(value, key) for key, value in forged])
    env = settings(kafka, made)
    all_of_them = ("--text", "", "--force", "--max-replays", "1000000", "--reason", "x")

    for arguments in (
        ("list",),
        *(("list", "-o", form) for form in ("json", "jsonl", "csv")),
        *(("list", "--sort", sort) for sort in ("oldest", "class", "session")),
        ("stats",),
        ("runs",),
        ("runs", "run-1"),
        ("runs", "run-1", "-o", "csv"),
        ("show", WAITS.id),
        ("show", hostile.FORGED.id),
        ("show", hostile.FORGED.id, "-o", "json"),
        ("export",),
        ("export", "--redact"),
        ("export", "--as", "csv"),
        *(("replay", "--dry-run", *all_of_them, "-o", form) for form in ("table", "json", "csv")),
        ("discard", "--dry-run", "--class", "session_not_found", "--reason", "x"),
    ):
        result = await dlq(env, *arguments)
        assert (0, None) == (result.exit_code, result.exception), (arguments, result.output[-300:])
    found = json.loads((await dlq(env, "list", "-o", "json")).stdout)
    assert WAITS.id in {row["id"] for row in found}


@pytest.mark.claim("S-21")
def test_each_of_them_alone_leaves_a_run_to_be_looked_at() -> None:
    """The last record counts, so each one is the last once."""
    for key, value in hostile.outcomes(str(hostile.FORGED.session), hostile.FORGED.id):
        runs = Runs()
        runs.add_replays([hostile.FORGED.replay()])
        runs.add_outcomes([replace(hostile.FORGED.outcome("stale"), key=key, value=value)])

        rows = [row for run in runs.newest_first() for row in runs.rows_of("default", run)]

        assert [hostile.FORGED.id] == [row["id"] for row in rows]
        assert all(
            isinstance(row[name], str | None) for row in rows for name in ("outcome", "class", "event_id")
        )


SAID = (
    b"",
    b"\xff",
    b"[" * 100_000,
    b"9" * 5_000,
    b"null",
    b'{"owned":{"a":1},"with":[1]}',
    b'{"owned":["a"]}',
)


@pytest.mark.claim("S-24")
@pytest.mark.parametrize("said", SAID, ids=range(len(SAID)))
def test_whatever_another_member_says_of_itself_every_topic_has_one_owner(said: bytes) -> None:
    """The group's leader shares the topics out by what members say: it must come to an end with that."""
    ours = AccountAssignor({"a.replay": "a"})
    members = {
        "1": ours.metadata(["a", "a.replay", "b"]),
        "2": ConsumerProtocolMemberMetadata(0, ["a", "b"], said),
    }
    cluster: Any = SimpleNamespace(partitions_for_topic=lambda _: {0})

    given = ours.assign(cluster, members)

    topics = [topic for each in given.values() for topic, _ in each.assignment]
    assert {"a", "b"} <= set(topics) <= {"a", "a.replay", "b"}
    assert len(topics) == len(set(topics))

"""`dlq replay` and `dlq runs` on a real Kafka, with a stand-in for the consumer's side."""

import asyncio
import json
import subprocess
from collections import Counter
from dataclasses import replace
from os import environ

import pytest

from consumer.delivery.replay import original_headers, read_replay
from consumer.records import Record
from schemas.dead_letter import RESERVED_NAMES
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import Failed
from tests.integration.conftest import MakeTopics
from tests.integration.replay_desk import COMMAND, Desk
from tests.integration.scene import header, until
from tests.kafka_broker.traffic import create_topics
from tests.kafka_broker.under_test import KafkaUnderTest


@pytest.fixture
async def desk(kafka: KafkaUnderTest, topics: MakeTopics) -> Desk:
    """Two partitions of everything."""
    return Desk(kafka, await topics(partitions=2))


def ids(records: list[Record]) -> list[str | None]:
    """The dead letters they repeat."""
    return [header(record, "dlq.id") for record in records]


async def test_what_is_replayed_is_the_record_as_it_was(desk: Desk) -> None:
    """Key, value and headers byte for byte, to the same partition, with who, when, why and how often."""
    failed = Failed(minute=7, partition=1)
    odd = (*failed.record().headers, ("x", b"1"), ("x", None), ("b\udcff", b"\xff"))
    letter = failed.letter()
    letter = Record(
        letter.topic, 1, 0, 0, None, letter.value, (*odd, *letter.headers[len(failed.record().headers) :])
    )
    await desk.put([letter])

    async with desk.consumer():
        result = await desk.dlq("replay", failed.id, "--yes", "--reason", "Mended at Zoho", "--by", "ops")

    assert 0 == result.exit_code, result.output
    (sent,) = await desk.replays()
    assert (1, None, letter.value) == (sent.partition, sent.key, sent.value)
    assert odd == original_headers(sent.headers)
    replay = read_replay(sent)
    assert replay is not None
    assert (failed.id, failed.origin, 1, "ops", "Mended at Zoho", False) == (
        replay.dead_letter_id,
        replay.origin,
        replay.count,
        replay.by,
        replay.reason,
        replay.mended,
    )
    assert "default" == header(sent, "dlq.account")
    ours = [name for name, _ in sent.headers if name in RESERVED_NAMES]
    assert "dlq.error.class" not in ours
    assert len(set(ours)) == len(ours)


async def test_a_record_with_neither_key_nor_value_is_replayed(desk: Desk) -> None:
    """The client alone would refuse it."""
    letter = Failed(minute=3, error_class=ErrorClass.EVENT_UNREADABLE).letter()
    await desk.put([Record(letter.topic, 0, 0, 0, None, None, letter.headers)])

    async with desk.consumer():
        result = await desk.dlq("replay", "--state", "open", "--force", "--yes")

    assert 0 == result.exit_code, result.output
    assert [(None, None)] == [(each.key, each.value) for each in await desk.replays()]


async def test_a_plan_says_what_is_left_out_and_why(desk: Desk) -> None:
    """Superseded, applied, discarded, under way, replayed too often, not retryable, beyond the limit."""
    failed = [Failed(minute=minute, number=minute) for minute in range(8)]
    hopeless = Failed(minute=8, number=8, error_class=ErrorClass.EVENT_INVALID)
    await desk.put([*(each.letter() for each in failed[:5]), failed[5].letter(replayed=3)])
    await desk.put([failed[6].letter(), failed[7].letter(), hopeless.letter()])
    await desk.dlq("replay", failed[3].id, "--yes", "--no-wait")
    await desk.write_outcomes(
        Failed(minute=30, number=0).outcome("applied"),
        failed[1].state("applied"),
        failed[2].state("discarded", count=0),
        failed[3].state("replaying"),
        failed[5].state("open", count=3),
    )

    result = await desk.dlq(
        "replay", "--since", "2026-11-01T00:00:00Z", "--limit", "2", "--dry-run", "-o", "json"
    )
    table = await desk.dlq("replay", failed[4].id, "0:77", "--dry-run")

    assert 0 == result.exit_code, result.output
    plan = json.loads(result.stdout)
    assert {
        "superseded": 1,
        "applied": 1,
        "discarded": 1,
        "replaying": 1,
        "too_often": 1,
        "not_retryable": 1,
        "beyond_limit": 1,
    } == plan["skipped"]
    assert (9, 2, {"least": 2, "most": 2}) == (plan["matched"], plan["replay"], plan["calls"])
    assert [failed[4].id, failed[6].id] == [
        each["id"] for each in plan["dead_letters"] if each["action"] == "replay"
    ]
    assert [
        "Account default: 1 dead letter matched.",
        "       1  to replay",
        "1 call: a few seconds at 30 calls in 60 s.",
    ] == table.stdout.splitlines()
    assert f"{desk.topics.source}:0:77" in table.stderr
    assert [failed[3].id] == ids(await desk.replays())


async def test_what_each_came_to_is_told(desk: Desk) -> None:
    """A row each, a sentence, exit code 1 where one failed again; the runs say the same later."""
    good, needless, bad = (Failed(minute=minute, number=minute) for minute in (1, 2, 3))
    await desk.put([each.letter() for each in (good, needless, bad)])
    ends = {good.id: "applied", needless.id: "stale", bad.id: "dead_lettered"}

    async with desk.consumer(lambda replay: ends[replay.dead_letter_id]):  # type: ignore[arg-type, return-value]
        result = await desk.dlq("replay", "--state", "open", "--yes", "-o", "jsonl", "--reason", "r")

    assert 1 == result.exit_code, result.output
    rows = {row["id"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert {
        good.id: ("applied", "applied", None),
        needless.id: ("stale", "superseded", None),
        bad.id: ("dead_lettered", "open", "session_not_found"),
    } == {each: (row["outcome"], row["state"], row["class_after"]) for each, row in rows.items()}
    assert ("session_not_found", "1/2/3/101", "e1") == tuple(
        rows[good.id][name] for name in ("class_before", "session", "event_id")
    )
    run_id = rows[good.id]["run"]
    assert f"Run {run_id}: 3 sent, 1 applied, 1 failed again, 1 superseded." in result.stderr
    (run,) = await desk.rows("runs")
    assert (run_id, "r", 3, 1, 1, 1, 0) == tuple(
        run[name] for name in ("run", "reason", "replayed", "applied", "superseded", "failed", "waiting")
    )
    assert {good.id: "applied", needless.id: "superseded", bad.id: "failed"} == {
        row["id"]: row["end"] for row in await desk.rows("runs", run_id)
    }


async def test_a_canary_that_fails_stops_the_run_which_goes_on_by_hand(desk: Desk) -> None:
    """The rest is not sent; `--resume` checks the canary again, `--canary 0` sends the rest."""
    failed = [Failed(minute=minute, number=minute) for minute in range(5)]
    await desk.put([each.letter() for each in failed])
    bad = {failed[1].id}

    async with desk.consumer(lambda each: "dead_lettered" if each.dead_letter_id in bad else "applied"):
        first = await desk.dlq("replay", "--state", "open", "--canary", "2", "--yes")
        assert 1 == first.exit_code, first.output
        assert 2 == len(await desk.replays())
        run_id = (await desk.rows("runs"))[0]["run"]
        assert f"Send the rest with: session-consumer dlq replay --resume {run_id} --canary 0" in first.stderr

        again = await desk.dlq("replay", "--resume", run_id, "--yes")
        assert 1 == again.exit_code, again.output
        assert 2 == len(await desk.replays())

        rest = await desk.dlq("replay", "--resume", run_id, "--canary", "0", "--yes", "--by", "another")

    assert 1 == rest.exit_code, rest.output
    assert sorted(each.id for each in failed) == sorted(map(str, ids(await desk.replays())))
    [run] = await desk.rows("runs")
    assert "another" != run["by"]


async def test_a_canary_that_is_applied_lets_the_rest_go(desk: Desk) -> None:
    """All in one run."""
    failed = [Failed(minute=minute, number=minute) for minute in range(4)]
    await desk.put([each.letter() for each in failed])

    async with desk.consumer():
        result = await desk.dlq("replay", "--state", "open", "--canary", "1", "--yes", "-o", "jsonl")

    assert 0 == result.exit_code, result.output
    assert [each.id for each in failed] == [json.loads(line)["id"] for line in result.stdout.splitlines()]


async def test_the_wait_has_an_end(desk: Desk) -> None:
    """Then it says what goes on and how to see it; exit code 1."""
    await desk.put([Failed(minute=1).letter()])

    async with desk.consumer(lambda _: None):
        result = await desk.dlq("replay", "--state", "open", "--yes", "--timeout", "2")

    assert 1 == result.exit_code, result.output
    run_id = (await desk.rows("runs"))[0]["run"]
    assert "1 replay under way: the consumer goes on with what was sent." in result.stderr
    assert f"See: session-consumer dlq runs {run_id}" in result.stderr


async def test_what_is_under_way_is_not_sent_again(desk: Desk) -> None:
    """A second operator's plan leaves it out."""
    await desk.put([Failed(minute=1).letter()])

    first = await desk.dlq("replay", "--state", "open", "--yes", "--no-wait")
    second = await desk.dlq("replay", Failed(minute=1).id, "--yes", "--no-wait")

    assert (0, 0) == (first.exit_code, second.exit_code), first.output + second.output
    assert "being replayed" in second.stderr
    assert 1 == len(await desk.replays())


async def test_usage_is_checked_before_anything_is_read(desk: Desk) -> None:
    """No selection, no terminal, options that exclude each other, a run that there isn't."""
    for arguments, words in (
        ((), "--state open means all"),
        (("--state", "open"), "--yes is missing"),
        (("--from", ".", "x:0:1", "--yes"), "--from brings its own ids"),
        (("a:0:1", "b:0:1", "--value", "f", "--yes"), "exactly one ID"),
        (("--resume", "r", "--class", "event_invalid", "--yes"), "--resume goes on"),
        (("--resume", "20200101-000000-none", "--yes"), "There is no run"),
        (("--state", "open", "--canary", "1", "--no-wait", "--yes"), "a canary is waited for"),
    ):
        result = await desk.dlq("replay", *arguments)
        assert 2 == result.exit_code, result.output
        assert words in result.stderr.replace("\n", " ")
    assert 1 == (await desk.dlq("runs", "none")).exit_code


async def test_a_run_whose_sender_was_killed_is_resumed_exactly(desk: Desk) -> None:
    """SIGKILL in the middle: the rest is sent under the same run, nothing twice; then nothing is left."""
    failed = [Failed(minute=minute, number=minute % 40, partition=minute % 2) for minute in range(900)]
    await desk.put([each.letter() for each in failed])
    process = await start(desk, "replay", "--state", "open", "--yes", "--no-wait")

    async def some_are_sent() -> bool:
        return len(await desk.replays()) > 0

    await until(some_are_sent)
    process.kill()
    await process.communicate()
    before = len(await desk.replays())
    await desk.put([Failed(minute=5_000).letter()])  # what came after the run began is not the run's
    run_id = (await desk.rows("runs"))[0]["run"]

    resumed = await desk.dlq("replay", "--resume", run_id, "--yes", "--no-wait")
    again = await desk.dlq("replay", "--resume", run_id, "--yes", "--no-wait")

    assert 0 < before < 900
    assert (0, 0) == (resumed.exit_code, again.exit_code), resumed.output + again.output
    assert "Nothing is left to send." in again.stderr
    replays = await desk.replays()
    assert {each.id: 1 for each in failed} == Counter(ids(replays))
    assert {run_id} == {header(record, "dlq.replay.run-id") for record in replays}


async def start(desk: Desk, *arguments: str) -> asyncio.subprocess.Process:
    """The command as a process."""
    return await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, env={**environ, **desk.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def test_a_replay_that_is_too_large_is_told_and_the_others_go(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """Exit code 1."""
    made = await topics()
    tight = f"{made.replay}.tight"
    await create_topics(kafka.bootstrap, tight, config={"max.message.bytes": "100000"})
    desk = Desk(kafka, replace(made, replay=tight))
    small, large = Failed(minute=2), Failed(minute=1, number=2, name="x" * 400_000)
    await desk.put([small.letter(), large.letter()])

    result = await desk.dlq("replay", "--state", "open", "--yes", "--no-wait", "-o", "jsonl")
    run_id = json.loads(result.stdout.splitlines()[0])["run"]
    resumed = await desk.dlq("replay", "--resume", run_id, "--yes", "--no-wait")

    assert (1, 1) == (result.exit_code, resumed.exit_code), result.output + resumed.output
    assert [small.id] == ids(await desk.replays())
    assert "max.message.bytes" in result.stdout

"""`dlq replay` of what was sent already: two at once, and a replay that was lost."""

import asyncio
import json
import subprocess
from os import environ

import pytest

from consumer.delivery.replay import read_replay
from tests.fakes.dlq_topics import Failed
from tests.integration.conftest import MakeTopics
from tests.integration.replay_desk import COMMAND, Desk
from tests.integration.scene import header, until
from tests.kafka_broker.under_test import KafkaUnderTest


@pytest.fixture
async def desk(kafka: KafkaUnderTest, topics: MakeTopics) -> Desk:
    """Two partitions of everything."""
    return Desk(kafka, await topics(partitions=2))


async def start(desk: Desk, *arguments: str) -> asyncio.subprocess.Process:
    """The command as a process."""
    return await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, env={**environ, **desk.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def test_two_at_once_forget_nothing_and_both_are_told(desk: Desk) -> None:
    """All are sent; what both sent at once has one count: one is taken, and the other run told so."""
    failed = [Failed(minute=minute, number=minute) for minute in range(300)]
    await desk.put([each.letter() for each in failed])

    async with desk.consumer():
        both = [await start(desk, "replay", "--state", "open", "--yes", "--timeout", "60") for _ in range(2)]
        outputs = [await process.communicate() for process in both]

    replays = [replay for record in await desk.replays() if (replay := read_replay(record)) is not None]
    assert {each.id for each in failed} == {replay.dead_letter_id for replay in replays}
    assert {1} == {replay.count for replay in replays}
    runs = await desk.rows("runs")
    assert 300 == sum(run["applied"] for run in runs)
    assert len(replays) - 300 == sum(run["not_taken"] for run in runs)
    codes = [process.returncode or 0 for process in both]
    assert sum(run["not_taken"] > 0 for run in runs) == sum(codes), outputs


async def test_the_second_of_two_at_once_is_not_told_as_applied(desk: Desk) -> None:
    """Both were sent before either was seen; it exits 1 and says which run was first."""
    failed = Failed(minute=1)
    await desk.put([failed.letter()])
    process = await start(desk, "replay", failed.id, "--yes", "-o", "json")

    async def is_sent() -> bool:
        return len(await desk.replays()) > 0

    await until(is_sent)
    await desk.write_outcomes(
        failed.state("replaying", run="another"), failed.state("applied", run="another", outcome="applied")
    )
    stdout, stderr = await process.communicate()

    assert 1 == process.returncode, stderr
    [row] = json.loads(stdout)
    assert ("not_taken", "run another was first") == (row["outcome"], row["message"])
    assert b"1 sent, 1 not taken (another run was first)." in stderr
    [run] = await desk.rows("runs")
    assert (0, 1) == (run["applied"], run["not_taken"])
    table = await desk.dlq("runs", run["run"])
    assert "not taken  run another was first" in table.stdout


async def test_a_replay_that_was_lost_is_sent_once_more_by_force(desk: Desk) -> None:
    """By its ID or by `--state replaying`; `--force` with other filters is not about it."""
    failed = Failed(minute=1)
    await desk.put([failed.letter()])
    await desk.dlq("replay", failed.id, "--yes", "--no-wait")

    other = await desk.dlq("replay", "--class", "session_not_found", "--force", "--yes", "--no-wait")
    by_id = await desk.dlq("replay", failed.id, "--force", "--yes", "--no-wait")
    by_state = await desk.dlq("replay", "--state", "replaying", "--force", "--yes", "--no-wait")

    assert [0, 0, 0] == [each.exit_code for each in (other, by_id, by_state)], by_state.output
    assert "once more with its ID and --force" in other.stderr
    assert ["1", "2", "3"] == [header(each, "dlq.replay.count") for each in await desk.replays()]

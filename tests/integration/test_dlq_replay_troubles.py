"""`dlq replay` where something is in the way: an interrupt, a broker that is away, a mended event."""

import asyncio
import json
import signal
from dataclasses import replace
from os import environ
from pathlib import Path

import pytest

from consumer.delivery.replay import original_headers, read_replay
from consumer.dlq.files import Exported, write_directory
from consumer.records import Record
from schemas.error_class import ErrorClass
from tests.conftest import OwnBroker
from tests.fakes.dlq_topics import Failed
from tests.integration.conftest import MakeTopics
from tests.integration.replay_desk import COMMAND, Desk, change
from tests.integration.scene import header, until
from tests.kafka_broker.traffic import create_topics, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest


@pytest.fixture
async def desk(kafka: KafkaUnderTest, topics: MakeTopics) -> Desk:
    """Two partitions of everything."""
    return Desk(kafka, await topics(partitions=2))


async def start(desk: Desk, *arguments: str) -> asyncio.subprocess.Process:
    """`dlq replay` as a process."""
    pipe = asyncio.subprocess.PIPE
    command = (*COMMAND, "replay", *arguments)
    return await asyncio.create_subprocess_exec(
        *command, env={**environ, **desk.env}, stdout=pipe, stderr=pipe
    )


async def all_sent(desk: Desk, count: int) -> None:
    """Wait for so many replays."""

    async def there() -> bool:
        return len(await desk.replays()) >= count

    await until(there)


async def test_an_interrupt_ends_the_waiting_and_not_what_was_sent(desk: Desk) -> None:
    """Exit code 130, and how to see what becomes of it."""
    failed = Failed(minute=1)
    await desk.put([failed.letter()])
    process = await start(desk, "--state", "open", "--yes", "-o", "jsonl")
    await all_sent(desk, 1)

    process.send_signal(signal.SIGINT)
    stdout, stderr = await process.communicate()

    run_id = (await desk.rows("runs"))[0]["run"]
    assert 130 == process.returncode, stderr
    assert f"session-consumer dlq runs {run_id}" in stderr.decode()
    assert failed.id == json.loads(stdout)["id"]


async def test_a_broker_that_is_away_is_waited_for(own_broker: OwnBroker) -> None:
    """It says so once, finds its way back, and misses nothing; before anything was sent it is exit code 3."""
    broker = own_broker()
    made = unique_topics()
    await create_topics(broker.bootstrap, *made.names, partitions=2)
    desk = Desk(KafkaUnderTest(broker.bootstrap, broker), made)
    await desk.put([Failed(minute=1).letter()])
    process = await start(desk, "--state", "open", "--yes", "--timeout", "90")
    await all_sent(desk, 1)
    [replay] = [read_replay(record) for record in await desk.replays()]
    assert replay is not None

    await asyncio.to_thread(broker.kill)
    assert process.stderr is not None
    lines: list[str] = []
    while "Waiting on; what was sent is safe." not in (line := (await process.stderr.readline()).decode()):
        assert line, lines
        lines.append(line)
    unreachable = await desk.dlq("replay", "--state", "open", "--yes")
    await asyncio.to_thread(broker.start)
    await desk.write_states(change(replay, "applied", "applied"))
    _, stderr = await process.communicate()

    assert 0 == process.returncode, stderr
    assert "Kafka is back." in stderr.decode()
    assert 3 == unreachable.exit_code, unreachable.output


async def test_a_broker_that_dies_while_sending_leaves_a_run_to_be_resumed(own_broker: OwnBroker) -> None:
    """What was under way may be there or not: `--resume` looks, and sends each once."""
    broker = own_broker()
    made = unique_topics()
    await create_topics(broker.bootstrap, *made.names, partitions=2)
    desk = Desk(KafkaUnderTest(broker.bootstrap, broker), made)
    failed = [Failed(minute=minute, number=minute, partition=minute % 2) for minute in range(3_000)]
    await desk.put([each.letter() for each in failed])
    process = await start(desk, "--state", "open", "--yes", "--no-wait", "-o", "jsonl")
    await all_sent(desk, 1)

    await asyncio.to_thread(broker.kill)
    _, stderr = await process.communicate()
    await asyncio.to_thread(broker.start)
    run_id = (await desk.rows("runs"))[0]["run"]
    before = len(await desk.replays())
    resumed = await desk.dlq("replay", "--resume", run_id, "--yes", "--no-wait")

    assert 1 == process.returncode, stderr
    assert f"--resume {run_id}" in stderr.decode()
    assert 0 < before < 3_000
    assert 0 == resumed.exit_code, resumed.output
    assert sorted(each.id for each in failed) == sorted(
        header(record, "dlq.id") or "" for record in await desk.replays()
    )


async def test_a_directory_brings_ids_and_mended_values(desk: Desk, tmp_path: Path) -> None:
    """What differs is checked before anything is sent; what is the same goes byte for byte."""
    same, broken = Failed(minute=1), Failed(minute=2, number=2, error_class=ErrorClass.EVENT_INVALID)
    left = Failed(minute=3, number=3)
    broken_letter = broken.letter()
    broken_letter = Record("", 0, 0, 0, broken_letter.key, b'{"sessionId": 1}', broken_letter.headers)
    await desk.put([same.letter(), broken_letter, left.letter()])
    directory = tmp_path / "export"
    with write_directory(directory) as add:
        for failed, letter in ((same, same.letter()), (broken, broken_letter)):
            add({"id": failed.id}, Exported(failed.id, letter.key, letter.value, letter.headers))
    [file] = (directory / "letters").glob("*+2/value")
    file.write_bytes(b'{"sessionId": 2}')

    refused = await desk.dlq("replay", "--from", str(directory), "--yes", "--no-wait")
    nothing = await desk.replays()
    file.write_bytes(broken.value())
    mended = await desk.dlq("replay", "--from", str(directory), "--yes", "--no-wait")
    run_id = (await desk.rows("runs"))[0]["run"]
    without = await desk.dlq("replay", "--resume", run_id, "--yes", "--no-wait")
    again = await desk.dlq("replay", "--resume", run_id, "--from", str(directory), "--yes", "--no-wait")

    assert (1, 0, 2, 0) == tuple(each.exit_code for each in (refused, mended, without, again)), mended.output
    assert [] == nothing
    assert f"{broken.id}:1 /data/sessionId " in refused.stdout
    assert "give it again with --from" in without.stderr
    assert "Nothing is left to send." in again.stderr
    sent = {header(record, "dlq.id"): record for record in await desk.replays()}
    assert {same.id: "false", broken.id: "true"} == {
        each: header(record, "dlq.replay.mended") for each, record in sent.items()
    }
    assert same.letter().value == sent[same.id].value
    assert same.record().headers == original_headers(sent[same.id].headers)
    assert broken.value() == sent[broken.id].value


@pytest.mark.claim("S-67")
@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("headers.json", b'"trace"', "in structured mode"),
        ("key", b"another", "Put the file back as it was"),
    ],
)
async def test_what_would_not_be_sent_is_no_mending(
    desk: Desk, tmp_path: Path, name: str, raw: bytes, words: str
) -> None:
    """Key and headers stay the dead letter's: an edit of them is refused, also when resumed."""
    failed, other = Failed(minute=1), Failed(minute=2, number=2)
    letters = [each.letter() for each in (failed, other)]
    letters[0] = replace(letters[0], headers=(("trail", b"1"), *letters[0].headers))
    await desk.put(letters)
    directory = tmp_path / "export"
    with write_directory(directory) as add:
        for each, letter in zip((failed, other), letters, strict=True):
            add({"id": each.id}, Exported(each.id, letter.key, letter.value, letter.headers))
    [file] = (directory / "letters").glob(f"*+1/{name}")
    exported = file.read_bytes()
    arguments = ("--from", str(directory), "--yes", "--no-wait")

    file.write_bytes(raw if name == "key" else exported.replace(b'"trail"', raw))
    refused = await desk.dlq("replay", *arguments)
    nothing = await desk.replays()
    file.write_bytes(exported)
    sent = await desk.dlq("replay", *arguments, "--limit", "1")
    run_id = (await desk.rows("runs"))[0]["run"]
    file.write_bytes(raw if name == "key" else exported.replace(b'"trail"', raw))
    resumed = await desk.dlq("replay", "--resume", run_id, *arguments)

    assert (1, 0, 2) == tuple(each.exit_code for each in (refused, sent, resumed)), sent.output
    assert [] == nothing
    assert refused.stdout.startswith(f"{failed.id}: {file} is not as its dead letter has it")
    assert words in refused.stdout
    assert "this is not what the run began with" in resumed.stderr


async def test_a_mended_event_undoes_no_newer_change(desk: Desk, tmp_path: Path) -> None:
    """A higher revision is refused; by force it goes, and the plan says over what."""
    failed = Failed(minute=1, revision=3, error_class=ErrorClass.EVENT_INVALID)
    await desk.put([failed.letter()])
    await desk.write_outcomes(Failed(minute=2, revision=4).outcome("applied"))
    file = tmp_path / "mended.json"
    arguments = (failed.id, "--value", str(file), "--yes", "--no-wait")

    file.write_bytes(replace(failed, revision=9).value())
    newer = await desk.dlq("replay", *arguments)
    file.write_bytes(replace(failed, name="Another").value())
    same = await desk.dlq("replay", *arguments)
    nothing = await desk.replays()
    file.write_bytes(replace(failed, revision=9).value())
    forced = await desk.dlq("replay", *arguments, "--force")

    assert (1, 0, 0) == tuple(each.exit_code for each in (newer, same, forced)), forced.output
    assert "revision is 9, the dead letter's 3" in newer.stdout
    assert "skipped, superseded" in same.stderr
    assert [] == nothing
    assert "1  mended over a newer change of their session" in forced.stderr
    assert 1 == len(await desk.replays())

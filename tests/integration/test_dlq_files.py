"""`dlq discard` and `dlq export`, as commands against a real Kafka."""

import asyncio
import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from click.testing import CliRunner, Result

from consumer.cli.main import cli as main
from consumer.dlq.files import read_directory
from consumer.kafka.outcomes import partition_of
from consumer.records import Record
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import SOURCE, Failed
from tests.integration.conftest import MakeTopics
from tests.kafka_broker.traffic import Outgoing, Topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import RUN

OPEN, OTHER, APPLIED, WAITING = (
    Failed(minute=1),
    Failed(minute=2, number=1, error_class=ErrorClass.EVENT_INVALID),
    Failed(minute=3, number=2),
    Failed(minute=4, number=3),
)


LOST = "or --force if that is lost."


async def test_dead_letters_are_discarded_and_opened_again(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Each state is written to its key's partition, with who and why; what can't be discarded is told."""
    made = await _scene(kafka, topics)
    ids = [each.id for each in (OPEN, OTHER, APPLIED, WAITING)]

    mixed = await _dlq(
        kafka, made, "discard", *ids, "a:0:7", "--reason", "a test", "--by", "ops", "-o", "jsonl"
    )
    again = await _dlq(kafka, made, "discard", OPEN.id, "--reason", "again")
    forced = await _dlq(kafka, made, "discard", WAITING.id, "--reason", "its replay is lost", "--force")
    undone = await _dlq(kafka, made, "discard", "--undo", OPEN.id, OTHER.id, "--reason", "oh", "-o", "jsonl")
    twice = await _dlq(kafka, made, "discard", "--undo", OPEN.id, "--reason", "oh")

    assert 1 == mixed.exit_code, mixed.stderr
    assert [
        {"id": each.id, "class": str(each.error_class), "state": "discarded", "reason": "a test"}
        for each in (OPEN, OTHER)
    ] == [json.loads(line) for line in mixed.stdout.splitlines()]
    assert [
        "a:0:7: there is no such dead letter.",
        f"{APPLIED.id} was replayed and applied: there is nothing left to discard.",
        f"{WAITING.id} is being replayed by run run-1: wait for what comes of it, {LOST}",
        "Discards 2 dead letters:",
        f"  {OPEN.id}  session_not_found: It failed: session_not_found.",
        f"  {OTHER.id}  event_invalid: It failed: event_invalid.",
        "2 dead letters discarded.",
    ] == mixed.stderr.splitlines()
    assert (1, f"{OPEN.id} is discarded already.\n") == (again.exit_code, again.stderr)
    assert 0 == forced.exit_code, forced.stderr
    assert 0 == undone.exit_code, undone.stderr
    assert ["open", "open"] == [json.loads(line)["state"] for line in undone.stdout.splitlines()]
    assert (1, f"{OPEN.id} is open, not discarded: there is nothing to undo.\n") == (
        twice.exit_code,
        twice.stderr,
    )

    written = [
        each
        for each in await read_all(kafka.bootstrap, made.outcomes)
        if _says(each)["reason"] in ("a test", "oh")
    ]
    assert all(each.partition == partition_of(each.key or b"", 3) for each in written)
    assert {each.key for each in written} == {f"dead-letter/{each.id}".encode() for each in (OPEN, OTHER)}
    first = next(_says(each) for each in written if _says(each)["deadLetterId"] == OPEN.id)
    assert ("discarded", 0, "ops", "a test", None) == tuple(
        first[name] for name in ("state", "replayCount", "by", "reason", "outcome")
    )
    assert "@" in next(str(_says(each)["by"]) for each in written if _says(each)["reason"] == "oh")


async def test_filters_discard_what_is_open(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Only with --yes where nobody can be asked; a dry run writes nothing."""
    made = await _scene(kafka, topics)
    before = len(await read_all(kafka.bootstrap, made.outcomes))
    filters = ("--source", "/lms/planner", "--reason", "a test")

    unasked = await _dlq(kafka, made, "discard", *filters)
    dry = await _dlq(kafka, made, "discard", *filters, "--dry-run", "-o", "csv")
    written = len(await read_all(kafka.bootstrap, made.outcomes))
    done = await _dlq(kafka, made, "discard", *filters, "--yes", "-o", "json")
    nothing = await _dlq(kafka, made, "discard", *filters, "--yes")

    assert 2 == unasked.exit_code
    assert "--yes is needed" in unasked.stderr
    assert (0, 3) == (dry.exit_code, len(dry.stdout.splitlines())), dry.stderr
    assert dry.stderr.endswith("Dry run: nothing was changed.\n")
    assert before == written
    assert (0, [OPEN.id, OTHER.id]) == (done.exit_code, [each["id"] for each in json.loads(done.stdout)])
    assert (0, "", "No open dead letters fit.\n") == (nothing.exit_code, nothing.stdout, nothing.stderr)


async def test_on_a_terminal_it_asks(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Also for ids; without a yes nothing is changed."""
    made = await _scene(kafka, topics)
    arguments = ("discard", OPEN.id, "--reason", "a test")

    refused = await asyncio.to_thread(_on_terminal, _env(kafka, made), arguments, b"n\n")
    after = await _dlq(kafka, made, "export", OPEN.id)
    agreed = await asyncio.to_thread(_on_terminal, _env(kafka, made), arguments, b"y\n")

    assert 1 == refused[0]
    assert "Go on? [y/N]" in refused[1]
    assert "Nothing was changed." in refused[1]
    assert "open" == json.loads(after.stdout)["state"]
    assert 0 == agreed[0], agreed[1]
    assert "1 dead letter discarded." in agreed[1]


async def test_an_export_has_every_byte(kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path) -> None:
    """In each form: the records of the topic, key, value and headers in their order; of copies, one."""
    made = await _scene(kafka, topics)
    odd = Outgoing(
        value=b"\x00\xff",
        key=None,
        headers=(("a", b"\x80"), ("\udcff", None), ("a", b""), *Failed(minute=9).letter().headers),
        partition=0,
    )
    await publish(kafka.bootstrap, made.dead_letters, [odd])
    raw = {_id(each): each for each in await read_all(kafka.bootstrap, made.dead_letters)}

    lines = await _dlq(kafka, made, "export")
    table = await _dlq(kafka, made, "export", "--as", "csv", "--to", str(tmp_path / "letters.csv"))
    folder = await _dlq(kafka, made, "export", "--as", "directory", "--to", str(tmp_path / "out"))

    assert (0, "5 dead letters exported.\n") == (lines.exit_code, lines.stderr)
    rows = {row["id"]: row for row in map(json.loads, lines.stdout.splitlines())}
    assert raw.keys() == rows.keys()
    assert (None, {"base64": "AP8="}) == (rows[f"{SOURCE}:0:9"]["key"], rows[f"{SOURCE}:0:9"]["value"])
    assert [
        {"name": "a", "value": {"base64": "gA=="}},
        {"name": {"base64": "/w=="}, "value": None},
        {"name": "a", "value": ""},
    ] == rows[f"{SOURCE}:0:9"]["headers"][:3]
    assert OPEN.value().decode() == rows[OPEN.id]["value"]
    assert ("applied", 1) == (rows[APPLIED.id]["state"], rows[APPLIED.id]["replay_count"])

    assert 0 == table.exit_code, table.stderr
    cells = {row["id"]: row for row in csv.DictReader(io.StringIO((tmp_path / "letters.csv").read_text()))}
    assert ("null", "base64", "AP8=", "0") == tuple(
        cells[f"{SOURCE}:0:9"][name] for name in ("key_form", "value_form", "value", "at_partition")
    )
    assert 0o600 == (tmp_path / "letters.csv").stat().st_mode & 0o777

    assert 0 == folder.exit_code, folder.stderr
    read = {each.id: each for each in read_directory(tmp_path / "out")}
    assert {name: (each.key, each.value, each.headers) for name, each in raw.items()} == {
        name: (each.key, each.value, each.headers) for name, each in read.items()
    }
    index = [json.loads(line) for line in (tmp_path / "out" / "letters.jsonl").read_text().splitlines()]
    assert rows == {row["id"]: row for row in index}


async def test_an_export_of_some(kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path) -> None:
    """By id, filter, state and number; an unknown id is exit code 1, nothing found leaves no file."""
    made = await _scene(kafka, topics)
    to = tmp_path / "out"

    some = await _dlq(kafka, made, "export", OPEN.id, "a:0:7")
    first = await _dlq(kafka, made, "export", "--limit", "2")
    applied = await _dlq(kafka, made, "export", "--state", "applied")
    nothing = await _dlq(kafka, made, "export", "--event", "none", "--as", "directory", "--to", str(to))
    there = await _dlq(kafka, made, "export", "--as", "jsonl", "--to", str(tmp_path))

    assert (1, [OPEN.id]) == (some.exit_code, _ids(some))
    assert "a:0:7: there is no such dead letter." in some.stderr
    assert (0, 2, "2 dead letters exported, of 4.\n") == (first.exit_code, len(_ids(first)), first.stderr)
    assert (0, [APPLIED.id]) == (applied.exit_code, _ids(applied))
    assert (0, "0 dead letters exported.\n") == (nothing.exit_code, nothing.stderr)
    assert not to.exists()
    assert (2, f"Error: {tmp_path} is there already: give another --to.\n") == (there.exit_code, there.stderr)


async def test_whoever_reads_the_output_may_go_away(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """`dlq export | head -1` ends without a word: no traceback."""
    made = await topics()
    letters = [Failed(minute=minute, number=minute).letter() for minute in range(600)]
    await publish(
        kafka.bootstrap,
        made.dead_letters,
        [Outgoing(each.value, each.key, each.headers, partition=0) for each in letters],
    )
    piped = await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", f"{RUN[0]} dlq export | head -n 1"],
        env={**os.environ, **_env(kafka, made)},
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert f"{SOURCE}:0:0" == json.loads(piped.stdout)["id"]
    assert b"" == piped.stderr


async def test_a_missing_topic_is_exit_code_2(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """The dead-letter topic, or one that says how they stand; none is made by being asked for."""
    made = await _scene(kafka, topics)
    for name in ("CONSUMER_DEAD_LETTER_TOPIC", "CONSUMER_REPLAY_TOPIC", "CONSUMER_OUTCOMES_TOPIC"):
        env = {**_env(kafka, made), name: "nobody-made-this"}
        for command in (["export"], ["discard", OPEN.id, "--reason", "a test"]):
            result = await asyncio.to_thread(CliRunner().invoke, main, ["dlq", *command], env=env)
            if command == ["export"] and name == "CONSUMER_REPLAY_TOPIC":
                assert 0 == result.exit_code, result.stderr  # looking does no harm
                assert "topic nobody-made-this does not exist" in result.stderr
                continue

            assert 2 == result.exit_code, result.stderr
            assert result.stderr.startswith("Error: Topic nobody-made-this does not exist")


async def _scene(kafka: KafkaUnderTest, topics: MakeTopics) -> Topics:
    """Two that are open, one that was applied by a replay, one whose replay waits; one written twice."""
    made = await topics(partitions=3)
    letters = [OPEN.letter(), OTHER.letter(), APPLIED.letter(), WAITING.letter(), OPEN.letter()]
    await publish(kafka.bootstrap, made.dead_letters, map(_outgoing, letters))
    await publish(kafka.bootstrap, made.replay, [_outgoing(APPLIED.replay()), _outgoing(WAITING.replay())])
    state = APPLIED.state("applied", outcome="applied")
    await publish(kafka.bootstrap, made.outcomes, [Outgoing(state.value, state.key)])
    return made


def _outgoing(record: Record) -> Outgoing:
    return Outgoing(record.value, record.key, record.headers, partition=record.partition)


def _env(kafka: KafkaUnderTest, topics: Topics) -> dict[str, str]:
    return {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, "CONSUMER_SOURCE_TOPIC": topics.source}


async def _dlq(kafka: KafkaUnderTest, topics: Topics, *arguments: str) -> Result:
    env = _env(kafka, topics)
    return await asyncio.to_thread(CliRunner().invoke, main, ["dlq", *arguments], env=env)


def _on_terminal(env: dict[str, str], arguments: Sequence[str], typed: bytes) -> tuple[int, str]:
    """Exit code, and what it says on stderr."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "consumer", "dlq", *arguments]
    with subprocess.Popen(
        command, env={**os.environ, **env}, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed)
        said = b""
        try:
            while part := os.read(ours, 4096):
                said += part
        except OSError:  # so a terminal says that nobody writes to it any more
            pass
    os.close(ours)
    return process.returncode, said.decode()


def _says(record: Record) -> dict[str, object]:
    found: dict[str, object] = json.loads(record.value or b"{}")
    return found


def _ids(result: Result) -> list[str]:
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


def _id(record: Record) -> str:
    return next(value for name, value in record.headers if name == "dlq.id" and value).decode()

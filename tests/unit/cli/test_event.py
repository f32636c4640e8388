"""`session-consumer event`."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from jsonschema import Draft202012Validator

from consumer.cli.event import event
from consumer.events.examples import invalid_examples, valid_examples
from consumer.events.model import Event, EventRules
from consumer.events.reading import read_record
from consumer.events.zones import load_zone
from consumer.records import Record
from schemas.asyncapi import DOCUMENT
from schemas.catalogue import CATALOGUE
from tests.unit.events.samples import full_event, session_event

ZONE = {"CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata"}


def run(*arguments: str, stdin: str | bytes = "", **environ: str) -> Result:
    """The command's result, with the portal's zone set."""
    return CliRunner().invoke(event, arguments, input=stdin, env=ZONE | environ, catch_exceptions=False)


def test_valid_events_exit_with_zero_and_say_how_many() -> None:
    """Nothing on stdout: there is nothing to list."""
    result = run("validate", "-", stdin=json.dumps([full_event(), full_event()["data"]]))

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "2 events: 2 valid.\n")


def test_problems_are_lines_of_file_line_pointer_problem(tmp_path: Path) -> None:
    """And the exit code is 1."""
    file = tmp_path / "events.jsonl"
    file.write_text(f"{json.dumps(full_event())}\n{json.dumps(session_event(name=' ', delivery='x'))}\nx\n")

    result = run("validate", str(file))

    assert result.exit_code == 1
    assert [
        f"{file}:2 /data/session/name has no character but white space; send the session's name",
        f'{file}:2 /data/session/delivery must be "classroom" or "e-learning"',
        (
            f"{file}:3 The value is not valid JSON at line 1, column 1: a value is missing or misspelt; "
            "write text in double quotes."
        ),
    ] == result.stdout.splitlines()
    assert result.stderr == "3 events: 1 valid, 2 with problems.\n"


@pytest.mark.parametrize("output_format", ["json", "jsonl", "csv"])
def test_problems_are_rows_where_asked(output_format: str) -> None:
    """For scripts."""
    result = run("validate", "-", "-o", output_format, stdin=json.dumps(session_event(name="")))

    assert result.exit_code == 1
    for word in ("file", "line", "pointer", "problem", "/data/session/name", "event_invalid"):
        assert word in result.stdout


def test_rows_are_an_empty_array_where_nothing_is_wrong() -> None:
    """Valid JSON in every case."""
    assert json.loads(run("validate", "-", "-o", "json", stdin=json.dumps(full_event())).stdout) == []


def test_without_a_zone_it_says_once_what_was_not_checked() -> None:
    """And finds all else."""
    crossing = session_event(endsAt="2026-12-03T11:00:00+05:30")
    text = json.dumps([crossing, crossing])

    result = run("validate", "-", stdin=text, CONSUMER_ZOHO_TIME_ZONE="")

    assert result.exit_code == 0
    assert result.stderr.count("were not checked") == 1
    assert run("validate", "-", "--time-zone", "Asia/Kolkata", stdin=text).exit_code == 1


def test_wrong_usage_is_all_that_is_said(tmp_path: Path) -> None:
    """No note on what was not checked, where nothing was."""
    for arguments in (["no-such-file"], ["-", "--time-zone", "Nowhere"], ["-", str(tmp_path)]):
        result = run("validate", *arguments, stdin=json.dumps(full_event()), CONSUMER_ZOHO_TIME_ZONE="")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "Note" not in result.stderr


def test_problems_are_told_as_they_are_found() -> None:
    """The first of very many is there long before the last one can be."""
    process = subprocess.Popen(
        [sys.executable, "-m", "consumer", "event", "validate", "-", "--time-zone", "UTC"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        started_at = time.monotonic()
        process.stdin.write(b"[" + (json.dumps(session_event(name="")).encode() + b",\n") * 30_000 + b"{}]")
        process.stdin.close()
        first = process.stdout.readline()
        seconds = time.monotonic() - started_at
        process.kill()

    assert (True, True) == (first.startswith(b"-:1 /data/session/name"), seconds < 3.0)


def test_the_option_goes_before_the_setting() -> None:
    """A session that crosses midnight in one zone only."""
    text = json.dumps(session_event(startsAt="2026-12-01T17:00:00Z", endsAt="2026-12-01T19:00:00Z"))

    assert run("validate", "-", stdin=text).exit_code == 1
    assert run("validate", "-", "--time-zone", "Europe/London", stdin=text).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["validate"], {}),
        (["validate", "no-such-file"], {}),
        (["validate", "."], {}),
        (["validate", "-", "--time-zone", "Nowhere"], {}),
        (["validate", "-"], {"CONSUMER_MAX_EVENT_BYTES": "x"}),
        (["example", "--invalid", "nope"], {}),
        (["example", "nope"], {}),
        (["schema", "nope"], {}),
        (["publish", "-"], {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": ""}),
        (["publish", "-", "--source", ""], {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}),
    ],
)
def test_wrong_usage_and_settings_exit_with_two(arguments: list[str], environ: dict[str, str]) -> None:
    """With a message, not a traceback."""
    result = run(*arguments, **environ)

    assert result.exit_code == 2
    assert result.stderr


def test_other_types_are_counted_apart_where_they_are_skipped() -> None:
    """They are no finding then."""
    text = json.dumps(full_event() | {"type": "other"})

    result = run("validate", "-", stdin=text, CONSUMER_OTHER_EVENT_TYPES="skip")

    assert result.exit_code == 0
    assert "1 of another type" in result.stderr


@pytest.mark.parametrize("name", valid_examples())
def test_printed_examples_are_valid_now(name: str) -> None:
    """Whatever day it is."""
    printed = run("example", name).stdout

    assert run("validate", "-", stdin=printed).exit_code == 0


def test_an_example_is_a_new_event_each_time() -> None:
    """Else the second one published would be a duplicate."""
    assert json.loads(run("example").stdout)["id"] != json.loads(run("example").stdout)["id"]


@pytest.mark.parametrize(
    "name", [name for name, each in invalid_examples().items() if "time_zone" not in each]
)
def test_printed_invalid_examples_are_found_out(name: str) -> None:
    """With the details that are on record for them."""
    example = run("example", "--invalid", name)

    result = run("validate", "-", "-o", "json", stdin=example.stdout)

    # The array of too-deep and not-an-object is read as a list of events: nested less, or none.
    if name not in {"too-deep", "not-an-object"}:
        expected = [entry["pointer"] for entry in invalid_examples()[name]["details"]] or [""]
        assert expected == [row["pointer"] for row in json.loads(result.stdout)]
    assert invalid_examples()[name]["message"] in example.stderr


def test_all_examples_are_listed() -> None:
    """Valid and invalid, with why."""
    rows = [json.loads(line) for line in run("example", "--list", "-o", "jsonl").stdout.splitlines()]

    assert [*valid_examples(), *invalid_examples()] == [row["name"] for row in rows]


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_schema_is_printed(name: str) -> None:
    """Valid 2020-12."""
    Draft202012Validator.check_schema(json.loads(run("schema", name).stdout))


def test_the_asyncapi_document_is_printed() -> None:
    """The very one in the package."""
    assert DOCUMENT.read_text("utf-8") == run("schema", "asyncapi").stdout


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The embedded broker of the demo, which makes topics when they are asked for."""
    producer = Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1, "log_level": 0})
    (found,) = producer.list_topics("training.session.changed", timeout=10).brokers.values()
    yield f"{found.host}:{found.port}"
    del producer


def records(bootstrap: str) -> list[Record]:
    """Everything in the source topic."""

    async def collect() -> list[Record]:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=50)
        await consumer.start()
        try:
            partitions = [TopicPartition("training.session.changed", index) for index in range(4)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Record] = []
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += [
                        Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                        for r in batch
                    ]
            return found
        finally:
            await consumer.stop()

    return asyncio.run(asyncio.wait_for(collect(), 20))


def test_published_events_are_read_by_the_consumer(broker: str) -> None:
    """Structured and bare alike, keyed by session, at the place that is printed."""
    result = run(
        *("publish", "-", "-o", "jsonl"),
        stdin=json.dumps([full_event(), full_event()["data"]]),
        CONSUMER_KAFKA_BOOTSTRAP_SERVERS=broker,
    )

    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    stored = {(record.partition, record.offset): record for record in records(broker)}
    rules = EventRules(zone=load_zone("Asia/Kolkata"))
    for row in rows:
        record = stored[row["partition"], row["offset"]]
        reading = read_record(record, rules, record.timestamp_ms / 1000)
        assert isinstance(reading, Event)
        assert (row["event_id"], b"478346000019553023") == (reading.id, record.key)
    assert len(rows) == 2


def test_nothing_is_published_where_one_event_is_invalid(broker: str) -> None:
    """The findings are listed as by validate."""
    before = len(records(broker))

    result = run(
        *("publish", "-"),
        stdin=json.dumps([full_event(), session_event(name="")]),
        CONSUMER_KAFKA_BOOTSTRAP_SERVERS=broker,
    )

    assert result.exit_code == 1
    assert "-:1 /data/session/name" in result.stdout
    assert "Nothing was published" in result.stderr
    assert before == len(records(broker))


def test_no_validate_sends_what_is_there(broker: str) -> None:
    """Byte for byte, where it is no JSON."""
    result = run(*("publish", "-", "--no-validate"), stdin=b"\xff{", CONSUMER_KAFKA_BOOTSTRAP_SERVERS=broker)

    assert result.exit_code == 0
    assert b"\xff{" in [record.value for record in records(broker)]


def test_a_topic_that_is_missing_is_not_made(broker: str) -> None:
    """A mistyped name is said, with the command that would create it."""
    result = run(
        *("publish", "-"),
        stdin=json.dumps(full_event()),
        CONSUMER_KAFKA_BOOTSTRAP_SERVERS=broker,
        CONSUMER_SOURCE_TOPIC="mistyped",
    )

    assert result.exit_code == 2
    assert "topics create" in result.stderr


def test_kafka_out_of_reach_exits_with_three() -> None:
    """In a sentence."""
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        result = run(
            *("publish", "-"), stdin=json.dumps(full_event()), CONSUMER_KAFKA_BOOTSTRAP_SERVERS=address
        )

    assert result.exit_code == 3
    assert "can't be reached" in result.stderr

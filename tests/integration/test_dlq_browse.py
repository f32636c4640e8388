"""`dlq stats`, `dlq list` and `dlq show`, on the topics of a real Kafka."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient

from consumer.cli.main import cli as main
from consumer.events.model import Problem
from consumer.records import Record
from schemas import dead_letter as names
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import SOURCE, Failed
from tests.integration.conftest import MakeTopics
from tests.kafka_broker.traffic import Outgoing, Topics, publish
from tests.kafka_broker.under_test import KafkaUnderTest

FIELDS = [
    *("id", "class", "state", "retryable", "session", "event_id", "event_source", "message", "details"),
    *("http_status", "zoho_code", "failed_at", "calls", "replay_count", "account", "origin", "at"),
]
UNKNOWN = Failed(minute=10)
INVALID = Failed(
    minute=20,
    number=1,
    error_class=ErrorClass.EVENT_INVALID,
    source="/hr/import",
    problems=(Problem("/data/session/endsAt", "has no offset"), Problem("/data/trainer", "is missing")),
)
OVERTAKEN = Failed(minute=30, number=2, error_class=ErrorClass.FORBIDDEN_BY_ZOHO)
NEWER = Failed(minute=40, number=2)
DISCARDED = Failed(minute=50, number=3, error_class=ErrorClass.REJECTED_BY_ZOHO, name="Grüße")
REPLAYED = Failed(minute=55, number=4, error_class=ErrorClass.FAILED_AT_ZOHO)


def scene() -> tuple[list[Record], list[Record], list[Record]]:
    """Records of the dead-letter, replay and outcomes topics: one of everything."""
    letters = [
        UNKNOWN.letter(),
        UNKNOWN.letter(),
        Record(f"{SOURCE}.dlq", 0, 0, 0, b"k", b"somebody else's"),
        *(each.letter() for each in (INVALID, OVERTAKEN, DISCARDED, REPLAYED)),
    ]
    outcomes = [
        UNKNOWN.outcome("dead_lettered", dead_letter_id=UNKNOWN.id),
        NEWER.outcome("applied"),
        DISCARDED.state("discarded", count=0, run=None, reason="the course has ended"),
    ]
    return letters, [REPLAYED.replay()], outcomes


STATES = {
    UNKNOWN.id: "open",
    INVALID.id: "open",
    OVERTAKEN.id: "superseded",
    DISCARDED.id: "discarded",
    REPLAYED.id: "replaying",
}


async def filled(kafka: KafkaUnderTest, made: Topics) -> Topics:
    """The scene in real topics."""
    for topic, records in zip((made.dead_letters, made.replay, made.outcomes), scene(), strict=True):
        await write(kafka, topic, records)
    return made


async def write(kafka: KafkaUnderTest, topic: str, records: Iterable[Record]) -> None:
    """Key, value and headers as they are."""
    await publish(
        kafka.bootstrap,
        topic,
        [Outgoing(each.value, each.key, each.headers, each.timestamp_ms, partition=0) for each in records],
    )


def settings(kafka: KafkaUnderTest, topics: Topics) -> dict[str, str]:
    """The source topic's name is the one in the records; nobody reads it here."""
    return {
        "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "CONSUMER_DEAD_LETTER_TOPIC": topics.dead_letters,
        "CONSUMER_REPLAY_TOPIC": topics.replay,
        "CONSUMER_OUTCOMES_TOPIC": topics.outcomes,
        "CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata",
    }


async def dlq(env: dict[str, str], *arguments: str) -> Result:
    """The command's result."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["dlq", *arguments], env=env)


async def rows(env: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """The rows of `dlq list`."""
    result = await dlq(env, "list", "-o", "jsonl", *arguments)
    assert 0 == result.exit_code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_each_dead_letter_is_a_row_with_its_state(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """The contract's fields in their order, the newest first; a copy is no row, nor is a foreign record."""
    env = settings(kafka, await filled(kafka, await topics()))

    result = await dlq(env, "list", "-o", "json")

    found = json.loads(result.stdout)
    assert [FIELDS] * 5 == [list(row) for row in found]
    assert list(reversed(STATES.items())) == [(row["id"], row["state"]) for row in found]
    assert {"topic": SOURCE, "partition": 0, "offset": 10} == found[-1]["origin"]
    assert {"partition": 0, "offset": 3} == found[-2]["at"]
    assert [1, 0] == [found[0]["replay_count"], found[1]["replay_count"]]
    assert "Passed over 1 record of" in result.stderr


FILTERS: Sequence[tuple[tuple[str, ...], tuple[Failed, ...]]] = (
    (("--class", "event_invalid", "--class", "failed_at_zoho"), (REPLAYED, INVALID)),
    (("--state", "superseded", "--state", "discarded"), (DISCARDED, OVERTAKEN)),
    (("--session", "1/2/3/103"), (DISCARDED,)),
    (("--session", "104"), (REPLAYED,)),
    (("--event", "e30"), (OVERTAKEN,)),
    (("--source", "/hr/import"), (INVALID,)),
    (("--since", "2026-11-20T08:50:00Z"), (REPLAYED, DISCARDED)),
    (("--until", "2026-11-20T13:50:00+05:30"), (UNKNOWN,)),
    (("--status", "404"), (UNKNOWN,)),
    (("--zoho-code", "7404"), (UNKNOWN,)),
    (("--text", "is MISSING"), (INVALID,)),
    (("--not-retryable",), (DISCARDED, INVALID)),
    (("--retryable", "--state", "open"), (UNKNOWN,)),
    (("--sort", "oldest", "--limit", "2"), (UNKNOWN, INVALID)),
    (("--sort", "class", "--limit", "1"), (INVALID,)),
    (("--sort", "session"), (UNKNOWN, INVALID, OVERTAKEN, DISCARDED, REPLAYED)),
    (("--limit", "2"), (REPLAYED, DISCARDED)),
    (("--limit", "1", "--class", "session_not_found"), (UNKNOWN,)),
)


async def test_every_filter_finds_what_fits(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Each by itself, in the order asked for, with the states as ever."""
    env = settings(kafka, await filled(kafka, await topics()))

    for arguments, expected in FILTERS:
        found = await rows(env, *arguments)
        assert [each.id for each in expected] == [row["id"] for row in found], arguments
        assert [STATES[row["id"]] for row in found] == [row["state"] for row in found], arguments


async def test_nothing_that_fits_is_said(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """It is no failure; JSON is an empty list."""
    env = settings(kafka, await filled(kafka, await topics()))

    result = await dlq(env, "list", "--event", "nobody's")

    assert (0, "") == (result.exit_code, result.stdout)
    assert "No dead letters that fit." in result.stderr
    assert "[]\n" == (await dlq(env, "list", "--event", "nobody's", "-o", "json")).stdout
    assert 0 == (await dlq(env, "stats", "--event", "nobody's")).exit_code


async def test_stats_count_each_once(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """By state, class, publisher and account; with the oldest that is open and what to do next."""
    env = settings(kafka, await filled(kafka, await topics()))

    found = json.loads((await dlq(env, "stats", "-o", "json")).stdout)

    counts = {"open": 2, "replaying": 1, "applied": 0, "superseded": 1, "discarded": 1}
    assert (5, counts) == (found["total"], found["by_state"])
    assert UNKNOWN.id == found["oldest_open"]["id"]
    assert "publisher" == found["by_class"]["event_invalid"]["fault"]
    assert "docs/runbook/event-invalid.md" == found["by_class"]["event_invalid"]["runbook"]
    assert (1, 1) == (
        found["by_class"]["failed_at_zoho"]["replaying"],
        found["by_source"]["/hr/import"]["open"],
    )
    assert 5 == found["by_account"]["default"]["total"]
    assert 24 == len(found["by_hour"])
    assert (1, 1) == (found["copies"], found["foreign"])


async def test_stats_by_class_are_rows_too(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """As JSON lines and CSV, of those that the options want."""
    env = settings(kafka, await filled(kafka, await topics()))

    lines = (await dlq(env, "stats", "-o", "jsonl", "--state", "open")).stdout.splitlines()
    table = (await dlq(env, "stats", "--hours", "48")).stdout

    assert ["event_invalid", "session_not_found"] == [json.loads(line)["class"] for line in lines]
    assert "5 dead letters: 2 open, 1 replaying, 1 superseded, 1 discarded" in table
    assert "docs/runbook/session-not-found.md" in table
    assert all(len(line) <= 80 for line in table.splitlines())


async def test_all_of_one_dead_letter_is_shown(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """What happened to it, oldest first; its event, what Zoho would get, and its session since."""
    made = await filled(kafka, await topics())
    env = settings(kafka, made)
    again = Failed(minute=58, number=4, error_class=ErrorClass.SESSION_NOT_FOUND)
    failed_again = replace(REPLAYED, error_class=ErrorClass.FORBIDDEN_BY_ZOHO).letter(replayed=1)
    await write(kafka, made.dead_letters, [failed_again, again.letter()])
    await write(
        kafka,
        made.outcomes,
        [REPLAYED.state("open", outcome="dead_lettered"), Failed(5, 4).outcome("applied")],
    )

    found = json.loads((await dlq(env, "show", REPLAYED.id, "-o", "json")).stdout)

    assert FIELDS == list(found)[: len(FIELDS)]
    assert ("forbidden_by_zoho", "open", 1) == (found["class"], found["state"], found["replay_count"])
    happened = [(each["what"], each["replay_count"]) for each in found["history"]]
    assert sorted([("failed", 0), ("failed", 1), ("replayed", 1)]) == sorted(happened)
    assert "ops@example.com" == next(each["by"] for each in found["history"] if each["what"] == "replayed")
    assert ("binary", "e55") == (found["event_mode"], found["event"]["id"])
    assert "10:00 AM" == found["session_data"]["startTime"]
    assert ("portal", "docs/runbook/forbidden-by-zoho.md") == (found["fault"], found["runbook"])
    since = found["session_since"]
    assert ("e5", [again.id]) == (since["applied"]["id"], [each["id"] for each in since["open_dead_letters"]])


async def test_faults_stand_at_their_lines(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """What is missing as well; and the short id is enough."""
    env = settings(kafka, await filled(kafka, await topics()))

    lines = (await dlq(env, "show", "0:20")).stdout.splitlines()

    marked = [number for number, line in enumerate(lines) if line.startswith("> ")]
    shown = [(lines[number].split(":")[0].strip('> "'), lines[number + 1].strip()) for number in marked]
    assert [("trainer", "^ is missing"), ("endsAt", "^ has no offset")] == shown
    assert f"Dead letter {INVALID.id}" == lines[0]
    assert all(len(line) <= 80 for line in lines)


async def test_what_is_not_found_says_what_is_near(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """With exit code 1; an id that is none is a mistake."""
    env = settings(kafka, await filled(kafka, await topics()))

    result = await dlq(env, "show", f"{SOURCE}:0:21")

    assert (1, "") == (result.exit_code, result.stdout)
    assert f"Near it: {INVALID.id}, {OVERTAKEN.id}." in result.stderr
    assert 2 == (await dlq(env, "show", "yesterday's")).exit_code


async def test_a_value_that_is_no_json_is_excerpted(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Escaped where it is text, else a hexdump, at the place of the fault; in JSON in full."""
    made = await topics()
    broken = [
        replace(Failed(minute, error_class=ErrorClass.EVENT_UNREADABLE).letter(), value=value)
        for minute, value in (
            (1, b'{"a": \x1b[31m'),
            (2, b"\x00" * 300 + b"\xff"),
            (3, None),
            (4, b'{"a":1,"a":2}'),
        )
    ]
    await write(kafka, made.dead_letters, broken)
    env = settings(kafka, made)

    shown = [(await dlq(env, "show", f"0:{minute}")).stdout for minute in (1, 2, 3, 4)]

    assert '| {"a": \\x1b[31m' in shown[0]
    assert re.search(r"\| 00000120  00 00 .* 00 ff", shown[1])
    assert "The record has no value (null)." in shown[2]
    assert "a key is repeated" in shown[3]
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", "".join(shown))
    assert (
        "AAAA" in json.loads((await dlq(env, "show", "0:2", "-o", "json")).stdout)["record"]["value_base64"]
    )


async def test_contents_move_no_cursor(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Of whatever a publisher or Zoho put there: line breaks and controls are shown as replacements."""
    made = await topics()
    evil = "x\n\x1b[2J\x9b1A"
    letter = replace(UNKNOWN, source=evil, name=evil).letter()
    headers = [(names.ERRORS_MESSAGE, evil.encode()), (names.ZOHO_MESSAGE, evil.encode())]
    taken = {name for name, _ in headers}
    kept = [each for each in letter.headers if each[0] not in taken]
    await write(kafka, made.dead_letters, [replace(letter, headers=(*kept, *headers))])
    env = settings(kafka, made)

    for arguments in (("list",), ("stats",), ("show", "0:10")):
        result = await dlq(env, *arguments)
        assert 0 == result.exit_code, result.output
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stdout), arguments
        assert "\n[2J" not in result.stdout
    assert [evil] == [row["event_source"] for row in await rows(env)]


async def test_several_accounts_are_told_apart(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path
) -> None:
    """Or one of them is chosen; an id that two have is ambiguous."""
    one, other = await filled(kafka, await topics()), await topics()
    await write(kafka, other.dead_letters, [replace(UNKNOWN, account="other").letter()])
    file = tmp_path / "accounts.yaml"
    file.write_text(
        "accounts:\n"
        + "".join(
            f"  {name}: {{source_topic: {source}, dead_letter_topic: {made.dead_letters}, "
            f"replay_topic: {made.replay}, outcomes_topic: {made.outcomes}}}\n"
            for name, source, made in (("one", SOURCE, one), ("other", "other", other))
        )
    )
    env = {"CONSUMER_ACCOUNTS_FILE": str(file), "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}

    assert 6 == len(await rows(env))
    assert ["other"] == [row["account"] for row in await rows(env, "--account", "other")]
    stats = json.loads((await dlq(env, "stats", "-o", "json")).stdout)
    assert {"default": 5, "other": 1} == {name: row["total"] for name, row in stats["by_account"].items()}
    assert "ACCOUNT" in (await dlq(env, "list")).stdout.splitlines()[0]
    assert 2 == (await dlq(env, "show", "0:10")).exit_code
    assert 0 == (await dlq(env, "show", "0:10", "--account", "other")).exit_code
    assert 2 == (await dlq(env, "stats", "--account", "nobody's")).exit_code


async def test_reading_leaves_nothing_behind(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """No group at the broker, and so no committed offsets."""
    env = settings(kafka, await filled(kafka, await topics()))
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})

    def groups() -> set[str]:
        return {each.group_id for each in admin.list_consumer_groups().result(20).valid}

    before = await asyncio.to_thread(groups)
    for arguments in (("list",), ("stats",), ("show", "0:10")):
        assert 0 == (await dlq(env, *arguments)).exit_code

    assert before == await asyncio.to_thread(groups)


@pytest.mark.parametrize("missing", ["DEAD_LETTER", "REPLAY", "OUTCOMES"])
async def test_a_missing_topic_is_exit_code_2(
    kafka: KafkaUnderTest, topics: MakeTopics, missing: str
) -> None:
    """With the command that makes it; it is not made by being asked for."""
    env = settings(kafka, await filled(kafka, await topics()))
    env[f"CONSUMER_{missing}_TOPIC"] = "nobody-made-this"

    for arguments in (("list",), ("stats",), ("show", "0:10")):
        result = await dlq(env, *arguments)
        assert 2 == result.exit_code, result.output
        assert "Topic nobody-made-this does not exist" in result.stderr
        assert "topics create" in result.stderr


async def test_a_kafka_that_does_not_answer_is_exit_code_3() -> None:
    """Within ten seconds: where nobody listens, and where a connection is taken and nothing ever said."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as gone:
        ports = (silent.getsockname()[1], gone.getsockname()[1])
        gone.close()
        for port in ports:
            for arguments in (("list",), ("stats",), ("show", "0:10")):
                began = time.monotonic()
                result = await dlq({"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}, *arguments)
                assert (3, "") == (result.exit_code, result.stdout)
                assert result.stderr.startswith(f"Error: 127.0.0.1:{port} ")
                assert time.monotonic() - began < 10

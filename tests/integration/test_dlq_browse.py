"""`dlq stats` and `dlq list`, and what all that read have in common, on the topics of a real Kafka."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from schemas import dead_letter as names
from tests.fakes.dlq_topics import SOURCE, Failed
from tests.integration.conftest import MakeTopics
from tests.integration.dlq_scene import (
    DISCARDED,
    FIELDS,
    INVALID,
    OVERTAKEN,
    REPLAYED,
    STATES,
    UNKNOWN,
    dlq,
    filled,
    rows,
    settings,
    write,
)
from tests.kafka_broker.under_test import KafkaUnderTest


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
    renamed = [(name, b"\x1b[2J:0:12" if name == names.ID else value) for name, value in letter.headers]
    await write(kafka, made.dead_letters, [replace(letter, headers=tuple(renamed))] * 2)
    near = await dlq(env, "show", "0:11")
    assert (1, True) == (near.exit_code, "\N{REPLACEMENT CHARACTER}[2J:0:12" in near.stderr)


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


async def test_a_missing_replay_topic_keeps_nobody_from_looking(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """It is told, with the command that makes it: nothing can have been replayed."""
    env = settings(kafka, await filled(kafka, await topics()))
    env["CONSUMER_REPLAY_TOPIC"] = "nobody-made-this"

    for arguments in (("list",), ("stats",)):
        result = await dlq(env, *arguments)
        assert 0 == result.exit_code, result.output
        assert "topic nobody-made-this does not exist" in result.stderr
    assert 0 == (await dlq(env, "show", "0:10")).exit_code


@pytest.mark.parametrize("missing", ["DEAD_LETTER", "OUTCOMES"])
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

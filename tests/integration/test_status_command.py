"""`status --event` and `status --session`, from the outcomes topic of a real Kafka."""

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner, Result

from consumer.cli.main import cli as main
from consumer.delivery.outcome import Applied, EventReference, Origin, Outcome, OutcomeRecord
from consumer.events.model import SessionKey
from schemas.error_class import ErrorClass
from tests.integration.conftest import MakeTopics
from tests.integration.outcomes_scene import writer
from tests.kafka_broker.traffic import Topics, read_all
from tests.kafka_broker.under_test import KafkaUnderTest

SESSION = SessionKey("1", "2", "3", "4")
SOURCE = "https://lms.example.com"
FIRST, SECOND, THIRD = (
    EventReference(f"e{number}", SOURCE, 1_795_000_000_000_000 + number * 60_000_000, number)
    for number in (1, 2, 3)
)


async def test_what_became_of_an_event_is_told(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Dead-lettered and why, superseded and by what; each with the session's last applied event."""
    made = await topics(partitions=3)
    await _write(kafka, made.outcomes, _story(made.source))

    dead = await _status(kafka, made, "--event", SOURCE, "e1")
    replaced = await _status(kafka, made, "--event", SOURCE, "e2", "-o", "jsonl")

    assert 0 == dead.exit_code
    assert [
        "event         e1",
        f"  source      {SOURCE}",
        "  time        2026-11-18T11:07:40Z, revision 1",
        "session       1/2/3/4",
        "outcome       dead_lettered",
        "why           session_not_found",
        f"dead letter   {made.source}:0:1",
        "decided       2026-11-18T11:11:40.000Z",
        f"first read    {made.source}, partition 0, offset 1",
    ] == dead.stdout.splitlines()
    row = json.loads(replaced.stdout)
    assert ("default", "superseded", "e3") == (row["account"], row["outcome"], row["by"]["id"])
    assert "e3" == row["applied"]["id"]


async def test_the_outcomes_of_a_session_are_listed(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """In the order in which they were written, and which was applied last."""
    made = await topics(partitions=3)
    await _write(kafka, made.outcomes, _story(made.source))

    result = await _status(kafka, made, "--session", str(SESSION))

    assert [
        "DECIDED              OUTCOME        REV  EVENT",
        "2026-11-18 11:11:40  dead_lettered  1    e1",
        "2026-11-18 11:13:20  superseded     2    e2",
        "2026-11-18 11:13:20  applied        3    e3",
    ] == result.stdout.splitlines()
    assert (0, "Applied last: e3, at 2026-11-18 11:13:20.\n") == (result.exit_code, result.stderr)


async def test_what_is_not_there_is_exit_code_1(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Of an event, a session, and in JSON, which is an empty list."""
    made = await topics()

    for arguments in (
        ("--event", SOURCE, "e1"),
        ("--session", "1/2/3/5"),
        ("--session", "1/2/3/5", "-o", "csv"),
    ):
        result = await _status(kafka, made, *arguments)
        assert (1, "") == (result.exit_code, result.stdout)
        assert result.stderr.startswith("Not found: ")
    assert "[]\n" == (await _status(kafka, made, "--event", SOURCE, "e1", "-o", "json")).stdout


async def test_the_outcomes_of_all_accounts_are_searched(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path
) -> None:
    """Or those of the one that is named; a topic that is missing is exit code 2, and is not made."""
    one, other = await topics(), await topics()
    await _write(kafka, other.outcomes, _story(other.source))
    file = tmp_path / "accounts.yaml"
    file.write_text(
        f"accounts:\n  one: {{source_topic: {one.source}}}\n  other: {{source_topic: {other.source}}}\n"
    )
    env = {"CONSUMER_ACCOUNTS_FILE": str(file), "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, ["status", *arguments], env=env)

    found = await run("--event", SOURCE, "e2", "-o", "jsonl")
    elsewhere = await run("--event", SOURCE, "e2", "--account", "one")
    file.write_text("accounts:\n  gone: {source_topic: nobody-made-this}\n")
    missing = await run("--event", SOURCE, "e2")

    assert (0, "other") == (found.exit_code, json.loads(found.stdout)["account"])
    assert 1 == elsewhere.exit_code
    assert 2 == missing.exit_code
    assert "Topic nobody-made-this.outcomes does not exist" in missing.stderr
    assert 2 == (await run("--event", SOURCE, "e2")).exit_code


def _story(topic: str) -> list[OutcomeRecord]:
    """The first is dead-lettered, the second needless because of the third."""
    origins = [Origin(topic, 0, number) for number in (1, 2, 3)]
    applied = Applied(THIRD, origins[2], 1_795_000_400_000_000)
    return [
        Outcome(
            SESSION,
            FIRST,
            origins[0],
            "dead_lettered",
            1_795_000_300.0,
            None,
            dead_letter_id=f"{topic}:0:1",
            error_class=ErrorClass.SESSION_NOT_FOUND,
        ).record(),
        Outcome(SESSION, SECOND, origins[1], "superseded", 1_795_000_400.0, applied, by=THIRD).record(),
        Outcome(SESSION, THIRD, origins[2], "applied", 1_795_000_400.0, applied).record(),
    ]


async def _write(kafka: KafkaUnderTest, topic: str, records: list[OutcomeRecord]) -> None:
    async with writer(kafka.bootstrap, topic) as outcomes:
        assert [None] * len(records) == list(await outcomes.write(records))
    assert len(records) == len(await read_all(kafka.bootstrap, topic))


async def _status(kafka: KafkaUnderTest, topics: Topics, *arguments: str) -> Result:
    env = {
        "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "CONSUMER_SOURCE_TOPIC": topics.source,
        "CONSUMER_OUTCOMES_TOPIC": topics.outcomes,
    }
    return await asyncio.to_thread(CliRunner().invoke, main, ["status", *arguments], env=env)

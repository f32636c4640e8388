"""The commands that act on the accounts of a file, on a real Kafka."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from consumer.cli.main import cli
from tests.integration.scene import data
from tests.kafka_broker.traffic import read_all, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest, delete_topics

LANES = ("", ".dlq", ".replay", ".outcomes")


@pytest.fixture
def sources(kafka: KafkaUnderTest) -> Iterator[dict[str, str]]:
    """The source topics of accounts a and b, which don't exist yet."""
    made = {name: unique_topics().source for name in ("a", "b")}
    yield made
    delete_topics(kafka, [source + lane for source in made.values() for lane in LANES])


class Command:
    """`session-consumer …` with an accounts file of a and b."""

    def __init__(self, kafka: KafkaUnderTest, sources: dict[str, str], directory: Path) -> None:
        file = directory / "accounts.yaml"
        accounts = {
            name: {"source_topic": source, "zoho_time_zone": "UTC"} for name, source in sources.items()
        }
        file.write_text(yaml.safe_dump({"accounts": accounts}))
        self._environ = {
            "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "CONSUMER_ACCOUNTS_FILE": str(file),
        }

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(cli, arguments, input=stdin, env=self._environ, catch_exceptions=False)


def test_topics_and_events_are_those_of_the_account_that_is_named(
    kafka: KafkaUnderTest, sources: dict[str, str], tmp_path: Path
) -> None:
    """`topics` acts on one account or all; an event goes to its account's source topic."""
    command = Command(kafka, sources, tmp_path)

    one = command("topics", "create", "--account", "b")
    assert (one.exit_code, one.stdout.count("created"), one.stdout.count(sources["a"])) == (0, 4, 0)
    half = command("topics", "describe", "-o", "json")
    assert half.exit_code == 1, "the topics of a are missing"
    assert f"Missing: {', '.join(sources['a'] + lane for lane in LANES)}." in half.stderr
    rest = command("topics", "create", "-o", "json")
    made = [(row["account"], row["topic"], row["created"]) for row in json.loads(rest.stdout)]
    assert rest.exit_code == 0
    assert made == [(name, source + lane, name == "a") for name, source in sources.items() for lane in LANES]
    again = command("topics", "create")
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["DONE", *["exists"] * 8]

    described = command("topics", "describe", "-o", "json")
    rows = [(row["account"], row["topic"], row["state"]) for row in json.loads(described.stdout)]
    assert rows == [(name, source + lane, "ok") for name, source in sources.items() for lane in LANES]
    assert command("topics", "describe").stdout.splitlines()[0].split()[:2] == ["ACCOUNT", "TOPIC"]

    event = data(1, startsAt="2026-12-01T10:00:00Z", endsAt="2026-12-01T11:00:00Z")
    sent = command("event", "publish", "-", "--account", "b", stdin=json.dumps(event))
    assert sent.stderr == f"1 event published to {sources['b']}.\n"
    counts = [len(asyncio.run(read_all(kafka.bootstrap, source))) for source in sources.values()]
    assert counts == [0, 1]

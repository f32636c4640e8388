"""`dlq discard` and `dlq export`: what is refused before anything is read."""

import time

import pytest
from click import UsageError
from click.testing import CliRunner

from consumer.cli.dlq.chosen import full_ids
from consumer.cli.main import cli as main
from consumer.settings import KafkaSettings, TopicNames, TopicSettings

KAFKA = KafkaSettings(bootstrap_servers="127.0.0.1:1")

FAR = {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
REASON = ["--reason", "a test"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["discard", *REASON], "Say which: IDs, or filters"),
        (["discard", "a:0:1"], "Missing option '--reason'"),
        (["discard", "a:0:1", "--reason", " "], "must say why"),
        (["discard", "a:0:1", "--reason", "a\nb"], "must be printable text on one line"),
        (["discard", "a:0:1", "--reason", "é" * 513], "must be printable text on one line"),
        (["discard", "a:0:1", *REASON, "--by", "\x1b"], "must be printable text on one line"),
        (["discard", "--class", "event_invalid", *REASON], "--yes is needed"),
        (["discard", "--undo", "--class", "event_invalid", *REASON], "--undo takes IDs"),
        (["discard", "--undo", "a:0:1", "--state", "open", *REASON], "--undo takes IDs"),
        (["export", "--as", "directory"], "--as directory needs --to"),
        (["export", "--limit", "0"], "is not in the range"),
    ],
)
def test_wrong_options_are_exit_code_2(arguments: list[str], said: str) -> None:
    """Said before Kafka is asked."""
    result = CliRunner().invoke(main, ["dlq", *arguments], env=FAR)

    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr


@pytest.mark.parametrize("arguments", [["export"], ["discard", "a:0:1", *REASON]])
def test_nobody_at_kafkas_address_is_exit_code_3(arguments: list[str]) -> None:
    """Within ten seconds; missing settings are exit code 2."""
    began_at = time.monotonic()
    absent = CliRunner().invoke(main, ["dlq", *arguments], env=FAR)
    took_seconds = time.monotonic() - began_at
    missing = CliRunner().invoke(main, ["dlq", *arguments], env={"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": ""})

    assert (3, "Error: 127.0.0.1:1 can't be reached (Connection refused).\n") == (
        absent.exit_code,
        absent.stderr,
    )
    assert took_seconds < 10
    assert 2 == missing.exit_code


def test_short_ids_are_of_the_one_account() -> None:
    """As `dlq list` shows them; once each, and refused where there are several accounts."""
    one = TopicNames(source_topic="a")
    several = TopicSettings(kafka=KAFKA, accounts=(one, TopicNames(source_topic="b")))

    assert ("a:0:1", "b:0:2") == full_ids(
        ["0:1", "b:0:2", "a:0:1"], TopicSettings(kafka=KAFKA, accounts=(one,))
    )
    assert ("a:0:1",) == full_ids(["a:0:1"], several)
    with pytest.raises(UsageError, match="There are several accounts"):
        full_ids(["0:1"], several)

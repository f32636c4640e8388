"""`topics`: the exit codes that need no broker."""

import pytest
from click.testing import CliRunner

from consumer.cli.main import cli as main


@pytest.mark.parametrize("command", ["describe", "create"])
def test_wrong_settings_end_with_2_and_every_problem(command: str) -> None:
    """Without Kafka's address and with two lanes in one topic: both are told, on stderr only."""
    environ = {"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "", "CONSUMER_REPLAY_TOPIC": "training.session.changed"}

    result = CliRunner().invoke(main, ["topics", command], env=environ)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "CONSUMER_KAFKA_BOOTSTRAP_SERVERS is missing" in result.stderr
    assert "CONSUMER_REPLAY_TOPIC must not name the topic of" in result.stderr


@pytest.mark.parametrize("command", ["describe", "create"])
def test_nobody_at_kafkas_address_ends_with_3(command: str) -> None:
    """An absent broker is one sentence, not a traceback."""
    # Port 1 is nobody's on loopback.
    result = CliRunner().invoke(
        main, ["topics", command], env={"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    )

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == "Error: 127.0.0.1:1 can't be reached (Connection refused).\n"

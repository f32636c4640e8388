import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from consumer.cli.emulator import emulator
from consumer.emulator.faults import KINDS


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_serves_until_a_signal_and_prints_what_to_export(number: signal.Signals, exit_code: int) -> None:
    """The command prints the consumer's settings, serves its page, and ends cleanly on a signal."""
    command = [sys.executable, "-m", "consumer", "emulator", "--port", "0", "--fault", "slow,seconds=60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline().strip() for _ in range(5)]
        url = lines[0].partition("=")[2]
        with urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310
            status = page.status
        process.send_signal(number)
        code = process.wait(timeout=10)
        errors = process.stderr.read()

    assert [line.partition("=")[0] for line in lines] == [
        "export CONSUMER_ZOHO_PEOPLE_URL",
        "export CONSUMER_ZOHO_ACCOUNTS_URL",
        "export CONSUMER_ZOHO_CLIENT_ID",
        "export CONSUMER_ZOHO_CLIENT_SECRET",
        "export CONSUMER_ZOHO_REFRESH_TOKEN",
    ]
    assert (status, code) == (200, exit_code)
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--fault", "nonsense"], "unknown fault kind"),
        (["--fault", "status,calls=x"], "calls must be a number"),
        (["--batch-dates", "1=2026"], "write it as"),
        (["--host", "x..y"], "must be an address or host name"),
        (["--requests", "0"], "requests must be 1 or more"),
    ],
)
def test_wrong_option_is_a_usage_error_with_a_reason(arguments: list[str], reason: str) -> None:
    """A wrong option ends the command with exit code 2 and says why."""
    result = CliRunner().invoke(emulator, arguments)

    assert result.exit_code == 2
    assert reason in result.output


def test_every_fault_is_explained() -> None:
    """`--list-faults` has a line for each kind."""
    result = CliRunner().invoke(emulator, ["--list-faults"])

    assert [line.split()[0] for line in result.output.splitlines()] == list(KINDS)

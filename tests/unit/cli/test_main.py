"""The command's frame: exit codes that every command shares."""

import signal
import subprocess
import sys

import pytest


def _run(*arguments: str, stdin: int | None = subprocess.DEVNULL) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "consumer", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--version",), 0), (("--help",), 0), (("nonsense",), 2), (("run", "--nonsense"), 2)],
)
def test_help_is_a_success_and_nonsense_is_usage(arguments: tuple[str, ...], code: int) -> None:
    """0 and 2."""
    process = _run(*arguments)
    process.communicate(timeout=20)

    assert code == process.returncode


def test_ctrl_c_ends_a_command_with_130() -> None:
    """A command that waits for its input is interrupted."""
    process = _run("event", "validate", "--time-zone", "UTC", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write("{")
    process.stdin.flush()
    try:
        process.wait(1.5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)

    assert (130, False) == (process.returncode, "Traceback" in said)

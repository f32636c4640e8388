"""The command's frame: exit codes that every command shares."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kafka_broker.traffic import unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

SECRET = "not-to-be-seen"
# The command with a bug in it: in a task of `run`, and in a command that configures no logging.
BUGGY_RUN = f"""
import asyncio
from consumer import app
from consumer.cli.main import main

async def bug():
    raise ValueError("{SECRET}")

async def run(self):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bug())

app.App.run = run
main()
"""
BUGGY_VALIDATE = f"""
from consumer.cli import event
from consumer.cli.main import main

def bug(*_):
    raise KeyError("{SECRET}")

event.check_files = bug
main()
"""


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


@pytest.mark.parametrize("arguments", [("event", "example"), ("event", "example", "--list", "-o", "csv")])
def test_output_that_cannot_be_written_is_one_line_and_2(arguments: tuple[str, ...]) -> None:
    """A full disk is no bug of ours."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "consumer", *arguments], stdout=full, stderr=subprocess.PIPE, text=True
        )

    assert (2, "Error: the output can't be written (No space left on device).\n") == (
        done.returncode,
        done.stderr,
    )


@pytest.mark.parametrize(
    "arguments", ["--help", "check", "check -o json", "check -o csv", "event example", "event example --list"]
)
def test_output_that_was_closed_is_one_line_and_2(arguments: str) -> None:
    """`>&-`: nobody is told that all is well where nothing could be said."""
    settings = settings_for(KafkaUnderTest("127.0.0.1:1"), unique_topics(), "http://127.0.0.1:1")
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec '{sys.executable}' -m consumer {arguments} >&-"],
        env=os.environ | settings,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )

    assert (2, "Error: the output can't be written (Bad file descriptor).\n") == (
        done.returncode,
        done.stderr,
    )


@pytest.mark.parametrize(
    ("code", "arguments", "starts", "says"),
    [
        (BUGGY_RUN, ("run",), '{"timestamp":', ("internal error; please report it", "caused by ValueError")),
        (BUGGY_VALIDATE, ("event", "validate", "-"), "Internal error: KeyError", ("; please report it",)),
    ],
)
def test_a_bug_ends_a_command_with_70_and_one_line_without_contents(
    code: str, arguments: tuple[str, ...], starts: str, says: tuple[str, ...]
) -> None:
    """The line says where the bug is, through a task group too, and nothing of what it was about."""
    settings = settings_for(KafkaUnderTest("127.0.0.1:1"), unique_topics(), "http://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert (done.returncode, done.stdout) == (70, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(starts)
    assert all(part in line for part in (*says, "<string>", " bug"))
    assert SECRET not in line

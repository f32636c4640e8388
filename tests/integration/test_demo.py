"""The demo, as a newcomer runs it: the installed command, and nothing else."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from consumer.app import App
from consumer.demo import play as play_module
from consumer.demo.catalogue import Catalogue, Story
from consumer.settings import SettingsError
from schemas.error_class import ErrorClass

COMMAND = str(Path(sys.executable).with_name("session-consumer"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("CONSUMER_")}


def test_the_demo_ends_by_itself_in_time_and_finds_every_class() -> None:
    """Less than 20 s, exit 0, all nine classes of dead letters, no lock, the quota kept."""
    started = time.monotonic()
    done = subprocess.run([COMMAND, "demo"], env=ENVIRONMENT, capture_output=True, text=True, timeout=40)

    assert (0, True) == (done.returncode, time.monotonic() - started < 20), done.stdout + done.stderr
    assert all(error_class in done.stdout for error_class in ErrorClass)
    assert "Locks: 0." in done.stdout
    assert "Checked:" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr, "colour though nothing is a terminal"


async def test_the_demo_finds_a_wrong_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that was expected to be applied, and isn't, makes it wrong, and the summary says so."""
    opening = Catalogue.opening

    def expecting_too_much(catalogue: Catalogue) -> list[Story]:
        return [
            replace(story, error_class=None) if story.error_class is ErrorClass.SESSION_NOT_FOUND else story
            for story in opening(catalogue)
        ]

    monkeypatch.setattr(Catalogue, "opening", expecting_too_much)
    summary, progress = Console(record=True, file=io.StringIO(), width=200), Console(quiet=True)
    good = await play_module.play(summary, progress, rush=0, keep=None)
    said = summary.export_text()

    assert not good
    assert "The result is wrong:" in said
    assert "should be applied" in said
    assert "as it was last published." not in said
    assert "Checked:" not in said


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SettingsError(("The port is taken.",)), "The port is taken."),
        (ValueError("content"), "ValueError at "),
        (None, "it stopped by itself"),
    ],
)
async def test_the_demo_tells_at_once_that_its_consumer_ended(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, reason: str
) -> None:
    """With the reason, and without waiting for what can't come any more."""

    async def ends(_app: App) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(App, "run", ends)
    summary, progress = Console(record=True, file=io.StringIO(), width=200), Console(quiet=True)
    started = time.monotonic()
    good = await play_module.play(summary, progress, rush=0, keep=None)
    said = summary.export_text()

    assert (good, time.monotonic() - started < 8) == (False, True), said
    assert f"The consumer ended: {reason}" in said
    assert "content" not in said


def test_keep_leaves_everything_running_until_it_is_told_to_end() -> None:
    """The settings it prints work from another process, and SIGTERM ends it with 0."""
    kept = subprocess.Popen(
        [COMMAND, "demo", "--keep", "--rush", "5"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert kept.stdout is not None
    said = ""
    try:
        while "Ctrl+C" not in said:
            line = kept.stdout.readline()
            assert line, said
            said += line
        settings = dict(re.findall(r"^export (\w+)=(.*)$", said, re.MULTILINE))
        example = subprocess.run([COMMAND, "event", "example"], capture_output=True, text=True, timeout=20)
        sent = subprocess.run(
            [COMMAND, "event", "publish", "-"],
            env={**ENVIRONMENT, **settings}, input=example.stdout, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert 0 == sent.returncode, sent.stderr
    finally:
        kept.send_signal(signal.SIGTERM)
        code = kept.wait(20)

    assert 0 == code

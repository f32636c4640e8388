"""A command at a terminal of 80 columns, as a person sees it: a real pseudo-terminal, and what is on it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

COLUMNS = 80
ROWS = 24
# Wider and longer than what the command is told, so that what is too wide for it can be seen.
_PAPER_COLUMNS = 240
_PAPER_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Shown:
    """What was on the terminal when the command had ended, line by line, and its exit code.

    `first_after`: the seconds until the first character came. `raw`: all that was sent to the terminal.
    """

    lines: tuple[str, ...]
    exit_code: int
    first_after: float
    raw: bytes

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)

    @property
    def too_wide(self) -> list[str]:
        """The lines that a terminal of 80 columns would have broken."""
        return [line for line in self.lines if len(line) > COLUMNS]


def at_terminal(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    answers: Mapping[str, str] | None = None,
    rows: int = ROWS,
    seconds: float = 60.0,
    directory: Path | None = None,
) -> Shown:
    """Run it to its end. `answers`: what is typed once a text has appeared, each once.

    TimeoutError, with what is on the screen, where it takes longer than given.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))
    started_at = time.monotonic()
    process = subprocess.Popen(
        list(command),
        env={"TERM": "xterm", **env, "COLUMNS": str(COLUMNS), "LINES": str(rows)},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        close_fds=True,
        cwd=directory,
    )
    os.close(slave)
    paper = pyte.Screen(_PAPER_COLUMNS, _PAPER_LINES)
    stream = pyte.ByteStream(paper)
    raw = bytearray()
    first_after = 0.0
    waiting = dict(answers or {})
    try:
        while True:
            left = started_at + seconds - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{command} not done in {seconds:g} s:\n{_text(paper)}")
            if not select.select([master], [], [], left)[0]:
                continue
            try:
                chunk = os.read(master, 65_536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            first_after = first_after or time.monotonic() - started_at
            raw += chunk
            stream.feed(chunk)
            for text in [each for each in waiting if each.encode() in raw]:
                os.write(master, waiting.pop(text).encode())
        exit_code = process.wait(timeout=10)
    finally:
        process.kill()
        os.close(master)
    return Shown(tuple(_lines(paper)), exit_code, first_after, bytes(raw))


def _lines(paper: pyte.Screen) -> list[str]:
    lines = [line.rstrip() for line in paper.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _text(paper: pyte.Screen) -> str:
    return "\n".join(_lines(paper))

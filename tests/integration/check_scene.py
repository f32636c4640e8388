"""`session-consumer check` as an operator runs it: a process without a terminal, and what it said."""

import asyncio
import json
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any

from tests.integration.scene import data
from tests.process import RUN

COMMAND = (RUN[0], "check")
# Every step of a check is bounded by ten seconds; the rest is for a busy machine.
STEP_SECONDS = 10.0
LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a check said, and how long it took."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Of `-o json`."""
        rows = json.loads(self.out)
        assert isinstance(rows, list)
        return rows

    def row(self, group: str, subject: str) -> dict[str, Any]:
        """The one row of this group whose subject has this in it."""
        [found] = [row for row in self.rows if row["group"] == group and subject in row["subject"]]
        return found

    @property
    def bad(self) -> list[dict[str, Any]]:
        """What is not well."""
        return [row for row in self.rows if row["mark"] == "bad"]


async def _start(env: Mapping[str, str], *arguments: str) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in environ.items() if not name.startswith("CONSUMER_")}
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        env={**inherited, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def interrupted_check(env: Mapping[str, str], *arguments: str) -> tuple[int | None, str]:
    """Ctrl+C while it says that it waits: its exit code, and what it said until then."""
    process = await _start(env, *arguments)
    said = b""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            assert process.stderr is not None
            while b"Waiting" not in said:
                line = await process.stderr.readline()
                assert line, said
                said += line
            process.send_signal(signal.SIGINT)
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode()


async def run_check(env: Mapping[str, str], *arguments: str, output: str = "json") -> Said:
    """Run it to its end; no terminal anywhere. What a library logs is none of an operator's business."""
    started = time.monotonic()
    process = await _start(env, *arguments, "-o", output)
    try:
        out, err = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS + 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    assert b"logger=" not in err, err
    return Said(process.returncode, out.decode(), err.decode(), time.monotonic() - started)


def event_file(directory: Path, number: int = 1, **session: Any) -> str:
    """A file with one good event, of bare data."""
    file = directory / f"event-{number}.json"
    file.write_text(json.dumps(data(number, "By hand", **session)))
    return str(file)

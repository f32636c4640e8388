"""`session-consumer check` as an operator runs it: a process without a terminal, and what it said."""

import asyncio
import json
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any

from tests.integration.scene import data, until
from tests.process import RUN

COMMAND = (RUN[0], "check")
# Every step of a check is bounded by ten seconds; the rest is for a busy machine.
STEP_SECONDS = 10.0
LONGEST_SECONDS = 60.0
# All is told in rows: a line of a log on stderr, ours or a library's, is one too many.
_LOGGED = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)


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


async def signalled_check(
    env: Mapping[str, str], *arguments: str, signals: Sequence[tuple[signal.Signals, Callable[[str], bool]]]
) -> Said:
    """Send it each signal when that is due, by what was said on stderr until then."""
    started = time.monotonic()
    process = await _start(env, *arguments, "-o", "json")
    assert process.stdout is not None
    assert process.stderr is not None
    said = [""]
    telling = asyncio.create_task(_hear(process.stderr, said))
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            for number, is_due in signals:

                async def due(is_due: Callable[[str], bool] = is_due) -> bool:
                    return process.returncode is not None or is_due(said[0])

                await until(due)
                process.send_signal(number)
            out = await process.stdout.read()
            await telling
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert not _LOGGED.search(said[0]), said[0]
    return Said(code, out.decode(), said[0], time.monotonic() - started)


async def _hear(stream: asyncio.StreamReader, said: list[str]) -> None:
    while line := await stream.readline():
        said[0] += line.decode()


async def run_check(env: Mapping[str, str], *arguments: str, output: str = "json") -> Said:
    """Run it to its end; no terminal anywhere."""
    started = time.monotonic()
    process = await _start(env, *arguments, "-o", output)
    try:
        out, err = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS + 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    assert not _LOGGED.search(err.decode()), err
    return Said(process.returncode, out.decode(), err.decode(), time.monotonic() - started)


def event_file(directory: Path, number: int = 1, **session: Any) -> str:
    """A file with one good event, of bare data."""
    file = directory / f"event-{number}.json"
    file.write_text(json.dumps(data(number, "By hand", **session)))
    return str(file)

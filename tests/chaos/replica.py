"""One replica of the real process over all its lives, with its own way to the broker and to Zoho."""

import asyncio
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.chaos.evidence import Diary, Trouble
from tests.chaos.plan import Ambush
from tests.chaos.proxy import Proxy
from tests.process import ConsumerProcess

_POLL_SECONDS = 0.02
# A SIGTERM sooner after the start may come before the process can hear it: a busy machine is slow to import.
_DEAF_SECONDS = 3.0


class Replica:
    """Started again whenever it ends, until `close`. `note` is told of each end and each start.

    `armed` ends its first life. `strange_ends`: those that no plan accounts for.
    """

    def __init__(
        self,
        number: int,
        env: Mapping[str, str],
        directory: Path,
        *,
        proxy: Proxy,
        armed: Ambush | None,
        note: Callable[[str, int, bool], None],
    ) -> None:
        self.number = number
        self.proxy = proxy
        self.strange_ends: list[str] = []
        self.has_ended = False
        self._env = env
        self._log = directory / f"replica-{number}.log"
        self._armed = armed
        self._note = note
        self._back_after_seconds = armed.seconds if armed else 0.0
        self._wanted = True
        self._killed = False
        self._started_at = 0.0
        self.process = self._new_life()

    @property
    def running(self) -> bool:
        """Whether there is a process (a frozen one counts)."""
        return self.process.started and self.process.exit_code is None

    async def live(self) -> None:
        """Watch it: note an end, wait, start again. Returns when it has ended and is not wanted again."""
        self._start()
        while True:
            code = await self.process.wait(math.inf)
            self.process.close()
            self._note_end(code)
            if self._wanted:
                await asyncio.sleep(self._back_after_seconds)
            if not self._wanted:
                return
            self._note(f"replica {self.number} starts again", self.number, False)
            self.process = self._new_life()
            self._start()

    def freezes(self) -> list[Trouble]:
        """When it was frozen in an ambush, as it says itself before."""
        found = [json.loads(line) for line in self.process.log_lines() if line.startswith('{"frozen_at"')]
        what = f"replica {self.number} froze at"
        return [
            Trouble(f"{what} “{line['frozen_at']}”", line["from"], line["to"], self.number, violent=True)
            for line in found
        ]

    def kill(self, back_after_seconds: float) -> None:
        """SIGKILL, if it runs."""
        self._killed = self._killed or self.running
        self._end(signal.SIGKILL, back_after_seconds)

    def stop(self, back_after_seconds: float) -> None:
        """SIGTERM, if it runs."""
        self._end(signal.SIGTERM, back_after_seconds)

    async def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT to the same life that much later."""
        process = self.process
        if self.running:
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            if self.process is process and process.started and process.exit_code is None:
                process.signal(signal.SIGCONT)

    def dismiss(self) -> None:
        """SIGTERM, for good."""
        self._wanted = False
        if self.running:
            self.process.signal(signal.SIGTERM)

    def _end(self, number: signal.Signals, back_after_seconds: float) -> None:
        self._back_after_seconds = back_after_seconds
        if self.running:
            self.process.signal(number)

    def _start(self) -> None:
        self._killed = False
        self._started_at = time.monotonic()
        self.process.start()

    def _note_end(self, code: int) -> None:
        self.has_ended = True
        armed, self._armed = self._armed, None
        how, expected = f"ended with exit code {code}", code == 0
        if code == -signal.SIGKILL and self._killed:
            how, expected = "was killed", True
        elif code == -signal.SIGKILL and armed is not None and armed.deed == "kill":
            how, expected = f"killed itself at passage {armed.nth} of “{armed.label}”", True
        elif code == -signal.SIGTERM:
            expected = time.monotonic() - self._started_at < _DEAF_SECONDS
        self._note(f"replica {self.number} {how}", self.number, code != 0)
        if not expected:
            self.strange_ends.append(f"replica {self.number} {how}: see {self._log.name}")

    def _new_life(self) -> ConsumerProcess:
        armed = self._armed
        ambush = [armed.deed, armed.label, str(armed.nth), str(armed.seconds)] if armed else []
        command = (sys.executable, "-m", "tests.chaos.victim", f"replica-{self.number}", *ambush)
        return ConsumerProcess(self._env, self._log, command)


async def lateness(diary: Diary) -> None:
    """Keep in the diary how late this event loop was at its worst. Never returns."""
    while True:
        due = time.monotonic() + _POLL_SECONDS
        await asyncio.sleep(_POLL_SECONDS)
        diary.lag_seconds = max(diary.lag_seconds, time.monotonic() - due)

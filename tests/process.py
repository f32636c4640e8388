"""The real `session-consumer run`, as an operator starts it: a process, its settings, its HTTP port."""

import asyncio
import contextlib
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from os import environ
from pathlib import Path
from typing import Any, Self

import aiohttp

from consumer.emulator.options import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.kafka_broker.traffic import Topics
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.leash import Leash, free_port, kill_group

RUN = (str(Path(sys.executable).with_name("session-consumer")), "run")
READY_SECONDS = 30.0
STOP_SECONDS = 30.0
_POLL_SECONDS = 0.02
_TAIL_LINES = 30

# A minute is 3 s, the lock of five minutes 2 s; the quota is the real one.
_SCALED: Mapping[str, str] = {
    "CONSUMER_QUOTA_WINDOW_SECONDS": "3",
    "CONSUMER_QUOTA_LOCK_SECONDS": "2",
    "CONSUMER_QUOTA_ABORT_MARGIN_SECONDS": "1",
    "CONSUMER_ZOHO_TIMEOUT_SECONDS": "2",
    "CONSUMER_SHUTDOWN_SECONDS": "10",
    "CONSUMER_KAFKA_SESSION_TIMEOUT_SECONDS": "6",
    "CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata",
    "CONSUMER_LOG_FORMAT": "json",
    "CONSUMER_HTTP_HOST": "127.0.0.1",
}


def settings_for(
    kafka: KafkaUnderTest, topics: Topics, zoho_url: str, **overrides: str | float | None
) -> dict[str, str]:
    """The environment of a consumer, with times scaled down.

    `zoho_url` is the emulator's. `overrides` are settings without prefix in lower case
    (`quota_requests=5`); None takes one away. The HTTP port is a free one.
    """
    settings: dict[str, str] = {
        **_SCALED,
        "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "CONSUMER_KAFKA_GROUP_ID": topics.group,
        "CONSUMER_SOURCE_TOPIC": topics.source,
        "CONSUMER_DEAD_LETTER_TOPIC": topics.dead_letters,
        "CONSUMER_REPLAY_TOPIC": topics.replay,
        "CONSUMER_OUTCOMES_TOPIC": topics.outcomes,
        "CONSUMER_ZOHO_PEOPLE_URL": zoho_url,
        "CONSUMER_ZOHO_ACCOUNTS_URL": zoho_url,
        "CONSUMER_ZOHO_CLIENT_ID": CLIENT_ID,
        "CONSUMER_ZOHO_CLIENT_SECRET": CLIENT_SECRET,
        "CONSUMER_ZOHO_REFRESH_TOKEN": REFRESH_TOKEN,
        "CONSUMER_HTTP_PORT": str(free_port()),
    }
    for name, value in overrides.items():
        settings.pop(f"CONSUMER_{name.upper()}", None)
        if value is not None:
            settings[f"CONSUMER_{name.upper()}"] = str(value)
    return settings


class ConsumerProcess:
    """One `session-consumer run`. `async with` starts it, waits until it is ready, and leaves nothing behind.

    `command` is another way to run the same. `env` are its settings (`settings_for`); nothing of the test
    run's own CONSUMER_… gets through.
    stdout and stderr are appended to the file `log`.
    """

    def __init__(self, env: Mapping[str, str], log: Path, command: Sequence[str] = RUN) -> None:
        self._env = dict(env)
        self._command = command
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base of its HTTP endpoints."""
        return f"http://127.0.0.1:{self._env['CONSUMER_HTTP_PORT']}"

    @property
    def started(self) -> bool:
        """Whether there is a process, ended or not, that has not been cleared away by `close`."""
        return self._process is not None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it. As of now."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    def limit_files(self, count: int) -> None:
        """No more than so many open files from now on, as under `ulimit -n`."""
        assert self._process is not None
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (count, count))

    def start(self) -> None:
        """Start it, or start it again after it ended; does not wait."""
        if self._process is not None:
            if self.exit_code is None:
                raise RuntimeError("the consumer is running")
            self.close()
        inherited = {name: value for name, value in environ.items() if not name.startswith("CONSUMER_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                list(self._command),
                env={**inherited, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._leash = Leash(self._process.pid)

    async def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Until `/readyz` says 200. Raises AssertionError with the last log lines where it doesn't."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            if self.exit_code is not None:
                raise AssertionError(f"it ended with exit code {self.exit_code}:\n{self._tail()}")
            if await self.http_status("/readyz") == 200:
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise AssertionError(f"not ready after {seconds:g} s:\n{self._tail()}")

    async def http_status(self, path: str) -> int | None:
        """The HTTP status of a GET; None where there is no answer within 2 s."""
        try:
            return (await self._get(path))[0]
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def page(self, path: str) -> str:
        """The text of a GET."""
        return (await self._get(path))[1]

    async def status(self) -> dict[str, Any]:
        """`/status`."""
        answer = json.loads((await self._get("/status"))[1])
        assert isinstance(answer, dict)
        return answer

    async def account(self, name: str = "default") -> dict[str, Any]:
        """One account's part of `/status`."""
        account = (await self.status())["accounts"][name]
        assert isinstance(account, dict)
        return account

    async def metrics(self) -> dict[str, float]:
        """`/metrics`: `session_consumer_locks_total{account="default"}` → its value."""
        lines = (await self._get("/metrics"))[1].splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def signal(self, number: signal.Signals) -> None:
        """TERM, KILL, STOP, CONT, INT."""
        assert self._process is not None
        self._process.send_signal(number)

    async def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit code. Raises AssertionError where it is still there after `seconds`."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            if self.exit_code is not None:
                return self.exit_code
            await asyncio.sleep(_POLL_SECONDS)
        raise AssertionError(f"still running after {seconds:g} s:\n{self._tail()}")

    async def terminate(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM, and `wait`."""
        self.signal(signal.SIGTERM)
        return await self.wait(seconds)

    def log_lines(self) -> list[str]:
        """Everything it has written so far, over all its lives."""
        with contextlib.suppress(FileNotFoundError):
            return self.log.read_text("utf-8", "replace").splitlines()
        return []

    def close(self) -> None:
        """Gone, whatever state it is in."""
        if self._process is not None:
            kill_group(self._process)
            self._process = None
        if self._leash is not None:
            self._leash.release()
            self._leash = None

    async def _get(self, path: str) -> tuple[int, str]:
        limit = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    def _tail(self) -> str:
        return "\n".join(self.log_lines()[-_TAIL_LINES:])

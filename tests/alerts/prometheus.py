"""A real Prometheus on the loopback: scrapes consumers every second, runs our rules, their times scaled."""

import asyncio
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from helm.generate import RULES
from helm.toolbox import PROMETHEUS_TOOLS
from tests.leash import Leash, free_port, kill_group

# A minute of a rule's times is 2 s.
SCALE = 30
_READY_SECONDS = 30
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one."""

    url: str

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that an expression has now. AssertionError where Prometheus refuses it."""
        answer = await self._get("query", query=expression)
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    async def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name."""
        found = (await self._get("alerts"))["data"]["alerts"]
        return {each["labels"]["alertname"]: each for each in found if each["state"] == "firing"}

    async def rules(self) -> list[dict[str, Any]]:
        """All rules with their health and last error."""
        groups = (await self._get("rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        limit = aiohttp.ClientTimeout(total=10)
        url = f"{self.url}/api/v1/{path}"
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(url, params=parameters) as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def prometheus(directory: Path, targets: Iterable[str]) -> AsyncIterator[Prometheus]:
    """Started, with these targets (host:port), and stopped."""
    port = free_port()
    (directory / "rules.yaml").write_text(_scaled(RULES.read_text(encoding="utf-8")), encoding="utf-8")
    scrape = {
        "job_name": "training/consumer",
        "static_configs": [{"targets": list(targets), "labels": {"namespace": "training"}}],
    }
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config = {"global": every, "rule_files": ["rules.yaml"], "scrape_configs": [scrape]}
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        str(PROMETHEUS_TOOLS.tool("prometheus")),
        *("--config.file", str(directory / "prometheus.yaml")),
        *("--storage.tsdb.path", str(directory / "tsdb")),
        *("--web.listen-address", f"127.0.0.1:{port}"),
    ]
    with _process(command, directory / "prometheus.log") as process:
        running = Prometheus(f"http://127.0.0.1:{port}")
        if not await _is_ready(running, process):
            raise AssertionError(f"Prometheus is not ready: {_tail(directory / 'prometheus.log')}")
        yield running


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    leash = Leash(process.pid)
    try:
        yield process
    finally:
        kill_group(process)
        leash.release()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _scaled(rules: str) -> str:
    def shorter(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) * _SECONDS[found[3]] * 1000 // SCALE}ms"

    rules = re.sub(r"(\bfor: |\[|\boffset )(\d+)([smh])\b", shorter, rules)
    return re.sub(r"(?<=time\(\) - )\d+", lambda found: str(int(found[0]) / SCALE), rules)


async def _is_ready(running: Prometheus, process: subprocess.Popen[bytes]) -> bool:
    """It has evaluated every rule, and none failed."""
    give_up_at = time.monotonic() + _READY_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        with suppress(aiohttp.ClientError, TimeoutError):
            rules = await running.rules()
            if rules and all(rule["health"] == "ok" for rule in rules):
                return True
        await asyncio.sleep(0.2)
    return False

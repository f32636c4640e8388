"""Two hundred accounts in one process, each with its Zoho and one call made: memory, and the start."""

import asyncio
import logging
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.stage import Figure, Stage, memory_mib, stage
from consumer.emulator.options import CLIENT_SECRET, REFRESH_TOKEN, EmulatorOptions
from consumer.emulator.server import Emulator
from tests.integration.scene import changes, until
from tests.kafka_broker.traffic import create_topics, publish
from tests.process import ConsumerProcess

ACCOUNTS = 200
PARTITIONS = 4
AIM_MIB = 200.0
START_SECONDS = 120.0
IDLE_SECONDS = 5.0


class Run(NamedTuple):
    """Resident MiB, the share of a core that it takes when nothing happens, seconds until it was ready."""

    mib: float
    idle: float
    ready: float


async def measure() -> list[Figure]:
    """One account first, for comparison."""
    names = [f"a{number:03}" for number in range(ACCOUNTS)]
    # A broker that has just made 800 topics isn't their leader for a moment: the client tries again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    async with stage(EmulatorOptions()) as set_up, AsyncExitStack() as stack:
        await _create_topics(set_up, names)
        urls = {name: (await stack.enter_async_context(Emulator(EmulatorOptions()))).url for name in names}
        one = await _run(set_up, {names[0]: urls[names[0]]})
        many = await _run(set_up, urls)
    return [
        Figure("accounts: 1, resident", f"{one.mib:.0f} MiB", "-"),
        Figure(
            f"accounts: {ACCOUNTS}, resident", f"{many.mib:.0f} MiB", f"< {AIM_MIB:g} MiB", many.mib < AIM_MIB
        ),
        Figure("accounts: 1, idle", f"{one.idle:.1%} of a core", "-"),
        Figure(f"accounts: {ACCOUNTS}, idle", f"{many.idle:.1%} of a core", "-"),
        Figure("accounts: 1, from start to ready", f"{one.ready:.1f} s", "-"),
        Figure(f"accounts: {ACCOUNTS}, from start to ready", f"{many.ready:.1f} s", "-"),
    ]


async def _create_topics(set_up: Stage, names: list[str]) -> None:
    await create_topics(set_up.kafka.bootstrap, *map(_source, names), partitions=PARTITIONS)
    others = [f"{_source(name)}.{lane}" for name in names for lane in ("dlq", "replay", "outcomes")]
    await create_topics(set_up.kafka.bootstrap, *others)


async def _run(set_up: Stage, urls: dict[str, str]) -> Run:
    """The process from its start until every account has made a call, and a while after."""
    for secret, text in (("secret", CLIENT_SECRET), ("token", REFRESH_TOKEN)):
        (set_up.directory / secret).write_text(text, "utf-8")
    accounts = {
        name: {
            "source_topic": _source(name),
            "zoho_people_url": url,
            "zoho_accounts_url": url,
            "zoho_client_secret_file": "secret",
            "zoho_refresh_token_file": "token",
        }
        for name, url in urls.items()
    }
    file = set_up.directory / "accounts.yaml"
    file.write_text(yaml.safe_dump({"accounts": accounts}), "utf-8")
    process = set_up.consumer(
        accounts_file=str(file),
        log_level="warning",
        kafka_group_id=f"bench-{len(urls)}-{time.monotonic_ns()}",
        dead_letter_topic=None,
        replay_topic=None,
        outcomes_topic=None,
    )
    for name in urls:
        await publish(set_up.kafka.bootstrap, _source(name), changes(1, 1))
    began = time.monotonic()
    process.start()
    try:
        await process.wait_until_ready(START_SECONDS)
        ready = time.monotonic() - began
        await until(lambda: _all_called(process, list(urls)), START_SECONDS)
        pid = process._process.pid if process._process else 0
        used = _cpu_seconds(pid)
        await asyncio.sleep(IDLE_SECONDS)
        idle = (_cpu_seconds(pid) - used) / IDLE_SECONDS
        resident, _ = memory_mib(pid)
        await process.terminate()
    finally:
        process.close()
    return Run(resident, idle, ready)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _all_called(process: ConsumerProcess, names: list[str]) -> bool:
    metrics = await process.metrics()
    return all(
        metrics[f'session_consumer_events_total{{account="{name}",outcome="applied"}}'] >= 1 for name in names
    )


def _source(name: str) -> str:
    return f"bench.{name}"

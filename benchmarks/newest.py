"""What newest-wins saves: a burst of changes in calls and windows; stale events and copies in a second."""

import time
from collections.abc import Iterator

from benchmarks.stage import Figure, Stage, stage
from consumer.emulator.options import EmulatorOptions, Limits
from tests.integration.scene import binary, changes, data, finished, until
from tests.kafka_broker.traffic import Outgoing, committed, publish

SESSIONS = 100
BURST, WINDOW_SECONDS = 600, 3.0
SKIMMED = 20_000
AIM = 8_000


async def measure() -> list[Figure]:
    """Both with 30 calls per 3 s."""
    return [*await _burst(), *await _skim()]


async def _burst() -> list[Figure]:
    """Published before the start; from the first call until all sessions are current."""
    async with stage(EmulatorOptions(limits=Limits(30, WINDOW_SECONDS, 5.0))) as set_up:
        await publish(set_up.kafka.bootstrap, set_up.topics.source, changes(BURST, SESSIONS, needless=True))
        async with set_up.consumer(log_level="warning") as process:
            await finished(process, BURST)
            audit = set_up.zoho.audit()
            await process.terminate()
    windows = (audit.arrivals[-1] - audit.arrivals[0]) / WINDOW_SECONDS
    what = f"newest: {BURST} changes of {SESSIONS} sessions"
    return [
        Figure(f"{what}, calls", str(audit.calls), "<= 130", audit.calls <= 130),
        Figure(f"{what}, windows", f"{windows:.1f}", "<= 5", windows <= 5),
    ]


async def _skim() -> list[Figure]:
    """Half of them stale, half copies; from the first of their commits to the last."""
    async with stage(EmulatorOptions(limits=Limits(200, 1.0, 5.0))) as set_up:
        newest = [_change(session, SKIMMED) for session in range(SESSIONS)]
        await publish(set_up.kafka.bootstrap, set_up.topics.source, newest)
        process = set_up.consumer(log_level="warning", quota_requests=200, quota_window_seconds=1)
        async with process:
            await finished(process, SESSIONS)
            calls = set_up.zoho.audit().calls
            await process.terminate()
        await publish(set_up.kafka.bootstrap, set_up.topics.source, _old_ones())
        process.start()
        rate = await _rate(set_up)
        await process.terminate()
        more = set_up.zoho.audit().calls - calls
    return [
        Figure("newest: stale events and copies skimmed", f"{rate:,.0f} /s", f"{AIM:,} /s", rate >= AIM),
        Figure("newest: calls they cost", str(more), "0", more == 0),
    ]


def _change(session: int, revision: int) -> Outgoing:
    """With the size of a usual event; its revision is also its id."""
    return binary(data(session, description="x" * 600) | {"revision": revision}, f"{session}-{revision}")


def _old_ones() -> Iterator[Outgoing]:
    for number in range(SKIMMED):
        session = number % SESSIONS
        yield _change(session, SKIMMED if number % 2 else number)


async def _rate(set_up: Stage) -> float:
    first: tuple[float, int] | None = None

    async def all_committed() -> bool:
        nonlocal first
        positions = await committed(set_up.kafka.bootstrap, set_up.topics.group)
        done = sum(position.offset for position in positions.values()) - SESSIONS
        if done > 0 and first is None:
            first = (time.monotonic(), done)
        return done == SKIMMED

    await until(all_committed, 120)
    assert first is not None
    return (SKIMMED - first[1]) / (time.monotonic() - first[0])

"""What a full backlog costs, and that large events stop at the bound in bytes."""

import time

from benchmarks.stage import Figure, memory_mib, stage
from consumer.emulator.options import EmulatorOptions
from tests.integration.scene import binary, data, until
from tests.kafka_broker.traffic import publish
from tests.process import ConsumerProcess

AIM_MIB = 120.0
BOUND_MIB = 64.0
# A read is taken in whole, so the bound may be passed by what the last one brought.
LAST_READ_MIB = 8.0
# Longer than any pause between two reads, also where the machine is busy.
STEADY_SECONDS = 3.0


async def measure() -> list[Figure]:
    """Zoho is locked, so everything waits."""
    small, _ = await _full(events=12_000, size=2048 - 500, fills_at=10_000)
    large, held = await _full(events=400, size=45_000, fills_at=None)
    # Below half of it the backlog never filled, and the figure would prove nothing.
    stopped = BOUND_MIB / 2 <= held <= BOUND_MIB + LAST_READ_MIB
    return [
        Figure(
            "memory: 10,000 events of 2 KiB waiting",
            f"{small:.0f} MiB",
            f"< {AIM_MIB:g} MiB",
            small < AIM_MIB,
        ),
        Figure("memory: events of 256 KiB, held at most", f"{held:.1f} MiB", f"{BOUND_MIB:g} MiB", stopped),
        Figure("memory: events of 256 KiB, resident", f"{large:.0f} MiB", "-"),
    ]


async def _full(events: int, size: int, fills_at: int | None) -> tuple[float, float]:
    """Resident at most, and held at the end, in MiB."""
    text = "x" * size
    # A value near its bound of 256 KiB: unknown fields are ignored, but they are kept.
    extra = {} if fills_at else {"padding": ["y" * 1000] * 205}
    async with stage(EmulatorOptions()) as set_up:
        set_up.zoho.lock(3600.0)
        records = (binary(data(i, description=text) | extra, str(i)) for i in range(events))
        value_bytes = len(binary(data(0, description=text) | extra, "0").value or b"")
        await publish(set_up.kafka.bootstrap, set_up.topics.source, records)
        settings: dict[str, str | float | None] = {
            "quota_lock_seconds": 300,
            "zoho_input": "json",
            "log_level": "warning",
        }
        async with set_up.consumer(**settings) as process:
            await _wait_until_full(process, fills_at)
            pid = process._process.pid if process._process else 0
            most = memory_mib(pid)[1]
            held = (await process.account())["backlog"]["events"] * value_bytes / 2**20
            await process.terminate()
    return most, held


async def _wait_until_full(process: ConsumerProcess, fills_at: int | None) -> None:
    """So many events are held, or what is held has not grown for `STEADY_SECONDS`."""
    last, since = 0.0, time.monotonic()

    async def full() -> bool:
        nonlocal last, since
        held = (await process.account())["backlog"]["events"]
        if fills_at:
            return bool(held >= fills_at)
        if held != last:
            last, since = held, time.monotonic()
        return held > 0 and time.monotonic() - since > STEADY_SECONDS

    await until(full, 60)

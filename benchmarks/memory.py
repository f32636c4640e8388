"""What a full backlog costs, and that large events stop at the bound in bytes."""

from benchmarks.stage import Figure, memory_mib, stage
from consumer.emulator.options import EmulatorOptions
from tests.integration.scene import binary, data, until
from tests.kafka_broker.traffic import publish
from tests.process import ConsumerProcess

AIM_MIB = 120.0


async def measure() -> list[Figure]:
    """Zoho is locked, so everything waits."""
    small = await _full(events=12_000, size=2048 - 500, fills_at=10_000)
    large = await _full(events=400, size=45_000, fills_at=None)
    return [
        Figure(
            "memory: 10,000 events of 2 KiB waiting",
            f"{small:.0f} MiB",
            f"< {AIM_MIB:g} MiB",
            small < AIM_MIB,
        ),
        Figure("memory: events of 256 KiB, stopped at 64 MiB", f"{large:.0f} MiB", "-"),
    ]


async def _full(events: int, size: int, fills_at: int | None) -> float:
    text = "x" * size
    # A value near its bound of 256 KiB: unknown fields are ignored, but they are kept.
    extra = {} if fills_at else {"padding": ["y" * 1000] * 205}
    async with stage(EmulatorOptions()) as set_up:
        set_up.zoho.lock(3600.0)
        records = (binary(data(i, description=text) | extra, str(i)) for i in range(events))
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
            await process.terminate()
    return most


async def _wait_until_full(process: ConsumerProcess, fills_at: int | None) -> None:
    last = -1.0

    async def full() -> bool:
        nonlocal last
        held = (await process.account())["backlog"]["events"]
        steady = held > 0 and held == last
        last = held
        return bool(held >= fills_at) if fills_at else steady

    await until(full, 60)

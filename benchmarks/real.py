"""A saturated run with a kill −9 and a clean restart in it, two replicas: what is used, what each costs.

At the real 30 calls in 60 s for ten minutes (`make bench-real`), and scaled to 30 in 3 s (`make bench`).
"""

import asyncio
import signal
import statistics
import time
from dataclasses import dataclass

from benchmarks.stage import Figure, stage
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.chaos.group_log import GroupLog, read_group_log
from tests.integration.scene import changes, finished, reaches
from tests.kafka_broker.traffic import publish
from tests.process import ConsumerProcess

REQUESTS, CONCURRENCY, SESSIONS = 30, 8, 100
_POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Scale:
    """Times in seconds. A third of the `windows` passes before the kill, another before the restart.

    `answer`: what Zoho takes for one, in scale, because a slot is held for that long beside the window.
    """

    name: str
    window: float
    answer: float
    lock: float
    abort_margin: float
    clock_margin: float
    call_timeout: float
    shutdown: float
    session_timeout: float
    windows: int

    @property
    def seconds(self) -> float:
        """The run's length, from the first call."""
        return self.windows * self.window


SCALED = Scale("crash", 3.0, 0.01, 15.0, 0.5, 0.05, 2.0, 10.0, 2.0, windows=20)
REAL = Scale("real", 60.0, 0.2, 300.0, 10.0, 1.0, 15.0, 25.0, 10.0, windows=10)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """When the owner was told to end, and when the next one began; epoch seconds."""

    at: float
    owned_again_at: float

    @property
    def ownerless_seconds(self) -> float:
        """The time without an owner."""
        return self.owned_again_at - self.at


async def measure_scaled() -> list[Figure]:
    """One minute."""
    return await _measure(SCALED)


async def measure() -> list[Figure]:
    """Ten minutes, at the real quota."""
    return await _measure(REAL)


async def _measure(scale: Scale) -> list[Figure]:
    limits = Limits(REQUESTS, scale.window, scale.lock)
    async with stage(EmulatorOptions(limits=limits, answer_seconds=scale.answer)) as set_up:
        bootstrap, topics, zoho = set_up.kafka.bootstrap, set_up.topics, set_up.zoho
        events = changes(REQUESTS * (scale.windows + 3), SESSIONS)
        await publish(bootstrap, topics.source, events)
        epoch = time.time() - zoho.now()
        owner, standby = (
            set_up.consumer(
                quota_window_seconds=scale.window,
                quota_lock_seconds=scale.lock,
                quota_abort_margin_seconds=scale.abort_margin,
                quota_clock_margin_seconds=scale.clock_margin,
                zoho_timeout_seconds=scale.call_timeout,
                shutdown_seconds=scale.shutdown,
                kafka_session_timeout_seconds=scale.session_timeout,
                concurrency=CONCURRENCY,
                log_level="warning",
            )
            for _ in range(2)
        )
        async with owner:
            await finished(owner, 1)
            first = zoho.audit().arrivals[0]
            async with standby:
                killed_at = await _end_in_a_burst(
                    owner, signal.SIGKILL, zoho, first + scale.seconds / 3, scale
                )
                await owner.wait()
                await reaches(standby, "running", scale.session_timeout + 30)
                owner.start()
                await owner.wait_until_ready(scale.session_timeout + 60)
                stopped_at = await _end_in_a_burst(
                    standby, signal.SIGTERM, zoho, first + scale.seconds * 2 / 3, scale
                )
                await standby.wait(scale.shutdown + 10)
                standby.start()
                await standby.wait_until_ready(scale.session_timeout + 60)
                await asyncio.sleep(first + scale.seconds - zoho.now())
                audit = zoho.audit()
                log = await read_group_log(bootstrap, topics.group)
    arrivals = [at + epoch for at in audit.arrivals if at < first + scale.seconds]
    crash = Disturbance(killed_at + epoch, _next_owner(log, topics.source, killed_at + epoch))
    hand_over = Disturbance(stopped_at + epoch, _next_owner(log, topics.source, stopped_at + epoch))
    kept = audit.most_in_window <= REQUESTS and audit.locks == 0
    return [
        *_shares(scale, arrivals, crash, hand_over),
        Figure(
            f"{scale.name}: most calls in a window, locks",
            f"{audit.most_in_window}, {audit.locks}",
            f"{REQUESTS}, 0",
            kept,
        ),
    ]


async def _end_in_a_burst(
    process: ConsumerProcess, number: signal.Signals, zoho: Emulator, not_before: float, scale: Scale
) -> float:
    """Signal it while calls are in flight, at the next burst; when that was, on Zoho's clock."""
    await asyncio.sleep(not_before - zoho.now())
    calls, give_up_at = zoho.audit().calls, time.monotonic() + 2 * scale.window + scale.lock
    while zoho.audit().calls < calls + CONCURRENCY:
        assert time.monotonic() < give_up_at, "the run is not saturated"
        await asyncio.sleep(_POLL_SECONDS)
    process.signal(number)
    return zoho.now()


def _next_owner(log: GroupLog, topic: str, at: float) -> float:
    """When the first owner after that moment began."""
    return min(tenure.begins_at for tenure in log.tenures if tenure.begins_at > at and topic in tenure.owners)


def _shares(scale: Scale, arrivals: list[float], crash: Disturbance, hand_over: Disturbance) -> list[Figure]:
    """A slot's next call can come one window after its last: what is later than that is lost.

    The mean over the slots is the time of full quota that a disturbance cost.
    """
    turns = [(at, again) for at, again in zip(arrivals, arrivals[REQUESTS:], strict=False)]
    costs = []
    for disturbance in (crash, hand_over):
        over = [again - at - scale.window for at, again in turns if at < disturbance.owned_again_at < again]
        costs.append(statistics.mean(over) if over else 0.0)
    calm = [
        again - at
        for at, again in turns
        if not any(at < each.owned_again_at and each.at < again for each in (crash, hand_over))
    ]
    share = scale.window / statistics.mean(calm)
    owned = scale.seconds - crash.ownerless_seconds - hand_over.ownerless_seconds
    allowed = crash.ownerless_seconds + scale.call_timeout + scale.window * CONCURRENCY / REQUESTS
    return [
        Figure(f"{scale.name}: share used while nothing happens", f"{share:.1%}", ">= 99 %", share >= 0.99),
        Figure(
            f"{scale.name}: share of the whole run while owned",
            f"{len(arrivals) / (REQUESTS * owned / scale.window):.1%}",
            "-",
        ),
        Figure(
            f"{scale.name}: cost of a kill -9 ({crash.ownerless_seconds:.1f} s without owner)",
            f"{costs[0]:.1f} s",
            f"<= {allowed:.1f} s",
            costs[0] <= allowed,
        ),
        Figure(
            f"{scale.name}: cost of a clean restart ({hand_over.ownerless_seconds:.1f} s)",
            f"{costs[1]:.1f} s",
            f"<= {hand_over.ownerless_seconds + 0.5:.1f} s",
            costs[1] <= hand_over.ownerless_seconds + 0.5,
        ),
    ]

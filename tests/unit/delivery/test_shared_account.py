"""Others call with the same account: hours of it on simulated time, against a Zoho that locks."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from tests.fakes.simulated_time import clock, simulate
from tests.fakes.stage import Stage, change_record, on_stage, rules, session
from tests.fakes.zoho import Threshold


@dataclass
class Portal:
    """A Zoho that counts everybody's calls; the day's count may take in calls to other APIs as well."""

    threshold: Threshold
    left: int = 25_000

    async def others_call(self, calls_a_minute: int, seconds: float, *, counted: bool) -> None:
        """Evenly, for so long. `counted`: in the window of our API, too."""
        ends_at = clock() + seconds
        while clock() < ends_at:
            self.left -= 1
            if counted and clock() > self.threshold.locked_until:
                self.threshold(OTHERS, clock())
            await asyncio.sleep(60.0 / calls_a_minute)

    def on(self, stage: Stage) -> None:
        """Show the day's count in the answers."""

        def left_today() -> int:
            self.left -= 1
            return self.left

        stage.zoho.left_today = left_today


OTHERS = session(9_999)


def share(stage: Stage) -> float:
    """Ours, now."""
    return stage.account.share.of(stage.account.rules.quota, clock())


@pytest.mark.parametrize("others", [5, 10])
def test_beside_others_locks_are_rare_and_most_of_what_they_leave_is_used(others: int) -> None:
    """Three saturated hours beside a steady integration, then an hour alone at the full quota."""
    portal = Portal(Threshold())

    async def scene() -> tuple[int, int, float, int]:
        async with on_stage(portal.threshold) as stage:
            portal.on(stage)
            stage.worker.receive([change_record(n, n) for n in range(9_000)])
            await portal.others_call(others, 3 * 3600, counted=True)
            applied = len(stage.zoho.names)
            locks = portal.threshold.locks
            await asyncio.sleep(900)
            alone_from = len(stage.zoho.names)
            full = share(stage)
            await asyncio.sleep(600)
            return locks, applied, full, len(stage.zoho.names) - alone_from

    locks, applied, full, alone = simulate(scene())
    assert locks <= 3
    assert applied >= 0.7 * (30 - 1.5 * others) * 180
    assert full == 1.0
    assert alone >= 290


def test_calls_to_other_apis_cost_half_of_the_quota_at_most() -> None:
    """A hundred a minute that count for the day alone: no lock ever comes, and we are not starved."""
    portal = Portal(Threshold())

    async def scene() -> int:
        async with on_stage(portal.threshold) as stage:
            portal.on(stage)
            stage.worker.receive([change_record(n, n) for n in range(2_000)])
            await portal.others_call(100, 3600, counted=False)
            return len(stage.zoho.names)

    assert 15 * 58 <= simulate(scene())
    assert 0 == portal.threshold.locks


def test_what_is_to_be_left_of_the_day_is_left() -> None:
    """Ten calls are others': probes find out whether a new day has begun, and cost ever fewer of them."""
    portal = Portal(Threshold(), left=40)
    reserving = rules()
    reserving = replace(reserving, gate=replace(reserving.gate, daily_reserve=10))

    async def scene() -> int:
        async with on_stage(portal.threshold, with_rules=reserving) as stage:
            portal.on(stage)
            stage.worker.receive([change_record(n, n) for n in range(200)])
            await asyncio.sleep(3600)
            return portal.left

    assert 3 <= simulate(scene()) <= 10


def test_a_lock_without_a_count_of_the_day_halves_the_share() -> None:
    """Zoho need not tell: a lock that our own log doesn't explain is enough, and it passes."""
    portal = Portal(Threshold())

    async def scene() -> tuple[float, float]:
        async with on_stage(portal.threshold) as stage:
            stage.worker.receive([change_record(n, n) for n in range(600)])
            await asyncio.sleep(30)
            portal.threshold.lock(clock())
            await asyncio.sleep(60)
            halved = share(stage)
            await asyncio.sleep(600)
            return halved, share(stage)

    halved, later = simulate(scene())
    assert (True, 1.0) == (0.5 <= halved <= 0.6, later)

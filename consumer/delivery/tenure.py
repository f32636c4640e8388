"""One account, owned for as long as the group's generation lasts: its worker, its settler, its tasks."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from consumer.clock import Clock
from consumer.delivery.account import Account
from consumer.delivery.commits import Entry, with_state
from consumer.delivery.dead_letter import Letterhead
from consumer.delivery.ports import DeadLetterPort
from consumer.delivery.settler import Settler
from consumer.delivery.worker import Worker
from consumer.records import TopicPartition

log = structlog.get_logger(__name__)


class Tenure:
    """From an assignment to its end. Made by `Accounts`; nothing of it is used again afterwards."""

    def __init__(
        self,
        account: Account,
        positions: Mapping[TopicPartition, int],
        *,
        port: DeadLetterPort,
        letterhead: Letterhead,
        owns: Callable[[], bool],
        on_progress: Callable[[], None],
        clock: Clock,
        wall_clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self.account = account
        done = {
            partition: finished
            for partition, (committed, finished) in account.done_beyond.items()
            if positions.get(partition) == committed
        }
        self.settler = Settler(
            positions=positions,
            already_done=done,
            port=port,
            letterhead=letterhead,
            telemetry=account.telemetry,
            troubles=account.troubles,
            on_progress=on_progress,
        )
        self.worker = Worker(
            account,
            self.settler,
            owns=owns,
            on_progress=on_progress,
            clock=clock,
            wall_clock=wall_clock,
            chance=chance,
        )
        self._worker_task: asyncio.Task[None] | None = None
        self._settler_task: asyncio.Task[None] | None = None

    def entries(self) -> dict[TopicPartition, Entry]:
        """What a commit has to say now: the positions, and beside the lowest one the quota's state."""
        return with_state(
            {partition: offsets.position for partition, offsets in self.settler.offsets.items()},
            self.account.state_text(),
        )

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start serving. A task that breaks takes `tasks`, and so the process, with it."""
        name = self.account.rules.name
        self._worker_task = tasks.create_task(self.worker.run(), name=f"worker {name}")
        self._settler_task = tasks.create_task(self.settler.run(), name=f"settler {name}")

    async def drain(self, seconds: float) -> bool:
        """Start no call; let those in flight end, dead letters be written. True if all was done in time."""
        self.worker.stop()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        assert self._worker_task is not None  # noqa: S101  (begun before it is drained)
        done, _ = await asyncio.wait([self._worker_task], timeout=seconds)
        broken = self._settler_task is None or self._settler_task.done()
        written = not broken and await self.settler.all_written(max(0.0, deadline - loop.time()))
        self.account.quota = self.account.quota.without_reservations()
        return bool(done) and written

    async def end(self, committed: Mapping[TopicPartition, int]) -> None:
        """Nothing is settled any more. What was finished beyond `committed` is remembered."""
        for task in (self._worker_task, self._settler_task):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        for partition, offsets in self.settler.offsets.items():
            position = committed.get(partition, offsets.position)
            beyond = offsets.finished_beyond | frozenset(range(position, offsets.position))
            self.account.done_beyond[partition] = (position, beyond)

"""Commits the positions as they move: one commit in flight, each under the ownership it began with."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from consumer.delivery.pauses import Pauses
from consumer.kafka.ownership import CommitError, FencedError
from consumer.records import TopicPartition

# An answer that takes longer is a trouble to show; the commit goes on until the client gives it up.
PATIENCE_SECONDS = 5.0
REPEAT_PAUSES = Pauses(0.1, 2.0)

log = structlog.get_logger(__name__)


class Committer(Protocol):
    """What commits for one ownership."""

    def is_current(self) -> bool:
        """Whether the ownership still lasts, as far as the client knows."""
        ...

    async def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """One commit. Raises FencedError or CommitError."""
        ...


class Journal:
    """Keeps the group's committed positions at what is finished (law 1).

    `report` is told the trouble of a failing commit, and None when it is over.
    """

    def __init__(self, report: Callable[[str | None], None]) -> None:
        self._positions: Callable[[], Mapping[TopicPartition, int]] = dict
        self._report = report
        self._owner: Committer | None = None
        self._moved = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.committed: dict[TopicPartition, int] = {}

    def keep(self, positions: Callable[[], Mapping[TopicPartition, int]]) -> None:
        """Keep these positions: what may be committed, asked for at each commit."""
        self._positions = positions

    def begin(self, owner: Committer, committed: Mapping[TopicPartition, int]) -> None:
        """Ownership began, with these positions committed."""
        self._owner = owner
        self.committed = dict(committed)
        self._report(None)

    def end(self) -> None:
        """Ownership ended: commit nothing more."""
        self._owner = None

    def positions_moved(self) -> None:
        """There is something to commit, perhaps."""
        self._moved.set()

    async def run(self) -> None:
        """Commit whenever positions have moved. Never returns."""
        failures = 0
        while True:
            await self._moved.wait()
            self._moved.clear()
            owner = self._owner
            if owner is None:
                continue
            try:
                await self.commit(owner)
            except FencedError as exc:
                log.info("commit fenced", error=str(exc))
                if owner.is_current():  # the group rebalances: this may pass without a new owner
                    await self._again_later(failures)
            except CommitError as exc:
                self._report(str(exc))
                await self._again_later(failures)
                failures += 1
            else:
                failures = 0
                self._report(None)

    async def commit(self, owner: Committer) -> None:
        """Commit what has moved since the last commit. Raises FencedError or CommitError."""
        async with self._one_at_a_time:
            moved = {
                partition: position
                for partition, position in self._positions().items()
                if self.committed.get(partition) != position
            }
            if not moved:
                return
            commit = asyncio.ensure_future(owner.commit(moved))
            done, _ = await asyncio.wait([commit], timeout=PATIENCE_SECONDS)
            if not done:
                self._report(f"no answer to an offset commit in {PATIENCE_SECONDS:g} s")
            await commit
            self.committed.update(moved)

    async def _again_later(self, failures: int) -> None:
        await asyncio.sleep(REPEAT_PAUSES.nth(failures))
        self._moved.set()

"""Commits the positions as they move: one commit in flight, each under the ownership it began with."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from consumer.delivery.commits import Draft, Entry
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

    async def commit(self, entries: Mapping[TopicPartition, Entry]) -> Mapping[TopicPartition, CommitError]:
        """One commit: what was refused, and why. Raises FencedError or CommitError."""
        ...


class Source(Protocol):
    """Where the commits come from: the accounts."""

    def draft(self) -> Draft:
        """What may be committed now, and what has to be."""
        ...

    def recorded(self, draft: Draft, refused: Mapping[TopicPartition, str]) -> None:
        """The commit was answered."""
        ...


class Journal:
    """Keeps the group's commits at what is finished (law 1), and at what is about to be called (law 2).

    `report` is told the trouble of a commit that failed as a whole, and None when an ownership begins.
    """

    def __init__(self, report: Callable[[str | None], None]) -> None:
        self._report = report
        self._source: Source | None = None
        self._owner: Committer | None = None
        self._moved = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.committed: dict[TopicPartition, Entry] = {}

    def keep(self, source: Source) -> None:
        """Keep this source's commits."""
        self._source = source

    def begin(self, owner: Committer, committed: Mapping[TopicPartition, Entry]) -> None:
        """Ownership began, with these entries committed."""
        self._owner = owner
        self.committed = dict(committed)
        self._report(None)

    def end(self) -> None:
        """Ownership ended: commit nothing more."""
        self._owner = None

    def moved(self) -> None:
        """There is something to commit, perhaps."""
        self._moved.set()

    def positions(self) -> dict[TopicPartition, int]:
        """The positions that are committed."""
        return {partition: entry.position for partition, entry in self.committed.items()}

    async def run(self) -> None:
        """Commit whenever something has moved. Never returns."""
        failures = refusals = 0
        while True:
            await self._moved.wait()
            self._moved.clear()
            owner = self._owner
            if owner is None:
                continue
            try:
                complete = await self.commit(owner)
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
                refusals = 0 if complete else refusals + 1
                if not complete:
                    # Of one account, perhaps: the others don't wait for it.
                    asyncio.get_running_loop().call_later(REPEAT_PAUSES.nth(refusals), self._moved.set)

    async def commit(self, owner: Committer) -> bool:
        """Commit what has moved since the last commit: False where some of it was refused.

        Raises FencedError or CommitError.
        """
        async with self._one_at_a_time:
            if self._source is None:
                return True
            draft = self._source.draft()
            moved = {
                partition: entry
                for partition, entry in draft.entries.items()
                if self.committed.get(partition) != entry
            }
            refused: Mapping[TopicPartition, CommitError] = {}
            if moved:
                commit = asyncio.ensure_future(owner.commit(moved))
                done, _ = await asyncio.wait([commit], timeout=PATIENCE_SECONDS)
                if not done:
                    self._report(f"no answer to an offset commit in {PATIENCE_SECONDS:g} s")
                refused = await commit
                self.committed.update({p: entry for p, entry in moved.items() if p not in refused})
            self._source.recorded(draft, {p: str(reason) for p, reason in refused.items()})
            return not refused

    async def _again_later(self, failures: int) -> None:
        await asyncio.sleep(REPEAT_PAUSES.nth(failures))
        self._moved.set()

"""One account, owned for as long as the group's generation lasts: its worker, its settler, its tasks."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from consumer.clock import Clock
from consumer.delivery.account import Account
from consumer.delivery.commits import Entry, keeper, with_state
from consumer.delivery.dead_letter import Letterhead
from consumer.delivery.outcome import tombstone, written_again
from consumer.delivery.settler import Settler
from consumer.delivery.worker import Worker
from consumer.events.model import SessionKey
from consumer.records import TopicPartition

HISTORY_SECONDS = 30.0
# Sessions that were not heard of for the ledger's days get their tombstones a few at a time.
FORGET_SECONDS = 60.0
FORGET_AT_ONCE = 100

log = structlog.get_logger(__name__)


class Tenure:
    """From an assignment to its end. Made by `Accounts`; nothing of it is used again afterwards."""

    def __init__(
        self,
        account: Account,
        positions: Mapping[TopicPartition, int],
        *,
        ends: Mapping[TopicPartition, int],
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
            letters=account.letters,
            outcomes=account.outcomes,
            ledger=account.ledger,
            replay_topic=account.rules.replay_topic,
            letterhead=letterhead,
            telemetry=account.telemetry,
            tell_done=account.tell_done,
            troubles=account.troubles,
            owns=owns,
            wall_clock=wall_clock,
            on_progress=on_progress,
        )
        self.worker = Worker(
            account,
            self.settler,
            ends=ends,
            owns=owns,
            on_progress=on_progress,
            clock=clock,
            wall_clock=wall_clock,
            chance=chance,
        )
        self.opened = False
        self._on_progress = on_progress
        self._owns = owns
        self._wall_clock = wall_clock
        self._tasks: list[asyncio.Task[None]] = []
        self._burying: set[SessionKey] = set()

    def entries(self) -> dict[TopicPartition, Entry]:
        """What a commit has to say now: the positions, and beside the source's lowest the quota's state."""
        positions = {partition: offsets.position for partition, offsets in self.settler.offsets.items()}
        keep_at = keeper(positions, self.account.rules.source_topic)
        return with_state(positions, self.account.state_text(), keep_at)

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start serving. A task that breaks takes `tasks`, and so the process, with it."""
        name = self.account.rules.name
        parts = {"worker": self.worker.run(), "settler": self.settler.run(), "ledger": self._keep_ledger()}
        self._tasks = [tasks.create_task(part, name=f"{what} {name}") for what, part in parts.items()]

    async def _keep_ledger(self) -> None:
        """Open for records once the ledger knows what was applied to every session; then keep it small.

        Never returns.
        """
        account = self.account
        while not await account.history.at_end(HISTORY_SECONDS):
            log.warning("outcomes are not read to their end yet", account=account.rules.name)
        account.history.rest()
        if account.position_known:
            positions = {partition: offsets.position for partition, offsets in self.settler.offsets.items()}
            self.settler.settled_before(
                account.history.settled_from(positions), account.history.ended_replays.has
            )
        for session, applied in account.ledger.packed.to_rewrite():
            self.settler.write_again(written_again(session, applied))
        self.opened = True
        if account.position_known and not account.quota.pending:
            # Who looks on reads from the commit how the account stands: with this owner, not with the last.
            # A position that somebody set keeps its mark until there is something to record. What a crash
            # left is counted by each owner that reads it, so it is not handed on before a call needs it.
            self._on_progress()
        while True:
            since = self._wall_clock() - account.rules.ledger_seconds
            for session in account.ledger.packed.untouched_since(since, FORGET_AT_ONCE):
                if session not in self._burying:
                    self._burying.add(session)
                    self.settler.bury(tombstone(session), partial(self._buried, session, since))
            await asyncio.sleep(FORGET_SECONDS)

    def _buried(self, session: SessionKey, since: float) -> None:
        self._burying.discard(session)
        self.account.ledger.packed.forget(str(session), since)

    async def drain(self, seconds: float) -> bool:
        """Start no call; let those in flight end, all outcomes be written. True if all was done in time."""
        self.worker.stop()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        worker, settler, _ = self._tasks  # begun before it is drained
        done, _ = await asyncio.wait([worker], timeout=seconds)
        # While ownership is in doubt nothing is written, so there is nothing to wait for.
        writes = not settler.done() and self._owns()
        written = writes and await self.settler.all_written(max(0.0, deadline - loop.time()))
        self.account.quota = self.account.quota.without_reservations()
        return bool(done) and written

    async def end(self, committed: Mapping[TopicPartition, int]) -> None:
        """Nothing is settled any more. What was finished beyond `committed` is remembered."""
        # What is not sent yet may never be: it would be written under another's ownership.
        self.account.outcomes.discard()
        for task in self._tasks:
            task.cancel()
            await asyncio.wait([task])
        self.account.history.follow()
        for partition, offsets in self.settler.offsets.items():
            position = committed.get(partition, offsets.position)
            beyond = offsets.finished_beyond | frozenset(range(position, offsets.position))
            self.account.done_beyond[partition] = (position, beyond)

"""The parts that serve an account, with one change in their hands and no record; see `sending`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from consumer.delivery.account import Account
from consumer.delivery.accounts import Accounts, PositionLost
from consumer.delivery.change import change_of
from consumer.delivery.dead_letter import Letterhead
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.ports import NotWritten, ZohoPort
from consumer.delivery.replay import origin_of
from consumer.delivery.settled import EndedReplays
from consumer.delivery.tenure import Tenure
from consumer.delivery.verdicts import CallReport, Withheld
from consumer.events.model import Event, SessionKey
from consumer.records import Record, TopicPartition


class OneCall(ZohoPort):
    """Zoho, for one call: `on_report` ends all others before they begin.

    `begun`: its first byte was about to go out. Without a `report` nobody knows what became of it then.
    """

    def __init__(self, zoho: ZohoPort) -> None:
        self._zoho = zoho
        self.begun = False
        self.report: CallReport | None = None
        self.on_report: Callable[[], None] = lambda: None

    @property
    def mint_budget(self) -> MintBudget:
        """See `ZohoPort`."""
        return self._zoho.mint_budget

    def resume_mints(self, budget: MintBudget) -> None:
        """See `ZohoPort`."""
        self._zoho.resume_mints(budget)

    async def update_session(
        self, session: SessionKey, session_data: Mapping[str, str], may_start: Callable[[], bool]
    ) -> CallReport:
        """See `ZohoPort`. Where it was not to start, nothing has happened: it may be tried again."""

        def begins() -> bool:
            self.begun = may_start()
            return self.begun

        report = await self._zoho.update_session(session, session_data, begins)
        if not isinstance(report.verdict, Withheld):
            self.report = report
            self.on_report()
        return report


class OwnCall(Accounts):
    """The account, with one change in its backlog and no record in its hands."""

    event: Event
    record: Record
    port: OneCall
    ended = False
    lost: PositionLost | None = None

    def have(self, event: Event, record: Record, port: OneCall) -> None:
        """What is to be sent, and by which port."""
        self.event, self.record, self.port = event, record, port

    def give_up(self) -> None:
        """Wait for no answer any more; what was begun holds its slot, as every call that is cut off."""
        for tenure in self._tenures.values():
            if isinstance(tenure, _CallTenure):
                tenure.give_up()

    def begin(
        self,
        starts: Mapping[TopicPartition, int | PositionLost],
        ends: Mapping[TopicPartition, int],
        generation: int,
        owns: Callable[[], bool],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """See `Accounts`."""
        self.lost = next((start for start in starts.values() if isinstance(start, PositionLost)), None)
        super().begin(starts, ends, generation, owns, tasks)

    def _begin_one(
        self,
        account: Account,
        positions: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],  # noqa: ARG002  (nothing is read, so nothing is waited for)
        owns: Callable[[], bool],
        tasks: asyncio.TaskGroup,
    ) -> None:
        name = account.rules.name
        tenure = _CallTenure(
            account,
            positions,
            ends={},
            letterhead=Letterhead(name, self._group, self._version),
            owns=owns,
            on_progress=self._on_progress,
            clock=self._clock,
            wall_clock=self._wall_clock,
            chance=self._chance,
        )
        self._tenures[name] = tenure
        tenure.serve_one(self, tasks)


class _CallTenure(Tenure):
    """A tenure whose worker makes one call; nothing is opened for reading, and nothing settled."""

    def serve_one(self, call: OwnCall, tasks: asyncio.TaskGroup) -> None:
        """Start the worker on its one change."""
        self._call = call
        call.port.on_report = self.worker.stop
        self._tasks = [tasks.create_task(self._serve(), name="one call")]
        if call.port.report is None:
            self.account.backlog.add(change_of(call.event, call.record, origin_of(call.record, None), 0))

    def give_up(self) -> None:
        """See `OwnCall`."""
        for task in self._tasks:
            task.cancel()

    async def _serve(self) -> None:
        await self.worker.run()
        self._call.ended = self._call.port.report is not None

    async def drain(self, seconds: float) -> bool:
        """See `Tenure`."""
        self.worker.stop()
        done, _ = await asyncio.wait(self._tasks, timeout=seconds)
        self.account.quota = self.account.quota.without_reservations()
        return bool(done)

    async def end(self, committed: Mapping[TopicPartition, int]) -> None:  # noqa: ARG002
        """See `Tenure`."""
        for task in self._tasks:
            task.cancel()
            await asyncio.wait([task])


class Nowhere:
    """The topics that a call by hand leaves alone."""

    ended_replays = EndedReplays()

    async def write(self, records: Sequence[object]) -> Sequence[NotWritten | None]:
        """Never called: the settler does not run."""
        return [NotWritten("nothing is written by a check")] * len(records)

    def discard(self) -> None:
        """There is nothing."""

    async def at_end(self, deadline_seconds: float) -> bool:  # noqa: ARG002
        """Nobody asks."""
        return True

    def settled_from(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, dict[int, int]]:  # noqa: ARG002
        """Nobody asks."""
        return {}

    def rest(self) -> None:
        """Nothing is followed."""

    def follow(self) -> None:
        """Nothing is followed."""

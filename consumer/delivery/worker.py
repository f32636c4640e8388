"""The loop that serves one account while this process owns it: read, call, settle."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import assert_never

import structlog

from consumer.clock import Clock
from consumer.delivery.account import Account
from consumer.delivery.backlog import Backlog
from consumer.delivery.change import Change, change_of
from consumer.delivery.dead_letter import Failure
from consumer.delivery.decision import Again, CallEnd, Finish, GiveUp, decide
from consumer.delivery.done import CallMade, Work
from consumer.delivery.gate import AccountState
from consumer.delivery.line import Group, Settled
from consumer.delivery.reaction import learn, react
from consumer.delivery.replay import origin_of
from consumer.delivery.room import live_room, replay_room
from consumer.delivery.session_ledger import About, about_refused, about_version
from consumer.delivery.settler import Settler
from consumer.delivery.starts import Starts
from consumer.delivery.verdicts import Applied, CallReport, Locked, MaximumLimit, NoAnswer
from consumer.events.model import Event, OtherType, Refusal
from consumer.events.reading import read_record, reread
from consumer.records import Record, TopicPartition
from schemas.error_class import ErrorClass

OWNERSHIP_POLL_SECONDS = 0.25
# Refusals that say nothing of the event: all that wait with it in its group have the same answer.
OF_THE_SESSION = (ErrorClass.SESSION_NOT_FOUND, ErrorClass.FORBIDDEN_BY_ZOHO)

log = structlog.get_logger(__name__)


class Worker:
    """Serves an account for one tenure. `owns` says whether the tenure still lasts (law 3).

    `ends`: no call is made before each partition has been read that far, or there is no more room.
    `on_progress` is called where the quota has changed, which a commit has to record.
    `wall_clock` is the real one, for comparing with publishers' clocks. `chance` gives numbers in
    [0, 1) for jitter.
    """

    def __init__(
        self,
        account: Account,
        settler: Settler,
        *,
        ends: Mapping[TopicPartition, int],
        owns: Callable[[], bool],
        on_progress: Callable[[], None],
        clock: Clock,
        wall_clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._account = account
        self._settler = settler
        self._unread = {
            partition: end for partition, end in ends.items() if settler.offsets[partition].next_offset < end
        }
        self._owns = owns
        self._on_progress = on_progress
        self._clock = clock
        self._wall_clock = wall_clock
        self._chance = chance
        self._backlog = account.backlog = Backlog(
            account.blocked, account.ledger, account.rules.order, account.rules.replay_share
        )
        self._starts = Starts(account, self._backlog, on_progress)
        self._sequence = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._wake = asyncio.Event()
        account.on_wake = self._wake.set

    # Records in.

    def room(self, topic: str, at_most_bytes: int) -> int:
        """How many more records of the topic may be read now; `at_most_bytes`: what others leave free."""
        rules, settler = self._account.rules, self._settler
        if topic == rules.replay_topic:
            return replay_room(rules, settler.held_replays)
        return live_room(rules, settler.held_live, settler.held_replays, at_most_bytes)

    def receive(self, records: Sequence[Record]) -> None:
        """Take in records of one partition, in their order."""
        wall = self._wall_clock()
        for record in records:
            if self._settler.receive(record):
                self._take_in(record, wall)
        if records and self._unread:
            self.have_read(records[-1].topic_partition)
        self._wake.set()

    def have_read(self, partition: TopicPartition) -> None:
        """Reading got on in this partition."""
        end = self._unread.get(partition)
        if end is not None and self._settler.offsets[partition].next_offset >= end:
            del self._unread[partition]
            self._wake.set()

    def no_room(self, topic: str) -> None:
        """Nothing more of the topic can be read for now: what is held has to be worked off first."""
        full = [partition for partition in self._unread if partition.topic == topic]
        for partition in full:
            del self._unread[partition]
        if full:
            self._wake.set()

    def _take_in(self, record: Record, wall: float) -> None:
        replay = self._settler.replay_of(record)
        origin = origin_of(record, replay)
        reading = read_record(record, self._account.rules.events, wall)
        match reading:
            case Event() if self._settler.is_settled(record, reading.source, reading.id):
                pass
            case Event():
                change = change_of(
                    reading,
                    record,
                    origin,
                    self._sequence,
                    is_replay=replay is not None,
                    received_at=wall,
                )
                self._sequence += 1
                self._finish(self._backlog.add(change))
            case Refusal():
                about = about_refused(reading.identity, origin)
                if about and self._settler.is_settled(record, about.event.source, about.event.id):
                    return
                work = Work(reading.identity, wall)
                self._settler.give_up(record, Failure.of_refusal(reading, wall), about, work)
            case OtherType():
                self._settler.skip(record)
            case _:
                assert_never(reading)

    # Calls out.

    async def run(self) -> None:
        """Start calls as they become possible, until `stop`. Raises if a call's task breaks."""
        async with asyncio.TaskGroup() as calls:
            while not self._stopping:
                wake_at = self._start_calls(calls)
                await self._sleep_until(wake_at)

    def stop(self) -> None:
        """Start no more calls; `run` returns once those in flight have ended."""
        self._stopping = True
        self._wake.set()

    async def _sleep_until(self, wake_at: float | None) -> None:
        loop = asyncio.get_running_loop()
        handle = None
        if wake_at is not None:
            handle = loop.call_later(max(0.0, wake_at - self._clock()), self._wake.set)
        await self._wake.wait()
        self._wake.clear()
        if handle is not None:
            handle.cancel()

    def _start_calls(self, calls: asyncio.TaskGroup) -> float | None:
        """Start every call that may start now; when to look again, or None: when something happens."""
        while not self._stopping and not self._account.troubles and not self._unread:
            if not self._owns():  # nobody tells when the client finds its coordinator again
                return self._clock() + OWNERSHIP_POLL_SECONDS
            now = self._clock()
            self._starts.reserve(now)
            start_at = self._starts.next_at(now, len(self._calls))
            if start_at is None:
                return None
            if start_at > now:
                # Woken before it, to reserve; where that time has come, for the call.
                early = start_at - self._account.rules.quota.lead_seconds
                return early if early > now else start_at
            gate = self._account.gate
            probe = gate.permission(now) == "probe"
            if probe:
                group = self._backlog.take_probe(now, newest=gate.probes_newest())
            else:
                group = self._backlog.take(now)
            if group is None:
                return self._backlog.next_ready_at()
            self._start_call(calls, group, now, probe=probe)
        return None

    def _start_call(self, calls: asyncio.TaskGroup, group: Group, now: float, *, probe: bool) -> None:
        account = self._account
        slot = self._starts.take(now)
        account.calls += 1
        if probe:
            account.gate = account.gate.probe_started()
        task = calls.create_task(self._call(group, slot, now, probe=probe), name=f"call {group.session}")
        self._calls.add(task)
        task.add_done_callback(self._call_ended)

    def _call_ended(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._wake.set()

    def _may_start(self, slot: int) -> bool:
        """The last check, once the connection is up: law 3, and a stop that came meanwhile."""
        account = self._account
        young = account.quota.is_young(account.rules.quota, slot, self._clock())
        return young and self._owns() and not self._stopping and not account.troubles

    async def _call(self, group: Group, slot: int, started_at: float, *, probe: bool) -> None:
        account = self._account
        event = reread(group.sent.record, account.rules.events)
        try:
            report = await account.zoho.update_session(
                event.session, event.session_data, partial(self._may_start, slot)
            )
        except asyncio.CancelledError:
            self._aborted(group, slot, self._clock())
            if probe:
                account.gate = account.gate.probe_settled_nothing()
            raise
        now = self._clock()
        if not report.sent:
            account.quota = account.quota.give_back(slot)
            account.calls -= 1
        elif isinstance(report.verdict, NoAnswer):
            self._aborted(group, slot, now)
        else:
            account.quota = account.quota.answer(slot, now)
        self._on_progress()
        if report.sent:
            # An aborted call may be counted later.
            alone = len(self._calls) == 1 and max(account.quota.answered, default=0.0) <= now
            account.observe(report.left_today, now, alone=alone)
        self._settle(group, CallEnd(group.session, report, started_at, now), probe=probe)

    def _aborted(self, group: Group, slot: int, now: float) -> None:
        """The call may still arrive: until then it holds its slot and its session back."""
        limits = self._account.rules.quota
        self._account.quota = self._account.quota.abort(slot, limits, now)
        self._backlog.block(group.session, now + limits.abort_margin_seconds)

    # What the answer means.

    def _settle(self, group: Group, call: CallEnd, *, probe: bool) -> None:
        account = self._account
        change = group.sent
        before = change.attempts
        decision, change.attempts = decide(
            before, call, account.evidence, account.rules.retry, self._chance()
        )
        if call.report.sent:
            started_at, ended_at = account.wall(call.started_at), account.wall(call.ended_at)
            change.called(CallMade(started_at, ended_at, verdict_name(call.report), call.report.http_status))
        was = account.state
        account.gate = react(account.gate, before, call, decision, account.rules.gate, probe=probe)
        account.evidence = learn(account.evidence, call)
        if isinstance(call.report.verdict, Locked) and not probe and was is not AccountState.THROTTLED:
            account.lock_came(call.ended_at)
        self._tell(change, call, decision, newly_locked=probe or was is not AccountState.THROTTLED)
        match decision:
            case Finish():
                self._finish(self._backlog.applied(group))
            case GiveUp():
                whole = decision.error_class in OF_THE_SESSION
                self._finish(self._backlog.refused(group, whole_session=whole), decision)
            case Again():
                self._backlog.put_back(group, decision.not_before)
            case _:
                assert_never(decision)
        account.changed()

    def _finish(self, settled: Sequence[Settled], reason: GiveUp | None = None) -> None:
        """What became of these is known; `reason`: why those that are dead-lettered are."""
        for each in settled:
            change = each.change
            about = about_version(change.session, change.version)
            if each.outcome == "dead_lettered" and reason is not None:
                failure = Failure.of_call(reason, change.identity, change.attempts.calls, self._wall_clock())
                self._settler.give_up(change.record, failure, about, change.work)
                continue
            outcome = each.outcome
            if outcome == "duplicate" and self._is_the_applied_one(about):
                outcome = "applied"
            by = None if each.by is None else about_version(change.session, each.by.version)
            self._settler.conclude(change.record, about, outcome, change.work, by)

    def _is_the_applied_one(self, about: About) -> bool:
        """Read again, because its offset was not committed: no copy of the applied event, but itself."""
        applied = self._account.ledger.applied(about.session)
        return applied is not None and applied.origin == about.origin

    def _tell(
        self, change: Change, call: CallEnd, decision: Finish | GiveUp | Again, *, newly_locked: bool
    ) -> None:
        account = self._account
        verdict = call.report.verdict
        account.telemetry.call(verdict_name(call.report), call.ended_at - call.started_at)
        throttled = account.gate.state is AccountState.THROTTLED
        if newly_locked and throttled and isinstance(verdict, Locked | MaximumLimit):
            account.telemetry.locked()
        if isinstance(verdict, Applied) and verdict.echo_differences and account.rules.warn_on_echo:
            log.warning(
                "Zoho shows other values than were sent",
                account=account.rules.name,
                session=str(change.session),
                fields=[difference.field for difference in verdict.echo_differences],
            )
        # How late a replay is says nothing of how quick we are.
        if isinstance(decision, Finish) and not change.is_replay:
            account.telemetry.applied_after(max(0.0, self._wall_clock() - change.event_at))


def verdict_name(report: CallReport) -> str:
    """The verdict's name as a metric label: `no_answer` for NoAnswer."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(report.verdict).__name__).lower()

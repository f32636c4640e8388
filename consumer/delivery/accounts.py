"""All accounts of this process: who owns what now, and to whom a record belongs."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from consumer.clock import Clock
from consumer.delivery.account import Account
from consumer.delivery.backlog import Backlog
from consumer.delivery.commits import Draft, Entry, keeper, with_state
from consumer.delivery.dead_letter import Letterhead
from consumer.delivery.room import shared_rooms
from consumer.delivery.tenure import Tenure
from consumer.delivery.troubles import Trouble
from consumer.records import Record, TopicPartition

log = structlog.get_logger(__name__)


class PositionLost(str):
    """Why a partition can't be read from where the group stood, and what to do: in place of a position."""

    __slots__ = ()


class Accounts:
    """Serves the accounts whose topics are assigned to this process, from assignment to revocation.

    An account is a source topic with its replay topic; with the latter alone it is not owned.
    """

    def __init__(
        self,
        accounts: Collection[Account],
        *,
        group: str,
        version: str,
        clock: Clock,
        wall_clock: Clock,
        chance: Callable[[], float],
        on_progress: Callable[[], None],
    ) -> None:
        self.accounts = list(accounts)
        self._topics = {
            topic: account
            for account in accounts
            for topic in (account.rules.source_topic, account.rules.replay_topic)
        }
        self._backlog_bytes = max((account.rules.backlog_bytes for account in accounts), default=0)
        # Replay topics that were not there when looked for last.
        self._missing_replays: frozenset[str] = frozenset()
        self._group = group
        self._version = version
        self._clock = clock
        self._wall_clock = wall_clock
        self._chance = chance
        self._on_progress = on_progress
        self._tenures: dict[str, Tenure] = {}

    @property
    def topics(self) -> list[str]:
        """The topics to subscribe to."""
        return list(self._topics)

    def is_replay(self, topic: str) -> bool:
        """Whether it is an account's replay topic."""
        return topic == self._topics[topic].rules.replay_topic

    def resume(self, partitions: Collection[TopicPartition], stored: Mapping[TopicPartition, Entry]) -> None:
        """These partitions become ours: take over what their commits say of each account's quota."""
        for account in self.accounts:
            ours = self._own(account, partitions)
            if ours:
                kept = stored.get(keeper(ours, account.rules.source_topic))
                account.resume(
                    None if kept is None else kept.metadata,
                    committed=any(partition in stored for partition in ours),
                )

    def first_entries(
        self, positions: Mapping[TopicPartition, int], partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, Entry]:
        """The first commit of partitions that had none, of which `partitions` are all."""
        entries: dict[TopicPartition, Entry] = {}
        for account in self.accounts:
            ours = self._own(account, partitions)
            if ours:
                own = {partition: positions[partition] for partition in ours if partition in positions}
                keep_at = keeper(ours, account.rules.source_topic)
                entries |= with_state(own, account.state_text(), keep_at)
        return entries

    def _own(self, account: Account, partitions: Collection[TopicPartition]) -> list[TopicPartition]:
        """Those of them that are the account's; none without the source topic."""
        own = [partition for partition in partitions if self._topics[partition.topic] is account]
        return own if any(p.topic == account.rules.source_topic for p in own) else []

    def begin(
        self,
        starts: Mapping[TopicPartition, int | PositionLost],
        ends: Mapping[TopicPartition, int],
        generation: int,
        owns: Callable[[], bool],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """These partitions are ours, to be read from these positions, for as long as `owns` says.

        `ends`: what the partitions hold is read that far before the first call: else an older event that
        had been overtaken before a crash would be sent first.
        `generation` is the group's: where it is not the one after an account's last, another member
        may have owned it in between and sent again, in part, what is done here beyond the position.
        """
        for account in self.accounts:
            ours = {partition: starts[partition] for partition in self._own(account, starts)}
            account.owned = bool(ours)
            if ours:
                if generation != account.generation + 1:
                    account.done_beyond.clear()
                account.generation = generation
            account.troubles.ownership_ended()
            lost = [start for start in ours.values() if isinstance(start, PositionLost)]
            if lost:
                account.troubles.report(Trouble.POSITION, str(lost[0]))
                log.error("position lost", account=account.rules.name, reason=str(lost[0]))
            elif ours:
                positions = {p: s for p, s in ours.items() if not isinstance(s, PositionLost)}
                self._begin_one(account, positions, ends, owns, tasks)
            account.changed()

    def _begin_one(
        self,
        account: Account,
        positions: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        owns: Callable[[], bool],
        tasks: asyncio.TaskGroup,
    ) -> None:
        name = account.rules.name
        tenure = Tenure(
            account,
            positions,
            ends={partition: ends[partition] for partition in positions if partition in ends},
            letterhead=Letterhead(name, self._group, self._version),
            owns=owns,
            on_progress=self._on_progress,
            clock=self._clock,
            wall_clock=self._wall_clock,
            chance=self._chance,
        )
        self._tenures[name] = tenure
        tenure.begin(tasks)
        log.info("account owned", account=name, partitions=len(positions))

    def lose_position(self, partition: TopicPartition, reason: str) -> None:
        """The position vanished while reading: no more calls for this account until it is set."""
        account = self._topics[partition.topic]
        account.troubles.report(Trouble.POSITION, reason)

    def unreadable(self, reasons: Mapping[TopicPartition, str]) -> None:
        """The partitions that can't be read, each with its reason; all others can."""
        first: dict[str, str] = {}
        for partition, reason in reasons.items():
            first.setdefault(self._topics[partition.topic].rules.name, reason)
        for account in self.accounts:
            account.troubles.tell(Trouble.READING, first.get(account.rules.name))

    def ready(self) -> dict[TopicPartition, int]:
        """The partitions to read more from, each with how many records of its kind there is room for.

        Of accounts with room, whose offsets can be kept.
        """
        rooms = shared_rooms(
            {name: tenure.settler.held_bytes for name, tenure in self._tenures.items()}, self._backlog_bytes
        )
        ready: dict[TopicPartition, int] = {}
        for name, tenure in self._tenures.items():
            if not tenure.opened or self._adrift(tenure):
                continue
            for topic in {partition.topic for partition in tenure.settler.offsets}:
                room = tenure.worker.room(topic, rooms[name])
                if room > 0:
                    ready |= {p: room for p in tenure.settler.offsets if p.topic == topic}
                else:
                    tenure.worker.no_room(topic)
        return ready

    def _adrift(self, tenure: Tenure) -> bool:
        gravest = tenure.account.troubles.gravest()
        return gravest is not None and gravest[0] in (Trouble.POSITION, Trouble.COMMIT)

    def receive(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        """Records of one partition, in order."""
        tenure = self._tenures.get(self._topics[partition.topic].rules.name)
        if tenure is not None:
            tenure.worker.receive(records)

    def read_to(self, partition: TopicPartition, position: int) -> None:
        """Reading got to this position, perhaps over offsets that hold no record."""
        tenure = self._tenures.get(self._topics[partition.topic].rules.name)
        offsets = None if tenure is None else tenure.settler.offsets.get(partition)
        if tenure is None or offsets is None:
            return
        if offsets.read_to(position):
            self._on_progress()
        tenure.worker.have_read(partition)

    def next_offsets(self) -> dict[TopicPartition, int]:
        """Where reading goes on, in each partition that is read."""
        return {
            partition: offsets.next_offset
            for tenure in self._tenures.values()
            for partition, offsets in tenure.settler.offsets.items()
        }

    def positions(self) -> dict[TopicPartition, int]:
        """How far all is finished (law 1)."""
        return {
            partition: offsets.position
            for tenure in self._tenures.values()
            for partition, offsets in tenure.settler.offsets.items()
        }

    def draft(self) -> Draft:
        """What may be committed now, and what has to be."""
        entries: dict[TopicPartition, Entry] = {}
        for tenure in self._tenures.values():
            entries |= tenure.entries()
        slots = {name: tenure.account.quota.next_slot for name, tenure in self._tenures.items()}
        return Draft(entries, slots)

    def recorded(self, draft: Draft, refused: Mapping[TopicPartition, str]) -> None:
        """The commit was answered. `refused`: why some partitions' entries were not taken."""
        reasons = {self._topics[p.topic].rules.name: reason for p, reason in refused.items()}
        for name, slot in draft.slots.items():
            tenure = self._tenures.get(name)
            if tenure is not None and name in reasons:
                tenure.account.troubles.report(Trouble.COMMIT, reasons[name])
            elif tenure is not None:
                tenure.account.troubles.clear(Trouble.COMMIT)
                tenure.account.recorded(slot)

    def stop_calls(self) -> None:
        """Start no more calls; reading and settling go on."""
        for tenure in self._tenures.values():
            tenure.worker.stop()

    async def drain(self, seconds: float) -> bool:
        """Let what is under way end, within `seconds`: True if all of it did."""
        results = await asyncio.gather(*(tenure.drain(seconds) for tenure in self._tenures.values()))
        return all(results)

    async def end(self, committed: Mapping[TopicPartition, int]) -> None:
        """Ownership ended, with these positions committed."""
        for tenure in list(self._tenures.values()):
            await tenure.end(committed)
        self._tenures.clear()
        for account in self.accounts:
            account.owned = False
            account.troubles.ownership_ended()
            account.backlog = Backlog()  # another replica's, from now on
            account.changed()

    def report_missing(self, topics: Collection[str]) -> None:
        """These topics don't exist: without its source an account has no owner anywhere."""
        for account in self.accounts:
            topic = account.rules.source_topic
            reason = f"source topic {topic} does not exist: create it (`session-consumer topics create`)"
            account.troubles.tell(Trouble.TOPIC, reason if topic in topics else None)
        replays = frozenset(account.rules.replay_topic for account in self.accounts) & frozenset(topics)
        if replays - self._missing_replays:
            log.warning(
                "replay topics do not exist: nothing is replayed before `session-consumer topics create`",
                topics=sorted(replays - self._missing_replays),
            )
        self._missing_replays = replays

    def report(self, trouble: Trouble, reason: str | None) -> None:
        """A trouble that all accounts share; None: it is over."""
        for account in self.accounts:
            account.troubles.tell(trouble, reason)

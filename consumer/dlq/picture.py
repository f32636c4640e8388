"""What three topics say of the dead letters that a run is about; read on from where it stood."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from consumer.delivery.replay import Replay, read_replay
from consumer.dlq.letter import Letter
from consumer.dlq.pace import LiveCalls
from consumer.dlq.reading import WITHIN_SECONDS
from consumer.dlq.register import Register
from consumer.dlq.selection import Selection
from consumer.kafka.topic_scan import read_to_end
from consumer.records import Record
from consumer.settings import KafkaSettings, TopicNames
from schemas import dead_letter as header_names


@dataclass(frozen=True, slots=True)
class FormerRun:
    """What the replay topic has of a run. `sent`: its replays by dead letter; `scope`: None where it is gone.

    `at`: when it began, RFC 3339.
    """

    sent: Mapping[str, Replay]
    scope: str | None
    at: str
    reason: str


class Topic:
    """One topic of the account, read to the end it has at each time."""

    def __init__(self, kafka: KafkaSettings, name: str) -> None:
        self._kafka = kafka
        self._name = name
        # By partition, where to read on. Of one that had nothing yet: from its beginning.
        self.positions: dict[int, int] = {}

    async def read(self, take: Callable[[list[Record]], object]) -> None:
        """What is new. Raises KafkaUnreachableError, KafkaRefusedError, TopicMissingError."""
        async for records in read_to_end(
            self._kafka, self._name, starts=self.positions, within_seconds=WITHIN_SECONDS
        ):
            take(records)
            for record in records:
                self.positions[record.partition] = record.offset + 1


class Picture:
    """Read first with `read_former` (of a run that is resumed) and `read`; `read_on` before each send."""

    def __init__(self, kafka: KafkaSettings, names: TopicNames, *, now_seconds: float) -> None:
        """Nothing read yet; `now_seconds`: epoch seconds."""
        self.register = Register(self._wants)
        self.live = LiveCalls(now_seconds)
        # Ids of the selection that name a dead letter, whether its newest copy fits or not.
        self.known: set[str] = set()
        self.letters = Topic(kafka, names.dead_letter_topic)
        self.replays = Topic(kafka, names.replay_topic)
        self.outcomes = Topic(kafka, names.outcomes_topic)
        self._selection = Selection()
        self._ids: frozenset[str] = frozenset()

    async def read_former(self, run_id: str) -> FormerRun | None:
        """What the replay topic has of this run; None where it has nothing."""
        found: dict[str, Replay] = {}
        scopes: list[str] = []

        def take(records: list[Record]) -> None:
            self.register.add_replays(records)
            for record in records:
                replay = read_replay(record)
                if replay is not None and replay.run_id == run_id:
                    found[replay.dead_letter_id] = replay
                    scopes.extend(_scope_of(record))

        await self.replays.read(take)
        if not found:
            return None
        first = min(found.values(), key=lambda replay: replay.at)
        return FormerRun(found, scopes[0] if scopes else None, first.at, first.reason)

    async def read(self, selection: Selection, ends: Mapping[int, int] | None = None) -> Mapping[int, int]:
        """All about the dead letters that fit; of the dead-letter topic nothing from `ends` on.

        Gives that topic's ends as they were read, by partition.
        """
        # Ids by the ten thousand are looked up, not gone through.
        self._selection, self._ids = replace(selection, ids=()), frozenset(selection.ids)

        def take(records: list[Record]) -> None:
            self.register.add_letters(_before(records, ends))

        await self.letters.read(take)
        await self.read_on()
        if ends is not None:
            self.letters.positions = dict(ends)  # those that failed again since are yet to be read
        return dict(self.letters.positions)

    async def read_on(self) -> None:
        """What was replayed, applied and discarded since."""

        def take_outcomes(records: list[Record]) -> None:
            self.register.add_outcomes(records)
            self.live.add(records)

        # In this order: else a replay that begins in between would look like one that is gone.
        await self.outcomes.read(take_outcomes)
        await self.replays.read(self.register.add_replays)

    def _wants(self, letter: Letter, record: Record) -> bool:
        if self._ids:
            if letter.id not in self._ids:
                return False
            self.known.add(letter.id)
        return self._selection.wants(letter, record)


def _before(records: Iterable[Record], ends: Mapping[int, int] | None) -> Iterable[Record]:
    if ends is None:
        return records
    return (record for record in records if record.offset < ends.get(record.partition, 0))


def _scope_of(record: Record) -> list[str]:
    return [
        value.decode(errors="replace")
        for name, value in record.headers
        if name == header_names.REPLAY_SELECTION and value is not None
    ]

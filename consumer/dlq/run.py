"""Sends a run's replays: in order, in batches, each looked at once more right before it goes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from consumer.delivery.replay import Replay, original_headers
from consumer.dlq.letter import Letter, read_letter
from consumer.dlq.picture import Picture
from consumer.dlq.plan import Item, Rules, Skipped, check_again
from consumer.dlq.reading import read_records
from consumer.kafka.replay_topic import NotTaken, OutgoingReplay, ReplayTopic
from consumer.records import Headers, Record
from consumer.settings import KafkaSettings, TopicNames

# What is held at once: a few dozen megabytes where every record is as large as may be.
TOGETHER = 200
GONE = "its record is no longer in the dead-letter topic (retention)"


@dataclass(frozen=True, slots=True)
class Mended:
    """What goes instead of the dead letter's own value and headers."""

    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class RunSheet:
    """What all replays of one life of a run say of it; it may be resumed by somebody else.

    `at`: when that life began, RFC 3339; `scope`: see `consumer.dlq.scope`.
    """

    run_id: str
    by: str
    at: str
    reason: str
    scope: str


@dataclass(slots=True)
class Sent:
    """What became of the sending so far. `sent`: each one's replay count; the reasons are sentences.

    `unanswered`: what had no answer may have been stored all the same. `stopped`: why the rest was not
    tried.
    """

    sent: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    changed: list[Skipped] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    stopped: str | None = None


class Sending:
    """Sends to the account's replay topic alone. `told`: whether a record of the run carries its scope."""

    def __init__(
        self,
        kafka: KafkaSettings,
        names: TopicNames,
        topic: ReplayTopic,
        picture: Picture,
        sheet: RunSheet,
        *,
        told: bool = False,
    ) -> None:
        self._kafka = kafka
        self._names = names
        self._topic = topic
        self._picture = picture
        self._sheet = sheet
        self._told = told
        self.done = Sent()

    async def send(
        self,
        items: Sequence[Item],
        rules: Rules,
        mended: Mapping[str, Mended],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Send these, in order, until Kafka takes no more. `on_progress`: how many were dealt with.

        Raises KafkaUnreachableError, KafkaRefusedError, TopicMissingError; `done` says how far it came.
        """
        start = 0
        while start < len(items) and self.done.stopped is None:
            # The run's first record goes alone, so that no other of its records can be there without it.
            batch = items[start : start + (TOGETHER if self._told else 1)]
            await self._picture.read_on()
            good, changed = check_again(batch, self._picture.register.standing, rules)
            self.done.changed += changed
            await self._send_together(good, mended)
            start += len(batch)
            on_progress(len(batch))

    async def _send_together(self, items: Sequence[Item], mended: Mapping[str, Mended]) -> None:
        records = await self._records([item.letter for item in items])
        going = []
        for item in items:
            record = records.get(item.letter.id)
            if record is None:
                self.done.refused[item.letter.id] = GONE
            else:
                going.append((item, self._outgoing(item, record, mended.get(item.letter.id))))
        if not going:
            return
        # Until the answers are here; an interrupt may come before them.
        self.done.unanswered = [item.letter.id for item, _ in going]
        results = await self._topic.write([replay for _, replay in going])
        self.done.unanswered = []
        for (item, _), result in zip(going, results, strict=True):
            self._note(item, result)

    def _note(self, item: Item, result: NotTaken | None) -> None:
        if result is None:
            self.done.sent[item.letter.id] = item.count
            self._told = True
        elif result.others_may_go:
            self.done.refused[item.letter.id] = result.reason
        else:
            self.done.unanswered.append(item.letter.id)
            self.done.stopped = result.reason

    async def _records(self, letters: Sequence[Letter]) -> Mapping[str, Record]:
        ids = {(letter.partition, letter.offset): letter.id for letter in letters}
        found: dict[str, Record] = {}
        async for record in read_records(self._kafka, self._names.dead_letter_topic, ids):
            letter = read_letter(record)
            # A topic that was made anew has other records at these places.
            if letter is not None and letter.id == ids[record.partition, record.offset]:
                found[letter.id] = record
        return found

    def _outgoing(self, item: Item, record: Record, mended: Mended | None) -> OutgoingReplay:
        sheet, letter = self._sheet, item.letter
        replay = Replay(
            dead_letter_id=letter.id,
            origin=letter.origin,
            count=item.count,
            run_id=sheet.run_id,
            by=sheet.by,
            at=sheet.at,
            reason=sheet.reason,
            mended=mended is not None,
            source_timestamp=letter.source_timestamp,
        )
        own = original_headers(record.headers) if mended is None else mended.headers
        return OutgoingReplay(
            source_partition=letter.origin.partition,
            key=record.key,
            value=record.value if mended is None else mended.value,
            headers=(*own, *replay.headers(self._names.name, None if self._told else sheet.scope)),
        )

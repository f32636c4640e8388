"""Reads all there is to know of one dead letter, in two passes: who it is, then its session."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from consumer.delivery.outcome import STATE_KEY_PREFIX
from consumer.dlq.dossier import Dossier, copy_of
from consumer.dlq.reading import WITHIN_SECONDS, together
from consumer.kafka.topic_scan import read_to_end
from consumer.records import Record
from consumer.settings import KafkaSettings, TopicNames
from schemas import dead_letter as headers_of

_ID = re.compile(r"(?:([^:]+):)?([0-9]{1,10}):([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letter: where its record was first read. `topic` None: whichever has one there."""

    topic: str | None
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `topic:partition:offset` or `partition:offset`; ValueError where it is neither."""
        found = _ID.fullmatch(text)
        if found is None:
            raise ValueError("must be TOPIC:PARTITION:OFFSET or PARTITION:OFFSET")
        return cls(found[1], int(found[2]), int(found[3]))

    @property
    def _end(self) -> bytes:
        return f":{self.partition}:{self.offset}".encode()

    def is_met_by(self, raw_id: bytes) -> bool:
        """By this value of the header `dlq.id`."""
        return raw_id.endswith(self._end) and (
            self.topic is None or raw_id == self.topic.encode() + self._end
        )


@dataclass(slots=True)
class Search:
    """What the first pass found in one account: copies by id; and else what is near."""

    names: TopicNames
    copies: dict[str, list[Record]] = field(default_factory=dict)
    before: tuple[int, str] | None = None
    after: tuple[int, str] | None = None
    at_that_place: str | None = None

    def add(self, records: Sequence[Record], wanted: Wanted) -> None:
        """Records of the dead-letter topic."""
        for record in records:
            raw = dict(record.headers).get(headers_of.ID)
            if raw is None:
                continue
            if wanted.is_met_by(raw):
                self.copies.setdefault(raw.decode(errors="replace"), []).append(record)
                continue
            if (record.partition, record.offset) == (wanted.partition, wanted.offset):
                self.at_that_place = raw.decode(errors="replace")
            self._add_near(raw, wanted)

    def _add_near(self, raw: bytes, wanted: Wanted) -> None:
        start, _, offset = raw.rpartition(b":")
        if not start.endswith(f":{wanted.partition}".encode()) or not offset.isdigit():
            return
        number, text = int(offset), raw.decode(errors="replace")
        if number < wanted.offset and (self.before is None or number > self.before[0]):
            self.before = (number, text)
        if number > wanted.offset and (self.after is None or number < self.after[0]):
            self.after = (number, text)


async def search(kafka: KafkaSettings, accounts: Sequence[TopicNames], wanted: Wanted) -> list[Search]:
    """The first pass, over every account; errors as `reading`."""
    searches = [Search(names) for names in accounts]

    async def read(each: Search) -> None:
        topic = each.names.dead_letter_topic
        async for records in read_to_end(kafka, topic, within_seconds=WITHIN_SECONDS):
            each.add(records, wanted)

    await together(*map(read, searches))
    return searches


async def read_dossier(kafka: KafkaSettings, names: TopicNames, copies: Sequence[Record]) -> Dossier | None:
    """The second pass; None where the copies are no dead letters of ours after all."""
    dossier = Dossier(names.name, [copy for record in copies if (copy := copy_of(record)) is not None])
    if not dossier.copies:
        return None
    session, own = (dossier.letter.session or "").encode(), dossier.letter.id.encode()

    async def others() -> None:
        async for records in read_to_end(kafka, names.dead_letter_topic, within_seconds=WITHIN_SECONDS):
            for each in records:
                headers = dict(each.headers)
                if headers.get(headers_of.SESSION) == session and headers.get(headers_of.ID) != own:
                    dossier.register.add_letters([each])

    async def replays() -> None:
        async for records in read_to_end(kafka, names.replay_topic, within_seconds=WITHIN_SECONDS):
            dossier.add_replays(records)

    async def outcomes() -> None:
        async for records in read_to_end(kafka, names.outcomes_topic, within_seconds=WITHIN_SECONDS):
            dossier.add_outcomes(
                each
                for each in records
                if each.key is not None and (each.key == session or each.key.startswith(STATE_KEY_PREFIX))
            )

    if session:
        await others()
    await together(replays(), outcomes())
    return dossier

"""Reads all there is to know of one dead letter, in two passes: who it is, then its session."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from consumer.dlq.dossier import Dossier, copy_of
from consumer.dlq.reading import WITHIN_SECONDS, together
from consumer.kafka.publisher import TopicMissingError
from consumer.kafka.topic_scan import Keep, Raw, read_to_end
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

    def keep(self, raw: Raw, wanted: Wanted) -> bool:
        """Whether a record is a copy of it; notes what is near."""
        found = dict(raw.headers).get(headers_of.ID)
        if found is None:
            return False
        if wanted.is_met_by(found):
            return True
        self._add_near(found, wanted)
        return False

    def add(self, records: Sequence[Record]) -> None:
        """Its copies."""
        for record in records:
            name = (dict(record.headers)[headers_of.ID] or b"").decode(errors="replace")
            self.copies.setdefault(name, []).append(record)

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
        async for records in _read(kafka, topic, lambda raw: each.keep(raw, wanted)):
            each.add(records)

    await together(*map(read, searches))
    return searches


async def read_dossier(kafka: KafkaSettings, names: TopicNames, copies: Sequence[Record]) -> Dossier | None:
    """The second pass; None where the copies are no dead letters of ours after all."""
    dossier = Dossier(names.name, [copy for record in copies if (copy := copy_of(record)) is not None])
    if not dossier.copies:
        return None
    session, own = (dossier.letter.session or "").encode(), dossier.letter.id.encode()

    def is_of_session(raw: Raw) -> bool:
        headers = dict(raw.headers)
        return headers.get(headers_of.SESSION) == session and headers.get(headers_of.ID) != own

    async def others() -> None:
        async for records in _read(kafka, names.dead_letter_topic, is_of_session):
            dossier.register.add_letters(records)

    async def replays() -> None:
        async for records in _read(
            kafka, names.replay_topic, lambda raw: dossier.register.wants_replay(raw.headers)
        ):
            dossier.add_replays(records)

    async def outcomes() -> None:
        async for records in _read(
            kafka, names.outcomes_topic, lambda raw: dossier.register.wants_outcome(raw.key)
        ):
            dossier.add_outcomes(records)

    if session:
        await others()
    await outcomes()
    with suppress(TopicMissingError):  # nothing was replayed
        await replays()  # not before the outcomes: a replay that begins in between would look like a lost one
    return dossier


def _read(kafka: KafkaSettings, topic: str, keep: Keep) -> AsyncIterator[list[Record]]:
    return read_to_end(kafka, topic, keep=keep, within_seconds=WITHIN_SECONDS)

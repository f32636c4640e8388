"""A record of the replay topic: which dead letter it repeats, and for whom (contract, section 4). Pure."""

from dataclasses import dataclass
from typing import Final

from consumer.delivery.outcome import MAX_OFFSET, MAX_PARTITION, MAX_TOPIC_CHARACTERS, Origin
from consumer.records import Headers, Record
from schemas import dead_letter as names

MAX_COUNT: Final = 1_000_000
MAX_TEXT_BYTES: Final = 1_024
# `<topic>:<partition>:<offset>`
MAX_DEAD_LETTER_ID_BYTES: Final = MAX_TOPIC_CHARACTERS + 32


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay of a dead letter. `origin`: where its record was first read, and counts as read.

    `count`: how often it was replayed, this time included. `at`: RFC 3339. Texts are what their writers
    put there, within `MAX_TEXT_BYTES`.
    """

    dead_letter_id: str
    origin: Origin
    count: int
    run_id: str
    by: str
    at: str
    reason: str
    mended: bool
    source_timestamp: str | None = None

    def headers(self, account: str, selection: str | None = None) -> Headers:
        """What is appended to the first record's headers."""
        texts = (
            (names.ID, self.dead_letter_id),
            (names.ACCOUNT, account),
            (names.ERRORS_TOPIC, self.origin.topic),
            (names.ERRORS_PARTITION, str(self.origin.partition)),
            (names.ERRORS_OFFSET, str(self.origin.offset)),
            (names.SOURCE_TIMESTAMP, self.source_timestamp),
            (names.REPLAY_COUNT, str(self.count)),
            (names.REPLAY_RUN_ID, self.run_id),
            (names.REPLAY_BY, self.by),
            (names.REPLAY_AT, self.at),
            (names.REPLAY_REASON, self.reason),
            (names.REPLAY_MENDED, "true" if self.mended else "false"),
            (names.REPLAY_SELECTION, selection),
        )
        return tuple((name, text.encode(errors="replace")) for name, text in texts if text is not None)


def read_replay(record: Record) -> Replay | None:
    """What a record of the replay topic says of itself.

    None where it is no replay of ours, or a broken one: then it counts as a record first read where it is.
    """
    found = {
        name: value.decode(errors="replace")
        for name, value in record.headers
        if value is not None and name in names.RESERVED_NAMES
    }
    try:
        replay = Replay(
            dead_letter_id=found[names.ID],
            origin=Origin(
                found[names.ERRORS_TOPIC],
                _number(found[names.ERRORS_PARTITION], MAX_PARTITION),
                _number(found[names.ERRORS_OFFSET], MAX_OFFSET),
            ),
            count=_number(found[names.REPLAY_COUNT], MAX_COUNT),
            run_id=found.get(names.REPLAY_RUN_ID, ""),
            by=found.get(names.REPLAY_BY, ""),
            at=found.get(names.REPLAY_AT, ""),
            reason=found.get(names.REPLAY_REASON, ""),
            mended=found.get(names.REPLAY_MENDED) == "true",
            source_timestamp=found.get(names.SOURCE_TIMESTAMP),
        )
    except (KeyError, ValueError):
        return None
    return replay if _is_bounded(replay) else None


def origin_of(record: Record, replay: Replay | None) -> Origin:
    """Where the record was first read: a replay counts with its dead letter's origin."""
    return Origin(record.topic, record.partition, record.offset) if replay is None else replay.origin


def original_headers(headers: Headers) -> Headers:
    """A dead letter's or a replay's headers without those that we appended."""
    return tuple((name, value) for name, value in headers if name not in names.RESERVED_NAMES)


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(most)) or int(text) > most:
        raise ValueError("not a number within its bounds")
    return int(text)


def _is_bounded(replay: Replay) -> bool:
    texts = (replay.run_id, replay.by, replay.at, replay.reason, replay.source_timestamp or "")
    return (
        replay.dead_letter_id == "{}:{}:{}".format(*replay.origin)
        and replay.count >= 1
        and len(replay.dead_letter_id) <= MAX_DEAD_LETTER_ID_BYTES
        and all(len(text.encode(errors="replace")) <= MAX_TEXT_BYTES for text in texts)
    )

"""What Kafka gave us, byte for byte: the lowest layer, known to everyone and knowing nobody."""

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]

# Bytes a held record costs beside its key, value and headers: the objects around them, measured
# on CPython 3.11 with 64-bit pointers. Counted so that `backlog_bytes` bounds real memory.
RECORD_OVERHEAD_BYTES = 600
HEADER_OVERHEAD_BYTES = 150


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the broker stored it. Header order and duplicates are kept.

    A header name that is not UTF-8 holds its odd bytes as lone surrogates ("surrogateescape"), so
    that writing it again gives the same bytes.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def topic_partition(self) -> TopicPartition:
        """The partition it came from."""
        return TopicPartition(self.topic, self.partition)

    @property
    def held_bytes(self) -> int:
        """About how much memory the record costs while it waits."""
        return held_bytes(self.key, self.value, self.headers)


def held_bytes(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """About how much memory a record costs while it is held."""
    size = RECORD_OVERHEAD_BYTES + len(key or b"") + len(value or b"")
    size += HEADER_OVERHEAD_BYTES * len(headers)
    for name, content in headers:
        size += len(name) + len(content or b"")
    return size

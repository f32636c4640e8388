"""Which records have an outcome already: whoever takes over does not judge them anew. Pure."""

from array import array
from bisect import bisect_left
from hashlib import blake2b

from consumer.delivery.dead_letter_state import StateChange
from consumer.delivery.outcome import settled_of
from consumer.delivery.replay import MAX_COUNT
from consumer.records import TopicPartition

# Of each partition so many are remembered, the highest offsets, and up to twice as many for a while.
KEPT = 100_000
_COUNT_BITS = MAX_COUNT.bit_length()


class Settled:
    """Of each partition of a source topic, the offsets that outcomes tell of, each with its event's mark.

    An outcome that is durable settles its record, though the position may lie before it: judged anew by
    what was applied last, an older event could come out newer, where only some have revisions. The mark
    tells a record from another one of a topic that was made anew.
    """

    def __init__(self) -> None:
        self._found: dict[TopicPartition, tuple[array[int], array[int]]] = {}

    def add(self, value: bytes) -> None:
        """An outcome's value was read."""
        settled = settled_of(value)
        if settled is None:
            return
        origin, mark = settled
        offsets, marks = self._found.setdefault(
            TopicPartition(origin.topic, origin.partition), (array("q"), array("L"))
        )
        offsets.append(origin.offset)
        marks.append(mark)
        if len(offsets) >= 2 * KEPT:
            self._forget_lowest(TopicPartition(origin.topic, origin.partition))

    def beyond(self, partition: TopicPartition, position: int) -> dict[int, int]:
        """The settled offsets from a position on, with their events' marks."""
        offsets, marks = self._found.get(partition, (array("q"), array("L")))
        return {offset: mark for offset, mark in zip(offsets, marks, strict=True) if offset >= position}

    def _forget_lowest(self, partition: TopicPartition) -> None:
        kept = sorted(zip(*self._found[partition], strict=True))[-KEPT:]
        self._found[partition] = (array("q", (o for o, _ in kept)), array("L", (m for _, m in kept)))


class EndedReplays:
    """The replays that came to an end, as dead letters' states tell: the last `KEPT`, or up to twice as many.

    Eight bytes each: a hash of the dead letter's id above the number of its replays.
    """

    def __init__(self) -> None:
        """None yet."""
        self._read = array("q")
        self._sorted: array[int] | None = None

    def add(self, change: StateChange) -> None:
        """A dead letter's state was read."""
        if change.state == "replaying" or not 0 < change.replay_count <= MAX_COUNT:
            return
        self._sorted = None
        self._read.append(_place(change.dead_letter_id, change.replay_count))
        if len(self._read) >= 2 * KEPT:
            del self._read[:KEPT]

    def has(self, dead_letter_id: str, count: int) -> bool:
        """Whether the dead letter's replay with this number, or a later one, came to an end."""
        if self._sorted is None:
            self._sorted = array("q", sorted(self._read))
        wanted = _place(dead_letter_id, count)
        at = bisect_left(self._sorted, wanted)
        return at < len(self._sorted) and self._sorted[at] >> _COUNT_BITS == wanted >> _COUNT_BITS


def _place(dead_letter_id: str, count: int) -> int:
    digest = blake2b(dead_letter_id.encode(errors="replace"), digest_size=8).digest()
    return (int.from_bytes(digest) >> (_COUNT_BITS + 1) << _COUNT_BITS) | count

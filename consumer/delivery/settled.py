"""Which records have an outcome already: whoever takes over does not judge them anew. Pure."""

from array import array

from consumer.delivery.outcome import settled_of
from consumer.records import TopicPartition

# Of each partition so many are remembered, the highest offsets, and up to twice as many for a while.
KEPT = 100_000


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

"""How far a partition's position may be committed (law 1: nothing lost). Pure."""

from collections import deque


class Offsets:
    """Progress in one partition: `position` never passes a record that is not finished.

    Records are received in ascending order and finished in any order. Gaps (compaction, transaction
    markers) are fine. All operations take constant time, amortised.
    """

    def __init__(self, position: int) -> None:
        """Start at `position`: the offset of the first record that will be received, or before it."""
        # From the first unfinished one on, finished ones between included.
        self._received: deque[int] = deque()
        self._unfinished: set[int] = set()
        self._next = position

    @property
    def position(self) -> int:
        """What may be committed: every record before it is finished."""
        return self._received[0] if self._received else self._next

    @property
    def next_offset(self) -> int:
        """Where reading goes on: one past the last record that was received."""
        return self._next

    @property
    def finished_beyond(self) -> frozenset[int]:
        """Finished records that the position can't pass yet."""
        return frozenset(offset for offset in self._received if offset not in self._unfinished)

    def receive(self, offset: int) -> None:
        """A record came in and is not finished yet. Raises ValueError if it is not past the last one."""
        if offset < self._next:
            raise ValueError(f"offset {offset} was received already: the next one is {self._next}")
        self._received.append(offset)
        self._unfinished.add(offset)
        self._next = offset + 1

    def read_to(self, position: int) -> bool:
        """Reading got to `position` without a record there: what lay between is nothing of ours.

        (Transaction markers, and what compaction took away.) True if the position moved.
        """
        before = self.position
        self._next = max(self._next, position)
        return self.position != before

    def finish(self, offset: int) -> bool:
        """The record's outcome is durable. True if the position moved.

        Raises ValueError for a record that was not received or is finished already.
        """
        if offset not in self._unfinished:
            raise ValueError(f"offset {offset} is not an unfinished one")
        self._unfinished.remove(offset)
        before = self.position
        while self._received and self._received[0] not in self._unfinished:
            self._received.popleft()
        return self.position != before

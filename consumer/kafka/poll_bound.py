"""How much memory a poll gives out, and how much stays unpacked between polls: aiokafka 0.14 bounds neither.

It bounds a poll by the number of records. A record can be 32 MiB that came as a kilobyte, or a megabyte of
headers that are forty megabytes as objects of Python; each partition may have such, and each keeps the batch
it stands in unpacked, for as long as its account has no room.

Two bounds, over all partitions and consumers of the process:

- Records are given until they hold more than `ENOUGH_BYTES`. The one that passes it is the last; whatever
  else was fetched is let go, and fetched anew by a later poll. Fetches ask for partitions in random order,
  so each has its turn; a poll that finds something gives at least one record.
- Before a batch is unpacked, the unpacked batches of other partitions are let go if they hold more than
  that. They too are fetched anew, from where they were.
"""

import asyncio
from typing import Any, Final
from weakref import WeakSet

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords

from consumer.kafka.lenient_headers import AnyNameRecords, read_any_header_name
from consumer.records import held_bytes

ENOUGH_BYTES: Final = 8 * 1024 * 1024


def bound_polls() -> None:
    """From now on every consumer of this process keeps the bounds; to be called before the first starts.

    Calling it twice does no harm. It replaces a name in aiokafka's fetcher, as `read_any_header_name` does,
    which it calls; raises RuntimeError where an aiokafka without that name is installed.
    """
    if fetcher.__dict__.get("PartitionRecords") not in (PartitionRecords, BoundedRecords):
        raise RuntimeError("this aiokafka gives out records in another way: see consumer.kafka.poll_bound")
    read_any_header_name()
    fetcher.PartitionRecords = BoundedRecords


class _Turn:
    """What was given in this turn of the event loop: a poll gives all it gives in one."""

    def __init__(self) -> None:
        self.given_bytes = 0

    def give(self, size_bytes: int) -> None:
        if not self.given_bytes:
            asyncio.get_running_loop().call_soon(self._end)
        self.given_bytes += size_bytes

    def _end(self) -> None:
        self.given_bytes = 0


_turn: Final = _Turn()
_standing: "Final[WeakSet[BoundedRecords]]" = WeakSet()


class BoundedRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """The records of one fetch answer for one partition, until there is enough.

    Ending early loses nothing: the client goes on behind the last record that was given.
    """

    def __init__(self, tp: Any, records: AnyNameRecords, *others: Any) -> None:
        super().__init__(tp, records, *others)
        records.before_unpacking = self._make_room
        _standing.add(self)

    def __next__(self) -> Any:
        if _turn.given_bytes > ENOUGH_BYTES:
            self.let_go()
        return next(self._records_iterator)

    @property
    def unpacked_bytes(self) -> int:
        """How large the batch is that it stands in."""
        unpacked: int = self._records.unpacked_bytes
        return unpacked

    def let_go(self) -> None:
        """End here."""
        self._records_iterator = iter(())
        self._records.unpacked_bytes = 0

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        given = super()._consumer_record(tp, record)
        _turn.give(held_bytes(given.key, given.value, given.headers))
        return given

    def _make_room(self) -> None:
        others = [each for each in _standing if each is not self]
        if sum(each.unpacked_bytes for each in others) > ENOUGH_BYTES:
            for each in others:
                each.let_go()

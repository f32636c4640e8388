"""How much memory a poll gives out, and how much stays unpacked between polls: aiokafka 0.14 bounds neither.

It bounds a poll by the number of records. A record can be 32 MiB that came as a kilobyte, or a megabyte of
headers that are forty megabytes as objects of Python; each partition may have such, and each keeps the batch
it stands in unpacked, for as long as its account has no room.

Two bounds, over all partitions:

- A poll gives records until they hold more than `ENOUGH_BYTES`. The one that passes it is the last. Its
  partition is fetched anew, behind the others, so each has its turn; these keep what was fetched.
- Before a batch is unpacked, the unpacked batches of other partitions are let go if they hold more than that,
  whichever consumer of the process they are of. They too are fetched anew, from where they were.
"""

import asyncio
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from consumer.kafka.lenient_headers import AnyNameRecords, read_any_header_name
from consumer.records import held_bytes

ENOUGH_BYTES: Final = 8 * 1024 * 1024


def bound_polls() -> None:
    """From now on every consumer of this process keeps the bounds; to be called before the first starts.

    Calling it twice does no harm. It replaces two names in aiokafka's fetcher, as `read_any_header_name`
    does, which it calls; raises RuntimeError where an aiokafka without them is installed.
    """
    ours = {"PartitionRecords": BoundedRecords, "FetchResult": BoundedResult}
    for name, bounded in ours.items():
        if fetcher.__dict__.get(name) not in (bounded, bounded.__base__):
            raise RuntimeError(
                "this aiokafka gives out records in another way: see consumer.kafka.poll_bound"
            )
    read_any_header_name()
    for name, bounded in ours.items():
        setattr(fetcher, name, bounded)


class _Poll:
    """What a client gave in this turn of the event loop: a poll gives all it gives in one."""

    def __init__(self) -> None:
        self._given_bytes = 0

    def give(self, size_bytes: int) -> None:
        if not self._given_bytes:
            asyncio.get_running_loop().call_soon(self._end)
        self._given_bytes += size_bytes

    def is_over(self) -> bool:
        return self._given_bytes > ENOUGH_BYTES

    def _end(self) -> None:
        self._given_bytes = 0


# By what a client is assigned, which is one object for all its partitions.
_polls: "Final[WeakKeyDictionary[Any, _Poll]]" = WeakKeyDictionary()


class BoundedResult(FetchResult):  # type: ignore[misc]  # aiokafka has no types
    """What was fetched of one partition, given out until there is enough of all."""

    _partition_records: "BoundedRecords | None"

    def getall(self, max_records: int | None = None) -> list[Any]:
        """The next records; the client asks one partition after the other."""
        poll = _polls.setdefault(self._assignment, _Poll())
        if poll.is_over() or not self.check_assignment(self._topic_partition):
            return []
        given: list[Any] = []
        records = self._partition_records
        for message in records or ():
            given.append(message)
            poll.give(held_bytes(message.key, message.value, message.headers))
            if poll.is_over() and records is not None:
                records.let_go()
            elif max_records is not None and len(given) >= max_records:
                self._update_position()
                return given
        if records is not None:
            self._update_position()
            self._partition_records = None
        return given


_standing: "Final[WeakSet[BoundedRecords]]" = WeakSet()


class BoundedRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """The records of one fetch answer for one partition.

    To end early loses nothing: the client goes on behind the last record that was given.
    """

    def __init__(self, tp: Any, records: AnyNameRecords, *others: Any) -> None:
        super().__init__(tp, records, *others)
        records.before_unpacking = _make_room  # a method would be a cycle, which holds what was fetched
        _standing.add(self)

    @property
    def unpacked_bytes(self) -> int:
        """How large the batch is that it stands in."""
        unpacked: int = self._records.unpacked_bytes
        return unpacked

    def let_go(self) -> None:
        """End here."""
        self._records_iterator = iter(())
        self._records.unpacked_bytes = 0


def _make_room(asking: AnyNameRecords) -> None:
    others = [each for each in _standing if each._records is not asking and each.unpacked_bytes]
    if sum(each.unpacked_bytes for each in others) > ENOUGH_BYTES:
        for each in others:
            each.let_go()

"""Which of two events is newer (contract, section 6), and what was applied last. Pure."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from consumer.delivery.outcome import Origin
from consumer.events.model import Event, SessionKey
from consumer.records import TopicPartition

# The reading sequence of an event that this tenure has not read: before all that it has.
NOT_READ = -1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Version(NamedTuple):
    """All that decides which of two events of a session is newer, and whether they are one event.

    `time_us`: the event's time, microseconds since the epoch. `partition`, `offset`: its first origin.
    `sequence`: its place in this tenure's reading order, or `NOT_READ`.
    """

    revision: int | None
    time_us: int
    partition: TopicPartition
    offset: int
    sequence: int
    source: str
    id: str

    def __repr__(self) -> str:
        """Short, for the counter-examples of tests."""
        revision = "" if self.revision is None else f" r{self.revision}"
        place = f"{self.partition.partition}:{self.offset}"
        return f"<{self.source}/{self.id}{revision} t{self.time_us} @{place} #{self.sequence}>"

    def same_event(self, other: "Version") -> bool:
        """Whether both are the same event, by `source` and `id`."""
        return self.id == other.id and self.source == other.source


def version_of(event: Event, origin: Origin, sequence: int) -> Version:
    """The version of an event whose record was first read there."""
    return Version(
        event.revision,
        (event.time - _EPOCH) // _MICROSECOND,
        TopicPartition(origin.topic, origin.partition),
        origin.offset,
        sequence,
        event.source,
        event.id,
    )


def newer(a: Version, b: Version) -> bool:
    """Whether `a` is newer than `b`: of two different versions exactly one is.

    By revision where both have one, else by time; on a tie by the offset of the first origin if both
    come from one partition, else by who was read later. Not transitive: where only some events have
    revisions, a can be newer than b, b than c, and c than a.
    """
    if a.revision is not None and b.revision is not None:
        if a.revision != b.revision:
            return a.revision > b.revision
    elif a.time_us != b.time_us:
        return a.time_us > b.time_us
    if a.partition == b.partition:
        return a.offset > b.offset
    return a.sequence > b.sequence


class Crest:
    """A chain of versions in reading order, each newer than all before it: is the next one, too?

    Answers in constant time although `newer` is not transitive: of the chain only those are kept that
    the next one could fail against.
    """

    __slots__ = ("_revised", "_timed", "_unrevised")

    def __init__(self, first: Version | None) -> None:
        """A chain that begins with `first`, or is empty."""
        # Those with the highest revision; with the latest time among all, and among those without
        # a revision. Each is one version, but for ties between partitions.
        self._revised: tuple[Version, ...] = ()
        self._timed: tuple[Version, ...] = ()
        self._unrevised: tuple[Version, ...] = ()
        if first is not None:
            self.add(first)

    def below(self, version: Version) -> bool:
        """Whether `version`, read after the chain, is newer than each of it."""
        if version.revision is None:
            return all(newer(version, rival) for rival in self._timed)
        return all(newer(version, rival) for rival in self._revised + self._unrevised)

    def add(self, version: Version) -> None:
        """The next of the chain."""
        self._timed = _raised(self._timed, version, _time)
        if version.revision is None:
            self._unrevised = _raised(self._unrevised, version, _time)
        else:
            self._revised = _raised(self._revised, version, _revision)


def _raised(
    top: tuple[Version, ...], version: Version, height: Callable[[Version], int]
) -> tuple[Version, ...]:
    """The highest ones, with `version` among them; of each partition the one with the highest offset."""
    if not top or height(version) > height(top[0]):
        return (version,)
    if height(version) < height(top[0]):
        return top
    tied = [other for other in top if other.partition == version.partition]
    if any(other.offset > version.offset for other in tied):
        return top
    return (*(other for other in top if other.partition != version.partition), version)


def _time(version: Version) -> int:
    return version.time_us


def _revision(version: Version) -> int:
    return version.revision or 0


class Ledger(Protocol):
    """The last applied event of each session. Complete before the first event is judged by it."""

    def get(self, session: SessionKey) -> Version | None:
        """The session's last applied event, None if none is known. Its `sequence` may be `NOT_READ`."""
        ...

    def set(self, session: SessionKey, version: Version) -> None:
        """This event was applied."""
        ...


class NoLedger:
    """A `Ledger` that remembers nothing: no event is stale, no applied one a duplicate."""

    def get(self, session: SessionKey) -> Version | None:
        """None."""

    def set(self, session: SessionKey, version: Version) -> None:
        """Forget it."""

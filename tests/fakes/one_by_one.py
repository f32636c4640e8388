"""Law 5's yardstick: events delivered one by one, in reading order. And a Zoho that can be compared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from consumer.delivery.change import OPTIONAL_FIELDS, Change
from consumer.delivery.line import Outcome
from consumer.delivery.newness import NOT_READ, Version, newer
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Record, TopicPartition


@dataclass(frozen=True, slots=True)
class Sketch:
    """An event in few words. `optional`: the bits of its optional fields. `refused`: for itself, always."""

    name: str
    session: int
    revision: int | None
    time: int
    optional: int
    refused: bool

    def __repr__(self) -> str:
        """As short as a counter-example should be."""
        revision = "" if self.revision is None else f" r{self.revision}"
        fields = ",".join(name for name, bit in OPTIONAL_FIELDS.items() if bit & self.optional)
        refused = " refused" if self.refused else ""
        return f"<{self.name} of session {self.session}{revision} t{self.time} {{{fields}}}{refused}>"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the log: an event, where it lies, and where it was first read: a replay elsewhere."""

    event: Sketch
    partition: int
    offset: int
    origin: int

    def __repr__(self) -> str:
        """With the origin where it was replayed."""
        origin = "" if self.origin == self.offset else f" (first {self.origin})"
        return f"{self.partition}:{self.offset}{origin} {self.event!r}"

    def version(self, sequence: int) -> Version:
        """The event's version, when it is read as the `sequence`-th."""
        event = self.event
        origin = TopicPartition("t", self.partition)
        return Version(event.revision, event.time, origin, self.origin, sequence, "a", event.name)

    @property
    def is_replay(self) -> bool:
        """Whether it was read before."""
        return self.origin != self.offset

    def change(self, sequence: int) -> Change:
        """The event as the backlog takes it."""
        event = self.event
        record = Record("t", self.partition, self.offset, 0, None, None)
        version = self.version(sequence)
        session = session_key(event.session)
        return Change(record, session, EventIdentity(), version, event.optional, 0.0, self.is_replay)


def session_key(number: int) -> SessionKey:
    """A session."""
    return SessionKey("1", "2", "3", str(number))


class RecordedLedger:
    """A ledger that outlives crashes, and knows no reading order."""

    def __init__(self) -> None:
        """Nothing was applied yet."""
        self.last: dict[SessionKey, Version] = {}

    def get(self, session: SessionKey) -> Version | None:
        """The session's last applied event."""
        return self.last.get(session)

    def set(self, session: SessionKey, version: Version) -> None:
        """This one was applied."""
        self.last[session] = version._replace(sequence=NOT_READ)


@dataclass
class ZohoState:
    """What Zoho holds: of each session's field the event that wrote it last. Absent fields stay."""

    gone: frozenset[int]
    fields: dict[int, dict[str, str]] = field(default_factory=dict)
    calls: Counter[int] = field(default_factory=Counter)

    def call(self, event: Sketch) -> bool:
        """Whether the event was applied."""
        self.calls[event.session] += 1
        if event.refused or event.session in self.gone:
            return False
        written = {"name": event.name}
        written |= {name: event.name for name, bit in OPTIONAL_FIELDS.items() if bit & event.optional}
        self.fields.setdefault(event.session, {}).update(written)
        return True


def one_by_one(log: Sequence[Entry], gone: frozenset[int]) -> tuple[list[Outcome], ZohoState]:
    """What becomes of each, and of Zoho, where each event is delivered before the next one is read."""
    zoho = ZohoState(gone)
    last: dict[int, Version] = {}
    outcomes: list[Outcome] = []
    for sequence, entry in enumerate(log):
        version = entry.version(sequence)
        before = last.get(entry.event.session)
        if before is not None and before.same_event(version):
            outcomes.append("duplicate")
        elif before is not None and newer(before, version):
            outcomes.append("stale")
        elif zoho.call(entry.event):
            last[entry.event.session] = version
            outcomes.append("applied")
        else:
            outcomes.append("dead_lettered")
    return outcomes, zoho

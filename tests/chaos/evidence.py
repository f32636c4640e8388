"""What a run left behind, as values: all that the judge and the timeline look at."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.group_log import GroupLog
from tests.chaos.plan import Plan


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record of the source topic, by the id of the event in it."""

    partition: int
    offset: int
    event: str


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call as Zoho saw it; times in epoch seconds.

    `event`: whose call it was, by the name it set; None where Zoho refused it unread. `settled`: the
    whole answer said applied or refused for good, so that the event needs no other call.
    """

    at: float
    replica: int
    event: str | None
    verdict: str
    settled: bool
    written_at: float | None
    answered_at: float | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: its id (`topic:partition:offset`), its event and when it was written."""

    id: str
    event: str
    at: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was done to the system, from when to when. `replica` None: to all of them.

    `violent`: a replica could not record what it had done, so that it may be done twice.
    """

    what: str
    begins_at: float
    ends_at: float
    replica: int | None
    violent: bool


@dataclass(slots=True)
class Diary:
    """What is written down while a run lasts; its fields are those of the evidence."""

    started_at: float = 0.0
    troubles: list[Trouble] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    lag_seconds: float = 0.0

    def note(self, what: str, replica: int | None, violent: bool) -> None:
        """Something that was over as soon as it began."""
        now = time.time()
        self.troubles.append(Trouble(what, now, now, replica, violent))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything about one run. `failures`: what kept it from coming to its end, in sentences.

    `lag_seconds`: how late the test's own event loop was at its worst, so how late Zoho may have
    noticed a call. `states`: each session's name and description at Zoho.
    """

    plan: Plan
    topic: str
    started_at: float
    records: tuple[SourceRecord, ...]
    calls: tuple[SeenCall, ...]
    letters: tuple[Letter, ...]
    group: GroupLog
    troubles: tuple[Trouble, ...]
    states: Mapping[int, tuple[str, str | None]]
    failures: tuple[str, ...]
    lag_seconds: float

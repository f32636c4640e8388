"""Calls and dead letters that came twice: each must be explained by what was done to the system. Pure.

An event whose end was known is done again only where its position was not committed when another tenure
began: because a violent trouble came before it could be, or because an older record of its partition was
not finished.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.evidence import Evidence, SourceRecord
from tests.chaos.group_log import Tenure

# A finished record is committed within this, or its dead letter written; a few ms on an idle machine. How
# late the test's own loop was is added: the replicas share its processors.
COMMIT_SECONDS = 0.5
# So long after its end a trouble with the broker may still keep commits from succeeding.
RECOVERY_SECONDS = 3.0
CALL_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Act:
    """A call or a dead letter. `replica` None: it doesn't say whose it is."""

    kind: str
    begins_at: float
    ends_at: float
    replica: int | None


def unexplained(run: Evidence) -> Iterator[str]:
    """Every call after one that settled its event, and every copy of a dead letter, without a reason."""
    history = _History(run)
    for record in run.records:
        for settled, again in history.repeats(record):
            if not history.explains(record, settled, again):
                first_at, second_at = settled.ends_at - run.started_at, again.begins_at - run.started_at
                yield (
                    f"unexplained: a second {again.kind} for {record.event} at {second_at:.2f} s, "
                    f"settled at {first_at:.2f} s"
                )


def count(run: Evidence) -> int:
    """All repeats, explained or not."""
    history = _History(run)
    return sum(len(list(history.repeats(record))) for record in run.records)


class _History:
    def __init__(self, run: Evidence) -> None:
        self._run = run
        self._calls = defaultdict(list)
        for call in run.calls:
            self._calls[call.event].append(call)
        self._letters = defaultdict(list)
        for letter in run.letters:
            self._letters[letter.id].append(letter)
        self._done_at = {(r.partition, r.offset): self._done(r) for r in run.records}

    def repeats(self, record: SourceRecord) -> Iterator[tuple[_Act, _Act]]:
        """What settled the record, and each act of the same kind that came after it."""
        settled: _Act | None = None
        for call in self._calls[record.event]:
            act = _Act("call", call.at, call.answered_at or call.at, call.replica)
            if settled is not None and act.begins_at > settled.ends_at:
                yield settled, act
            elif settled is None and call.settled:
                settled = act
        letters = [_Act("dead letter", at, at, None) for at in self._written(record)]
        for copy in letters[1:]:
            yield letters[0], copy

    def explains(self, record: SourceRecord, settled: _Act, again: _Act) -> bool:
        """Whether it had to be done again, for all that the process could know."""
        tenure = self._tenure(again.begins_at)
        if tenure is None:
            return False
        if tenure.begins_at <= settled.begins_at:  # the owner did it twice by itself: did it hear of the end?
            return self._hindered(settled, settled.begins_at - CALL_TIMEOUT_SECONDS, again.begins_at)
        if self._position(record.partition, tenure.begins_at) > record.offset:
            return False
        commit_seconds = COMMIT_SECONDS + self._run.lag_seconds
        last_chance = settled.ends_at + commit_seconds
        return self._hindered(settled, settled.begins_at - RECOVERY_SECONDS, last_chance) or any(
            # Still open when the tenure ended that settled ours, give or take a commit.
            at > self._end_of_work(settled) - commit_seconds
            for (partition, offset), at in self._done_at.items()
            if partition == record.partition and offset < record.offset
        )

    def _hindered(self, act: _Act, since: float, until: float) -> bool:
        return any(
            trouble.violent
            and trouble.begins_at <= until
            and trouble.ends_at >= since
            and (trouble.replica is None or act.replica is None or trouble.replica == act.replica)
            for trouble in self._run.troubles
        )

    def _end_of_work(self, settled: _Act) -> float:
        """When whoever settled it could commit no more: its tenure's end, or the first violence after."""
        tenure = self._tenure(settled.begins_at)
        ends = [tenure.ends_at] if tenure is not None else []
        for trouble in self._run.troubles:
            ours = trouble.replica is None or settled.replica is None or trouble.replica == settled.replica
            if ours and trouble.violent and trouble.begins_at >= settled.ends_at:
                ends.append(trouble.begins_at)
        return min(ends, default=settled.ends_at)

    def _tenure(self, at: float) -> Tenure | None:
        """The one in which it happened; what came a moment after its end is the former owner's still."""
        owned = [t for t in self._run.group.tenures if t.owners.get(self._run.topic) and t.begins_at <= at]
        return owned[-1] if owned else None

    def _position(self, partition: int, at: float) -> int:
        positions = [
            commit.position
            for commit in self._run.group.commits
            if commit.at < at
            and (commit.partition.topic, commit.partition.partition) == (self._run.topic, partition)
        ]
        return positions[-1] if positions else 0

    def _done(self, record: SourceRecord) -> float:
        ends = [
            c.answered_at for c in self._calls[record.event] if c.written_at and c.settled and c.answered_at
        ]
        return min([*ends, *self._written(record)], default=float("inf"))

    def _written(self, record: SourceRecord) -> list[float]:
        """When its dead letters were made: a frozen owner's may be stored after its successor's."""
        return sorted(
            letter.at for letter in self._letters[f"{self._run.topic}:{record.partition}:{record.offset}"]
        )

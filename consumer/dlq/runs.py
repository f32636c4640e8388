"""Replay runs, and what became of each of their replays, from the replay and outcomes topics. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from consumer.clock import rfc3339
from consumer.delivery.dead_letter_state import StateChange, read_state_change, supersedes
from consumer.delivery.outcome import STATE_KEY_PREFIX
from consumer.delivery.replay import Replay, read_replay
from consumer.dlq.outcomes import read_outcome
from consumer.records import Record

# `failed`: dead-lettered again; `not_taken`: another run sent the same dead letter at once and was first;
# `waiting`: no end yet.
End = Literal["applied", "superseded", "failed", "discarded", "not_taken", "waiting"]
_ENDS: Mapping[str, End] = {
    "applied": "applied",
    "superseded": "superseded",
    "open": "failed",
    "discarded": "discarded",
}


def is_of_another_run(change: StateChange, run_id: str) -> bool:
    """Whether the replay of this count that the consumer took was another run's; a discard is of none."""
    return change.run_id is not None and change.run_id != run_id


@dataclass(frozen=True, slots=True)
class Run:
    """One run's replays, by dead letter."""

    id: str
    replays: Mapping[str, Replay]

    @property
    def first(self) -> Replay:
        """The replay that says who began it, when and why."""
        return min(self.replays.values(), key=lambda replay: replay.at)


class Runs:
    """Fed with the records of both topics, the replay topic's first."""

    def __init__(self) -> None:
        """Empty."""
        self._runs: dict[str, dict[str, Replay]] = defaultdict(dict)
        self._last_count: dict[str, int] = {}
        # By dead letter and count, and then by run: two that sent one at once may both come to an end.
        self._changes: dict[tuple[str, int], dict[str | None, StateChange]] = defaultdict(dict)
        self._outcomes: dict[str, Mapping[str, Any]] = {}

    def add_replays(self, records: Iterable[Record]) -> None:
        """Records of the replay topic."""
        for record in records:
            replay = read_replay(record)
            if replay is None:
                continue
            self._runs[replay.run_id].setdefault(replay.dead_letter_id, replay)
            held = self._last_count.get(replay.dead_letter_id, 0)
            self._last_count[replay.dead_letter_id] = max(held, replay.count)

    def add_outcomes(self, records: Iterable[Record]) -> None:
        """Records of the outcomes topic, of both kinds."""
        for record in records:
            if record.key is None or record.value is None:
                continue
            if record.key.startswith(STATE_KEY_PREFIX):
                self._add_change(record.value)
            elif b'"deadLetterId":null' not in record.value:
                self._add_outcome(record.value)

    def newest_first(self) -> Iterator[Run]:
        """All of them."""
        runs = [Run(run_id, replays) for run_id, replays in self._runs.items()]
        yield from sorted(runs, key=lambda run: (run.first.at, run.id), reverse=True)

    def end(self, replay: Replay) -> End:
        """What a replay came to. One that was followed by another failed, or was lost."""
        change = self._change(replay)
        if change is not None and change.state in _ENDS:
            return "not_taken" if is_of_another_run(change, replay.run_id) else _ENDS[change.state]
        return "failed" if self._last_count[replay.dead_letter_id] > replay.count else "waiting"

    def row(self, account: str, run: Run) -> dict[str, Any]:
        """A run for programs."""
        ends = [self.end(replay) for replay in run.replays.values()]
        return {
            "run": run.id,
            "at": run.first.at,
            "by": run.first.by,
            "reason": run.first.reason,
            "account": account,
            "replayed": len(ends),
            "applied": ends.count("applied"),
            "superseded": ends.count("superseded"),
            "failed": ends.count("failed"),
            "discarded": ends.count("discarded"),
            "not_taken": ends.count("not_taken"),
            "waiting": ends.count("waiting"),
            "mended": sum(replay.mended for replay in run.replays.values()),
        }

    def rows_of(self, account: str, run: Run) -> Iterator[dict[str, Any]]:
        """A row for each of its dead letters, in order of their first origin."""
        for replay in sorted(run.replays.values(), key=lambda replay: replay.origin):
            change = self._change(replay)
            outcome = self._outcomes.get(replay.dead_letter_id, {})
            end = self.end(replay)
            first = change.run_id if change is not None and end == "not_taken" else None
            yield {
                "run": run.id,
                "account": account,
                "id": replay.dead_letter_id,
                "end": end,
                "first_run": first,
                "outcome": None if change is None or first is not None else change.outcome,
                "class": outcome.get("errorClass") if end == "failed" else None,
                "session": outcome.get("session"),
                "event_id": (outcome.get("event") or {}).get("id"),
                "replay_count": replay.count,
                "mended": replay.mended,
                "by": replay.by,
                "ended_at": None if change is None or end == "waiting" else rfc3339(change.at),
            }

    def _change(self, replay: Replay) -> StateChange | None:
        """Its own end; else that of another run's with the same count, or what it was settled as."""
        found = self._changes.get((replay.dead_letter_id, replay.count), {})
        own = found.get(replay.run_id)
        if own is not None and own.state in _ENDS:
            return own
        ends = [change for change in found.values() if change.state in _ENDS]
        return next((change for change in ends if change.run_id is not None), ends[0] if ends else own)

    def _add_change(self, value: bytes) -> None:
        try:
            change = read_state_change(value)
        except ValueError:
            return
        found = self._changes[change.dead_letter_id, change.replay_count]
        held = found.get(change.run_id)
        # What a replay came to, not that it was discarded afterwards.
        ended = held is not None and held.state not in ("replaying", "discarded")
        if held is None or (supersedes(change, held) and not (ended and change.state == "discarded")):
            found[change.run_id] = change

    def _add_outcome(self, value: bytes) -> None:
        """The last of each dead letter: it says whose event it is, and why it failed."""
        found = read_outcome(value)
        if found is not None and found["deadLetterId"] in self._last_count:
            self._outcomes[found["deadLetterId"]] = found

"""All there is to know of one dead letter, put together from what the three topics say of it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from consumer.clock import rfc3339
from consumer.delivery.dead_letter_state import StateChange, read_state_change
from consumer.delivery.outcome import STATE_KEY_PREFIX
from consumer.delivery.replay import Replay, original_headers, read_replay
from consumer.dlq.letter import Letter, read_letter
from consumer.dlq.outcomes import read_outcome
from consumer.dlq.register import Register, Standing
from consumer.records import Record


@dataclass(slots=True)
class Dossier:
    """Fed with the copies of one dead letter, then with its session's records in the three topics.

    `outcomes`: its session's, in the order written, but for those that its own copies came with.
    """

    account: str
    copies: list[tuple[Letter, Record]]
    replays: list[Replay] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    outcomes: list[Mapping[str, Any]] = field(default_factory=list)
    register: Register = field(default_factory=Register)

    def __post_init__(self) -> None:
        """Its own copies are in the register first."""
        self.register.add_letters(record for _, record in self.copies)

    @property
    def letter(self) -> Letter:
        """The newest copy."""
        return self.register.letters[self.copies[0][0].id]

    @property
    def record(self) -> Record:
        """The record as it was first read, as far as the newest copy keeps it: its topic, place, headers."""
        newest = self.letter
        kept = next(
            record
            for _, record in self.copies
            if (record.partition, record.offset) == (newest.partition, newest.offset)
        )
        sent = newest.source_timestamp
        return Record(
            *newest.origin,
            round(_seconds(sent) * 1000) if sent else -1,
            kept.key,
            kept.value,
            original_headers(kept.headers),
        )

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        return self.register.standing(self.letter)

    def add_replays(self, records: Iterable[Record]) -> None:
        """Records of the replay topic."""
        for record in records:
            replay = read_replay(record)
            if replay is not None and replay.dead_letter_id in self.register.letters:
                self.register.add_replays([record])
                if replay.dead_letter_id == self.letter.id:
                    self.replays.append(replay)

    def add_outcomes(self, records: Iterable[Record]) -> None:
        """Records of the outcomes topic, its session's and the states of dead letters."""
        for record in records:
            self.register.add_outcomes([record])
            if record.value is None or record.key is None:
                continue
            try:
                if record.key.startswith(STATE_KEY_PREFIX):
                    change = read_state_change(record.value)
                    self.changes += [change] if change.dead_letter_id == self.letter.id else []
                else:
                    found = read_outcome(record.value)
                    self.outcomes += [found] if found is not None and self._is_news(found) else []
            except ValueError:
                continue

    def _is_news(self, outcome: Mapping[str, Any]) -> bool:
        """Whether it says more than that this dead letter was written."""
        return outcome.get("outcome") != "dead_lettered" or outcome.get("deadLetterId") != self.letter.id

    def others(self) -> list[tuple[Letter, Standing]]:
        """The session's other dead letters that are open, the newest first."""
        found = [(each, self.register.standing(each)) for each in self.register if each.id != self.letter.id]
        found = [each for each in found if each[1].state == "open"]
        return sorted(found, key=lambda each: -each[0].failed_at_seconds)

    def history(self) -> list[dict[str, Any]]:
        """What happened to it, the oldest first; each with `at` and `what`."""
        failed = {letter.replay_count: letter for letter, _ in self.copies}
        replayed = {replay.count: replay for replay in self.replays}
        entries = [_failure(letter) for letter in failed.values()]
        entries += [_replay(replay) for replay in replayed.values()]
        entries += [
            _change(change)
            for change in self.changes
            if not (change.state == "replaying" and change.replay_count in replayed)
            and not (change.state == "open" and change.replay_count in failed and change.outcome)
        ]
        return sorted(entries, key=lambda entry: (_seconds(entry["at"]), _ORDER.index(entry["what"])))


_ORDER: Sequence[str] = ("failed", "replayed", "replaying", "applied", "superseded", "discarded", "open")


def copy_of(record: Record) -> tuple[Letter, Record] | None:
    """A record of the dead-letter topic as one of a dossier's copies."""
    letter = read_letter(record)
    return None if letter is None else (letter, record)


def _failure(letter: Letter) -> dict[str, Any]:
    return {
        "at": letter.failed_at,
        "what": "failed",
        "class": letter.error_class,
        "message": letter.message,
        "calls": letter.calls,
        "replay_count": letter.replay_count,
        "run_id": letter.run_id,
    }


def _replay(replay: Replay) -> dict[str, Any]:
    return {
        "at": replay.at,
        "what": "replayed",
        "replay_count": replay.count,
        "run_id": replay.run_id,
        "by": replay.by,
        "reason": replay.reason,
        "mended": replay.mended,
    }


def _change(change: StateChange) -> dict[str, Any]:
    return {
        "at": rfc3339(change.at),
        "what": change.state,
        "replay_count": change.replay_count,
        "run_id": change.run_id,
        "by": change.by,
        "reason": change.reason,
        "outcome": change.outcome,
    }


def _seconds(text: str) -> float:
    """Of what others may have written: what is no time comes first."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0

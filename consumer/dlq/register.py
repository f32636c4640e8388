"""The register of an account's dead letters: each one's newest copy, and where it stands. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from consumer.delivery.dead_letter_state import StateChange, read_state_change, supersedes
from consumer.delivery.newness import Version, newer
from consumer.delivery.outcome import STATE_KEY_PREFIX, Applied, applied_of
from consumer.delivery.replay import Replay, read_replay
from consumer.delivery.session_ledger import version_of_applied
from consumer.dlq.letter import Letter, read_letter
from consumer.records import Headers, Record
from schemas import dead_letter as names
from schemas.outcome import DeadLetterStateName


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a dead letter stands. `replay_count`: how often it was replayed so far, the waiting one included.

    `change`: the last change of its state; `applied`: its session's last applied event, if it is known;
    `waiting`: the replay that has no end yet.
    """

    state: DeadLetterStateName
    replay_count: int
    change: StateChange | None
    applied: Applied | None
    waiting: Replay | None


class Register:
    """Fed with the records of three topics, the dead letters first; then it knows how each one stands.

    What is kept is a line for each dead letter and for each of their sessions, no contents. `wants`: only
    those whose newest copy it wants are kept.
    """

    def __init__(self, wants: Callable[[Letter, Record], bool] = lambda *_: True) -> None:
        """Empty."""
        self._wants = wants
        self.letters: dict[str, Letter] = {}
        # Records of the dead-letter topic that are no dead letters of ours, and copies of those that are.
        self.foreign = 0
        # There is no replay topic, so that nothing can have been replayed.
        self.without_replays = False
        self.copies = 0
        self._applied: dict[str, Applied | None] = {}
        self._changes: dict[str, StateChange] = {}
        self._replays: dict[str, Replay] = {}

    def add_letters(self, records: Iterable[Record]) -> list[Letter]:
        """Records of the dead-letter topic; gives back those wanted that are the newest copies now."""
        new = []
        for record in records:
            letter = read_letter(record)
            if letter is None:
                self.foreign += 1
                continue
            held = self.letters.get(letter.id)
            if held is not None:
                self.copies += 1
                if held.replay_count >= letter.replay_count:
                    continue
            if not self._wants(letter, record):
                self.letters.pop(letter.id, None)
                continue
            self.letters[letter.id] = letter
            if letter.session is not None:
                self._applied.setdefault(letter.session, None)
            new.append(letter)
        return new

    def keep_only(self, letters: Iterable[Letter]) -> None:
        """Forget all others, before their standings are read."""
        self.letters = {letter.id: letter for letter in letters}
        self._applied = {each.session: None for each in self.letters.values() if each.session is not None}

    def wants_outcome(self, key: bytes | None) -> bool:
        """Whether a record of the outcomes topic with this key says how one of its dead letters stands."""
        if key is None:
            return False
        if key.startswith(STATE_KEY_PREFIX):
            return key[len(STATE_KEY_PREFIX) :].decode(errors="replace") in self.letters
        return key.decode(errors="replace") in self._applied

    def wants_replay(self, headers: Headers) -> bool:
        """Whether a record of the replay topic with these headers is a replay of one of its dead letters."""
        value = dict(headers).get(names.ID)
        return value is not None and value.decode(errors="replace") in self.letters

    def add_replays(self, records: Iterable[Record]) -> None:
        """Records of the replay topic."""
        for record in records:
            replay = read_replay(record)
            if replay is None:
                continue
            held = self._replays.get(replay.dead_letter_id)
            if held is None or held.count <= replay.count:
                self._replays[replay.dead_letter_id] = replay

    def add_outcomes(self, records: Iterable[Record]) -> None:
        """Records of the outcomes topic, of both kinds."""
        for record in records:
            if record.key is None or record.value is None:
                continue
            try:
                if record.key.startswith(STATE_KEY_PREFIX):
                    self._add_change(read_state_change(record.value))
                elif (session := record.key.decode("ascii")) in self._applied:
                    self._add_applied(session, applied_of(record.value))
            except ValueError:  # no outcome: others may write to the topic too
                continue

    def _add_change(self, change: StateChange) -> None:
        held = self._changes.get(change.dead_letter_id)
        if held is None or supersedes(change, held):
            self._changes[change.dead_letter_id] = change

    def _add_applied(self, session: str, applied: Applied | None) -> None:
        held = self._applied[session]
        if applied is None:
            return
        if held is None or newer(version_of_applied(applied, 1), version_of_applied(held)):
            self._applied[session] = applied

    def change(self, dead_letter_id: str) -> StateChange | None:
        """The last change of its state, whether its dead letter is still there or not."""
        return self._changes.get(dead_letter_id)

    def standing(self, letter: Letter) -> Standing:
        """Where it stands, by all that was read so far."""
        change = self._changes.get(letter.id)
        replay = self._replays.get(letter.id)
        applied = None if letter.session is None else self._applied.get(letter.session)
        ended = 0 if change is None else change.replay_count
        count = max(letter.replay_count, ended, 0 if replay is None else replay.count)
        waiting = replay if replay is not None and _waits(replay, letter, change) else None
        return Standing(_state(letter, change, waiting, applied), count, change, applied, waiting)

    def __iter__(self) -> Iterator[Letter]:
        """The newest copy of each, in reading order of the first copies."""
        return iter(self.letters.values())

    def __len__(self) -> int:
        """How many dead letters there are, copies not counted."""
        return len(self.letters)


def _waits(replay: Replay, letter: Letter, change: StateChange | None) -> bool:
    """Whether the newest replay on the replay topic has no end yet."""
    if change is not None and change.state == "replaying":
        return replay.count >= change.replay_count
    ended = 0 if change is None else change.replay_count
    return replay.count > max(ended, letter.replay_count)


def _state(
    letter: Letter, change: StateChange | None, waiting: Replay | None, applied: Applied | None
) -> DeadLetterStateName:
    """The first that holds. A `replaying` without a replay on the topic is none: it can't end any more."""
    if change is not None and change.state not in ("open", "replaying"):
        return change.state
    if waiting is not None:
        return "replaying"
    if applied is not None and _is_same(applied, letter):
        return "applied"  # its publisher sent it once more
    if applied is not None and _is_newer(applied, letter.version):
        return "superseded"
    return "open"


def _is_same(applied: Applied, letter: Letter) -> bool:
    """Whether the session's last applied event is the one that failed, and was applied after that."""
    event = applied.event
    return (event.id, event.source) == (
        letter.event_id,
        letter.event_source,
    ) and applied.at_us / 1e6 >= letter.failed_at_seconds


def _is_newer(applied: Applied, version: Version | None) -> bool:
    """Whether the session's last applied event is another one and newer."""
    if version is None:
        return False
    last = version_of_applied(applied)
    return not last.same_event(version) and newer(last, version)

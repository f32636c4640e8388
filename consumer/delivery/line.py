"""The changes of one session that wait, and which is sent: the newest that makes others needless. Pure.

Decision 13 has the rules and why they keep law 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from consumer.delivery.change import Change
from consumer.delivery.newness import Crest, Version, newer
from consumer.events.model import SessionKey

Outcome = Literal["applied", "superseded", "stale", "duplicate", "dead_lettered"]

# How far back a copy of a waiting change is looked for.
COPIES_WITHIN = 100


@dataclass(frozen=True, slots=True)
class Group:
    """What one call settles: the change that is `sent`, and those `before` it that it makes needless."""

    sent: Change
    before: tuple[Change, ...] = ()

    @property
    def session(self) -> SessionKey:
        """Of all of them."""
        return self.sent.session

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them, in reading order."""
        return (*self.before, self.sent)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a change. `by`: the change that superseded it."""

    change: Change
    outcome: Outcome
    by: Change | None = None


class Line:
    """The waiting changes of a session, in reading order; there is always one.

    `last`: the session's last applied event; the head of the line is newer. The *rise* is the longest
    prefix in which each change is newer than `last` and than all before it, so that each would be
    called for, were they delivered one by one, whatever became of those before. Of the rise the last
    one is chosen that carries every optional field of those before it.

    Adding a change and choosing take constant time, amortised over what is taken away.
    """

    __slots__ = (
        "_chosen",
        "_crest",
        "_cut",
        "_fields",
        "_on_trial",
        "_rise",
        "changes",
        "last",
        "live",
        "tried_at",
    )

    def __init__(self, first: Change, last: Version | None) -> None:
        """A line of one."""
        self.changes = [first]
        self.last = last
        # How many of them are no replays.
        self.live = int(not first.is_replay)
        # The start of the newest call; 0: none yet.
        self.tried_at = 0.0
        self._on_trial = False
        self._restart()

    @property
    def chosen(self) -> Change:
        """The change to send at the line's next turn."""
        return self.changes[self._chosen]

    def group(self) -> Group:
        """What the next call is for."""
        return Group(self.chosen, tuple(self.changes[: self._chosen]))

    def add(self, change: Change) -> None:
        """A change that was read after the others."""
        self.changes.append(change)
        self.live += not change.is_replay
        self._grow()

    def tried(self, group: Group) -> None:
        """The group's call settled nothing. Where its change is on trial it is chosen again."""
        self.tried_at = max(self.tried_at, group.sent.attempts.started_at or 0.0)
        was_on_trial, self._on_trial = self._on_trial, group.sent.attempts.on_trial
        if self._on_trial:
            self._chosen = len(group.before)
        elif was_on_trial:
            self._restart()

    def remove(self, removed: Sequence[Change], last: Version | None) -> list[Settled]:
        """These are settled, `last` is the last applied one now; which heads of the line that settles too.

        The line may be empty then, and is of no use any more.
        """
        gone = set(map(id, removed))
        self.changes = [change for change in self.changes if id(change) not in gone]
        self.last = last
        heads = []
        for change in self.changes:
            outcome = without_call(change.version, last)
            if outcome is None:
                break
            heads.append(Settled(change, outcome))
        del self.changes[: len(heads)]
        self.live = sum(not change.is_replay for change in self.changes)
        self._restart()
        return heads

    def is_needless_copy(self, copy: Change) -> bool:
        """Whether a copy of a waiting change can go at once: at its turn it could change nothing.

        So it is where the waiting one has its call (or is made needless) in any case and all behind it
        are newer than the copy, too. That may fail on a tie, since the copy has a later origin, and where
        `newer` goes in a circle. Looks at the newest `COPIES_WITHIN` only: no is always safe. With a replay
        it is not so: its dead letter's state has to be its own, and no event waits for a replay's turn.
        """
        for place in range(len(self.changes) - 1, max(-1, len(self.changes) - 1 - COPIES_WITHIN), -1):
            waiting = self.changes[place]
            if waiting.version.same_event(copy.version):
                return place < self._rise and not (waiting.is_replay or copy.is_replay)
            if not newer(waiting.version, copy.version):
                return False
        return False

    def _restart(self) -> None:
        self._crest = Crest(self.last)
        self._rise = 0
        self._fields = 0
        self._chosen = 0
        self._cut = False
        self._on_trial = False
        self._grow()

    def _grow(self) -> None:
        while not self._cut and self._rise < len(self.changes):
            change = self.changes[self._rise]
            if (self._rise > 0 and self._is_copy(change)) or not self._crest.below(change.version):
                self._cut = True
                return
            self._crest.add(change.version)
            self._fields |= change.fields
            if self._fields == change.fields and not self._on_trial:
                self._chosen = self._rise
            self._rise += 1

    def _is_copy(self, change: Change) -> bool:
        """Whether it may turn out a duplicate, of the last applied one or of one before it in the line."""
        return change.repeats or (self.last is not None and change.version.same_event(self.last))


def without_call(version: Version, last: Version | None) -> Outcome | None:
    """What becomes of an event at its turn without a call; None: it needs one."""
    if last is None:
        return None
    if version.same_event(last):
        return "duplicate"
    return "stale" if newer(last, version) else None

"""Which call is next: one line per session, one call per session at a time, the newest first in it. Pure."""

from collections.abc import Iterable
from functools import partial

from consumer.delivery.change import Change
from consumer.delivery.line import Group, Line, Settled, without_call
from consumer.delivery.newness import Ledger, NoLedger
from consumer.delivery.turns import Order, Queue, SharedTurns
from consumer.events.model import SessionKey


class Backlog:
    """The changes that wait, in a line per session.

    A session is in exactly one place: ready, aside until a time, or out for a call. Times are epoch
    seconds. What is settled without a call is given back at once, by whatever let it be known.
    """

    def __init__(
        self,
        blocked: dict[SessionKey, float] | None = None,
        ledger: Ledger | None = None,
        order: Order = "oldest",
        replay_share: float = 0.1,
    ) -> None:
        """`blocked`: sessions of which a call may still arrive, and until when; kept by the account.

        `ledger`: each session's last applied event; kept up to date here. `order`, `replay_share`: see
        `turns`.
        """
        self._lines: dict[SessionKey, Line] = {}
        self._ready = SharedTurns(order, replay_share)
        self._aside = Queue()
        self._out: set[SessionKey] = set()
        # A call of the session may still arrive until then: nothing is sent before (see quota.abort).
        self._blocked: dict[SessionKey, float] = {} if blocked is None else blocked
        self._ledger: Ledger = NoLedger() if ledger is None else ledger
        self._events = self._replays = 0
        # How many copies of an event are in its session's line.
        self._copies: dict[tuple[SessionKey, str, str], int] = {}

    @property
    def events(self) -> int:
        """Changes that wait or are out for a call."""
        return self._events

    @property
    def replays(self) -> int:
        """How many of them are replays."""
        return self._replays

    @property
    def sessions(self) -> int:
        """Sessions that have a change."""
        return len(self._lines)

    def oldest_event_at(self) -> float | None:
        """The event time of the longest waiting change, replays left out: theirs are old anyway."""
        heads = (
            next(change for change in line.changes if not change.is_replay)
            for line in self._lines.values()
            if line.live
        )
        oldest = min(heads, key=lambda change: change.sequence, default=None)
        return None if oldest is None else oldest.event_at

    def add(self, change: Change) -> list[Settled]:
        """The change gets in line behind the earlier ones of its session, or is settled as it comes."""
        line = self._lines.get(change.session)
        if line is None:
            last = self._ledger.get(change.session)
            outcome = without_call(change.version, last)
            if outcome is not None:
                return [Settled(change, outcome)]
            line = self._lines[change.session] = Line(change, last)
            self._count(change)
            self._line_up(line, not_before=0.0)
            return []
        if _key(change) in self._copies:
            if line.is_needless_copy(change):
                return [Settled(change, "duplicate")]
            change.repeats = True
        line.add(change)
        self._count(change)
        if change.session in self._ready:
            self._line_up(line, not_before=0.0)
        return []

    def take(self, now: float) -> Group | None:
        """What the next call is for, now out for it; None if nothing is ready."""
        self._bring_back(now)
        session = self._ready.take(now)
        return None if session is None else self._sent_out(session)

    def take_probe(self, now: float, *, newest: bool = False) -> Group | None:
        """What to try a closed account with: of the session that was tried the longest ago.

        Among those that were never tried one that waits not with replays only, and the oldest, or the
        `newest`: what fails may be a whole course whose changes came one after the other. A call that a
        dead token ended is repeated first: a further session could only show the same once more. Changes
        that were set aside count too, unless an earlier call of theirs may arrive.
        """
        waiting = [*self._ready, *self._aside.places]
        lines = (self._lines[s] for s in waiting if self._blocked.get(s, 0.0) <= now)
        line = min(lines, key=partial(_turn, newest=newest), default=None)
        return None if line is None else self._sent_out(line.chosen.session)

    def put_back(self, group: Group, not_before: float = 0.0) -> None:
        """The group's call settled nothing: it keeps its place, aside until `not_before`.

        What is sent at its next turn is chosen anew, unless its change is on trial.
        """
        self._out.remove(group.session)
        line = self._lines[group.session]
        line.tried(group)
        self._line_up(line, not_before)

    def applied(self, group: Group) -> list[Settled]:
        """The group's call was applied. What is settled by that, in reading order."""
        self._ledger.set(group.session, group.sent.version)
        settled = [Settled(change, "superseded", group.sent) for change in group.before]
        return self._settle(group, [*settled, Settled(group.sent, "applied")])

    def refused(self, group: Group, *, whole_session: bool) -> list[Settled]:
        """The change that was sent is given up, or the whole group, where the answer is about the session.

        What is settled by that. What the refused change had made needless waits on.
        """
        changes = group.changes if whole_session else (group.sent,)
        return self._settle(group, [Settled(change, "dead_lettered") for change in changes])

    def block(self, session: SessionKey, until: float) -> None:
        """A call of this session ended without an answer and may arrive until then.

        To be said while its group is out, before it is put back or settled.
        """
        self._blocked[session] = until

    def waiting(self, by: float, at_most: int) -> int:
        """How many calls could be made by then, counted up to `at_most`."""
        ready = len(self._ready)
        if ready < at_most:
            ready += sum(not_before <= by for not_before in self._aside.places.values())
        return min(ready, at_most)

    def next_ready_at(self) -> float | None:
        """When the next session that was set aside is ready; None if none is aside."""
        first = self._aside.first()
        return None if first is None else first[0]

    def _sent_out(self, session: SessionKey) -> Group:
        self._ready.discard(session)
        self._aside.discard(session)
        self._out.add(session)
        return self._lines[session].group()

    def _settle(self, group: Group, settled: list[Settled]) -> list[Settled]:
        session = group.session
        self._out.remove(session)
        line = self._lines[session]
        changes = [each.change for each in settled]
        settled += line.remove(changes, self._ledger.get(session))
        self._uncount(each.change for each in settled)
        if line.changes:
            self._line_up(line, not_before=0.0)
        else:
            del self._lines[session]
        return settled

    def _count(self, change: Change) -> None:
        self._events += 1
        self._replays += change.is_replay
        key = _key(change)
        self._copies[key] = self._copies.get(key, 0) + 1

    def _uncount(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._events -= 1
            self._replays -= change.is_replay
            key = _key(change)
            self._copies[key] -= 1
            if not self._copies[key]:
                del self._copies[key]

    def _line_up(self, line: Line, not_before: float) -> None:
        session = line.chosen.session
        until = max(not_before, self._blocked.get(session, 0.0))
        if until > 0.0:
            self._aside.put(session, until)
        else:
            self._make_ready(line)

    def _bring_back(self, now: float) -> None:
        while (first := self._aside.first()) is not None and first[0] <= now:
            self._aside.discard(first[1])
            self._make_ready(self._lines[first[1]])
        for session in [s for s, until in self._blocked.items() if until <= now]:
            del self._blocked[session]

    def _make_ready(self, line: Line) -> None:
        session, sequence = line.chosen.session, line.changes[0].sequence
        self._ready.put(session, sequence, line.chosen.starts_at, live=line.live > 0)


def _key(change: Change) -> tuple[SessionKey, str, str]:
    return change.session, change.version.source, change.version.id


def _turn(line: Line, *, newest: bool) -> tuple[bool, float, bool, int]:
    oldest = line.changes[0].sequence
    return (
        not line.chosen.attempts.token_repeated,
        line.tried_at,
        not line.live,
        -oldest if newest else oldest,
    )

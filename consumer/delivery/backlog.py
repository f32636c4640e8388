"""Which change is next: one line per session, the oldest first, one call per session at a time. Pure."""

import heapq
from collections import deque
from functools import partial

from consumer.delivery.change import Change
from consumer.events.model import SessionKey


class Backlog:
    """The changes that wait, in a line per session.

    A session is in exactly one place: ready, aside until a time, or out for a call. Times are epoch
    seconds. Adding and taking cost the logarithm of the number of sessions.
    """

    def __init__(self, blocked: dict[SessionKey, float] | None = None) -> None:
        """`blocked`: sessions of which a call may still arrive, and until when; kept by the account."""
        self._lines: dict[SessionKey, deque[Change]] = {}
        self._ready: list[tuple[int, SessionKey]] = []
        self._aside: list[tuple[float, int, SessionKey]] = []
        self._out: set[SessionKey] = set()
        # A call of the session may still arrive until then: nothing is sent before (see quota.abort).
        self._blocked: dict[SessionKey, float] = {} if blocked is None else blocked
        self._events = 0

    @property
    def events(self) -> int:
        """Changes that wait or are out for a call."""
        return self._events

    @property
    def sessions(self) -> int:
        """Sessions that have a change."""
        return len(self._lines)

    def oldest_event_at(self) -> float | None:
        """The event time of the longest waiting change."""
        heads = (line[0] for line in self._lines.values())
        oldest = min(heads, key=lambda change: change.sequence, default=None)
        return None if oldest is None else oldest.event_at

    def add(self, change: Change) -> None:
        """The change gets in line behind the earlier ones of its session."""
        self._events += 1
        line = self._lines.get(change.session)
        if line is not None:
            line.append(change)
            return
        self._lines[change.session] = deque([change])
        self._line_up(change, not_before=0.0)

    def take(self, now: float) -> Change | None:
        """The next change to call for, now out for its call; None if none is ready."""
        self._bring_back(now)
        if not self._ready:
            return None
        _, session = heapq.heappop(self._ready)
        self._out.add(session)
        return self._lines[session][0]

    def take_probe(self, now: float, *, newest: bool = False) -> Change | None:
        """The change to try a closed account with: of the session that was tried the longest ago.

        Among those that were never tried the oldest, or the `newest`: what fails may be a whole course
        whose changes came one after the other. A call that a dead token ended is repeated first: a
        further session could only show the same once more. Changes that were set aside count too,
        unless an earlier call of theirs may arrive.
        """
        waiting = [session for _, session in self._ready] + [session for _, _, session in self._aside]
        heads = (self._lines[s][0] for s in waiting if self._blocked.get(s, 0.0) <= now)
        change = min(heads, key=partial(_turn, newest=newest), default=None)
        if change is None:
            return None
        self._ready = [entry for entry in self._ready if entry[1] != change.session]
        self._aside = [entry for entry in self._aside if entry[2] != change.session]
        heapq.heapify(self._ready)
        heapq.heapify(self._aside)
        self._out.add(change.session)
        return change

    def put_back(self, change: Change, not_before: float = 0.0) -> None:
        """The change's call settled nothing: it stays first in its line, aside until `not_before`."""
        self._out.remove(change.session)
        self._line_up(change, not_before)

    def remove(self, change: Change) -> None:
        """The change is settled; the next one of its session gets in line."""
        self._out.remove(change.session)
        line = self._lines[change.session]
        line.popleft()
        self._events -= 1
        if line:
            self._line_up(line[0], not_before=0.0)
        else:
            del self._lines[change.session]

    def block(self, session: SessionKey, until: float) -> None:
        """A call of this session ended without an answer and may arrive until then.

        To be said while its change is out, before it is put back or removed.
        """
        self._blocked[session] = until

    def waiting(self, by: float, at_most: int) -> int:
        """How many changes could be taken by then, counted up to `at_most`."""
        ready = len(self._ready)
        if ready < at_most:
            ready += sum(not_before <= by for not_before, _, _ in self._aside)
        return min(ready, at_most)

    def next_ready_at(self) -> float | None:
        """When the next change that was set aside is ready; None if none is aside."""
        return self._aside[0][0] if self._aside else None

    def _line_up(self, head: Change, not_before: float) -> None:
        until = max(not_before, self._blocked.get(head.session, 0.0))
        if until > 0.0:
            heapq.heappush(self._aside, (until, head.sequence, head.session))
        else:
            heapq.heappush(self._ready, (head.sequence, head.session))

    def _bring_back(self, now: float) -> None:
        while self._aside and self._aside[0][0] <= now:
            _, sequence, session = heapq.heappop(self._aside)
            heapq.heappush(self._ready, (sequence, session))
        for session in [s for s, until in self._blocked.items() if until <= now]:
            del self._blocked[session]


def _turn(change: Change, *, newest: bool) -> tuple[bool, float, int]:
    attempts = change.attempts
    place = -change.sequence if newest else change.sequence
    return not attempts.token_repeated, attempts.started_at or 0.0, place

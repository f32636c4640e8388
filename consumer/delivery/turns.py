"""Which session's turn it is: the oldest's, or the one's that starts soonest; replays get a share. Pure."""

import heapq
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Literal

from consumer.events.model import SessionKey

Order = Literal["oldest", "soonest"]

# Of so many turns by `soonest` one goes to the oldest, so that nobody waits for ever: a session's turn
# comes after at most so many turns for each session that was in line before it.
OLDEST_EVERY = 4

# A heap is built anew once it holds so many more entries than twice the valid ones.
_SPARE_ENTRIES = 64


class Queue:
    """Sessions by a number, the lowest first. Each change costs the logarithm of their count, amortised."""

    def __init__(self) -> None:
        """Empty."""
        self.places: dict[SessionKey, float] = {}
        # Entries that `places` doesn't know are left where they are, until they come up.
        self._heap: list[tuple[float, SessionKey]] = []

    def put(self, session: SessionKey, place: float) -> None:
        """The session has this place now, whatever it had before."""
        if self.places.get(session) == place:
            return
        self.places[session] = place
        heapq.heappush(self._heap, (place, session))
        if len(self._heap) > 2 * len(self.places) + _SPARE_ENTRIES:
            self._heap = [(place, session) for session, place in self.places.items()]
            heapq.heapify(self._heap)

    def discard(self, session: SessionKey) -> None:
        """The session is not in here any more, if it was."""
        self.places.pop(session, None)

    def first(self) -> tuple[float, SessionKey] | None:
        """The lowest place and its session; None if there is none."""
        while self._heap:
            place, session = self._heap[0]
            if self.places.get(session) == place:
                return place, session
            heapq.heappop(self._heap)
        return None


class Turns:
    """The sessions that may be called now, in the order of their turns."""

    def __init__(self, order: Order) -> None:
        """`soonest`: the session that starts next goes first, past ones last, but for `OLDEST_EVERY`."""
        self._by_age = Queue()
        # With `soonest`, those that were not seen to be past.
        self._by_start = Queue()
        self._soonest = order == "soonest"
        self._taken = 0

    def __len__(self) -> int:
        """How many sessions there are."""
        return len(self._by_age.places)

    def __contains__(self, session: SessionKey) -> bool:
        """Whether this one is among them."""
        return session in self._by_age.places

    def __iter__(self) -> Iterator[SessionKey]:
        """All of them, in no order."""
        return iter(self._by_age.places)

    def put(self, session: SessionKey, sequence: int, starts_at: float) -> None:
        """The session's oldest change is the `sequence`-th; the one to be sent starts then, epoch seconds."""
        self._by_age.put(session, sequence)
        if self._soonest:
            self._by_start.put(session, starts_at)

    def discard(self, session: SessionKey) -> None:
        """The session waits no more."""
        self._by_age.discard(session)
        self._by_start.discard(session)

    def take(self, now: float) -> SessionKey | None:
        """Whose turn it is; it waits no more. None: nobody's."""
        session = self._next(now)
        if session is not None:
            self.discard(session)
            self._taken += 1
        return session

    def _next(self, now: float) -> SessionKey | None:
        soonest = None
        if self._soonest and self._taken % OLDEST_EVERY < OLDEST_EVERY - 1:
            while (soonest := self._by_start.first()) is not None and soonest[0] <= now:
                self._by_start.discard(soonest[1])
        first = soonest or self._by_age.first()
        return None if first is None else first[1]


class SharedTurns:
    """The sessions that may be called now: those with a live change first, the others with their share.

    Of the turns that both kinds wait for, those that wait with replays only get `replay_share`, evenly
    spread: after any number of such turns their part is right to within one.
    """

    def __init__(self, order: Order, replay_share: float) -> None:
        """`replay_share`: from 0, when live ones are ready never, to 1, then always."""
        self._live, self._replays = Turns(order), Turns(order)
        # As the decimal number that it was set to: 0.1 ten times is one.
        self._share = Fraction(str(replay_share))
        self._credit = Fraction(0)

    def __len__(self) -> int:
        """How many sessions there are."""
        return len(self._live) + len(self._replays)

    def __contains__(self, session: SessionKey) -> bool:
        """Whether this one is among them."""
        return session in self._live or session in self._replays

    def __iter__(self) -> Iterator[SessionKey]:
        """All of them, in no order."""
        return chain(self._live, self._replays)

    def put(self, session: SessionKey, sequence: int, starts_at: float, *, live: bool) -> None:
        """As `Turns.put`. `live`: it waits not with replays only, whatever it did before."""
        mine, other = (self._live, self._replays) if live else (self._replays, self._live)
        other.discard(session)
        mine.put(session, sequence, starts_at)

    def discard(self, session: SessionKey) -> None:
        """The session waits no more."""
        self._live.discard(session)
        self._replays.discard(session)

    def take(self, now: float) -> SessionKey | None:
        """Whose turn it is; it waits no more. None: nobody's."""
        if not self._live or not self._replays:
            return (self._live or self._replays).take(now)
        self._credit += self._share
        if self._credit < 1:
            return self._live.take(now)
        self._credit -= 1
        return self._replays.take(now)

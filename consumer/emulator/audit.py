"""What came in, counted from the server's side: so that a test can say that the quota was kept."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from consumer.emulator.throttle import Passage


@dataclass(frozen=True, slots=True)
class Audit:
    """A snapshot. Times are those of the emulator's clock, in seconds.

    `arrivals` are the last ones, as many as are kept; every other number covers all calls since the
    start or the last reset. `most_in_window`: the most calls that arrived within less than
    `window_seconds` of each other, refused ones included. `refused_by_lock` counts the calls that
    tripped a lock and the `calls_during_lock` after them. `locks` are those which calls tripped, not
    those that a test imposed. `answers` is by verdict or fault kind, `mint_answers` the same for the
    token endpoint. `writes` are changes that took effect. `requests_per_second` is the mean between
    the first and the last arrival, 0 with fewer than two.
    """

    calls: int
    arrivals: tuple[float, ...]
    most_in_window: int
    window_seconds: float
    refused_by_lock: int
    calls_during_lock: int
    locks: int
    answers: Mapping[str, int]
    writes: int
    mints: int
    mint_answers: Mapping[str, int]
    most_in_flight: int
    most_in_flight_of_one_session: int
    requests_per_second: float


class Ledger:
    """Keeps the counts. `window_seconds` is the window of `most_in_window`."""

    def __init__(self, window_seconds: float, arrivals_kept: int) -> None:
        self._window_seconds = window_seconds
        self._arrivals: deque[float] = deque(maxlen=arrivals_kept)
        # Bounded like the arrivals: in a flood beyond that, `most_in_window` stops at the bound.
        self._in_window: deque[float] = deque(maxlen=arrivals_kept)
        self._most_in_window = 0
        self._first_at = self._last_at = 0.0
        self._passages: Counter[Passage] = Counter()
        self._answers: Counter[str] = Counter()
        self._mint_answers: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._most_in_flight = self._most_of_one = 0
        self._writes = 0

    def arrived(self, now: float, passage: Passage) -> None:
        """Count a call at its arrival."""
        if not self._passages:
            self._first_at = now
        self._last_at = now
        self._passages[passage] += 1
        self._arrivals.append(now)
        while self._in_window and now - self._in_window[0] >= self._window_seconds:
            self._in_window.popleft()
        self._in_window.append(now)
        self._most_in_window = max(self._most_in_window, len(self._in_window))

    def began(self, session_id: str) -> None:
        """Count a call of this session as in flight; "" is a call that names none."""
        self._in_flight[session_id] += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight.total())
        if session_id:
            self._most_of_one = max(self._most_of_one, self._in_flight[session_id])

    def ended(self, session_id: str) -> None:
        """Count it as over: answered, or its client gone."""
        self._in_flight[session_id] -= 1
        if self._in_flight[session_id] <= 0:
            del self._in_flight[session_id]

    def answered(self, name: str) -> None:
        """Count an answer by its verdict or fault kind, once it is decided upon."""
        self._answers[name] += 1

    def wrote(self) -> None:
        """Count a change that took effect."""
        self._writes += 1

    def minted(self, name: str) -> None:
        """Count an answer of the token endpoint."""
        self._mint_answers[name] += 1

    def snapshot(self) -> Audit:
        """Everything so far."""
        calls = self._passages.total()
        spread_seconds = self._last_at - self._first_at
        return Audit(
            calls=calls,
            arrivals=tuple(self._arrivals),
            most_in_window=self._most_in_window,
            window_seconds=self._window_seconds,
            refused_by_lock=self._passages["tripped"] + self._passages["locked"],
            calls_during_lock=self._passages["locked"],
            locks=self._passages["tripped"],
            answers=dict(self._answers),
            writes=self._writes,
            mints=self._mint_answers["minted"],
            mint_answers=dict(self._mint_answers),
            most_in_flight=self._most_in_flight,
            most_in_flight_of_one_session=self._most_of_one,
            requests_per_second=(calls - 1) / spread_seconds if spread_seconds > 0 else 0.0,
        )

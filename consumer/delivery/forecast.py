"""When the day's calls will have run out, at the pace of the last hour. Pure."""

from dataclasses import dataclass

# The pace is taken over so many windows of the quota: an hour, where a window is a minute.
WINDOWS = 60
# Fewer are no pace: a burst of a second would foretell the end of the day.
LEAST_WINDOWS = 5


@dataclass(frozen=True, slots=True)
class Forecast:
    """`counts`: (time, calls left of the day), a window apart, ascending; `latest`: the last one seen."""

    counts: tuple[tuple[float, int], ...] = ()
    latest: tuple[float, int] = (0.0, 0)

    def observed(self, left: int, window_seconds: float, now: float) -> "Forecast":
        """So many calls are left at `now`, epoch seconds."""
        latest = (now, left)
        if not self.counts or left > self.latest[1]:  # the first, or a new day
            return Forecast((latest,), latest)
        if now - self.counts[-1][0] < window_seconds:
            return Forecast(self.counts, latest)
        return Forecast((*self.counts, latest)[-WINDOWS:], latest)

    def runs_out_at(self, reserve: int, day_ends_at: float) -> float | None:
        """When only `reserve` are left, if that comes before the day's end; None: not today."""
        if len(self.counts) < LEAST_WINDOWS:
            return None
        (first_at, first), (at, left) = self.counts[0], self.latest
        if left >= first or at <= first_at:
            return None
        runs_out_at = at + max(0, left - reserve) * (at - first_at) / (first - left)
        return runs_out_at if runs_out_at < day_ends_at else None

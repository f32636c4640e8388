"""Time, as a parameter: epoch seconds from a clock that never jumps; and as text."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Clock = Callable[[], float]

# What RFC 3339 and `datetime` can say: the years 1 to 9999, in UTC.
_FIRST_SECONDS = -62_135_596_800.0
_LAST_SECONDS = 253_402_300_799.9995


def steady_clock() -> Clock:
    """Epoch seconds now, running on with the monotonic clock: no step of the wall clock shows.

    So that a quota's times can be compared within a process without fear and with another
    process's within the clock margin.
    """
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset


# Times come together: the dead letters of a flood ask for the same milliseconds again and again.
@lru_cache(maxsize=64)
def rfc3339(seconds: float) -> str:
    """Epoch seconds as RFC 3339 UTC, in milliseconds; the nearest moment where the year is not 1 to 9999.

    Publishers choose some of the times: an event's `time` and a record's timestamp may lie anywhere.
    """
    moment = datetime.fromtimestamp(min(_LAST_SECONDS, max(_FIRST_SECONDS, seconds)), tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
